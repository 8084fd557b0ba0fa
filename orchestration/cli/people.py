"""Commands about people and what they ask of each other: people, requests.

Holds arguments and drawing only. Mounted by `main`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli import acting, output
from orchestration.cli.acting import Acting, ActingNow, KeyFile, Why
from orchestration.cli.output import JsonFlag

if TYPE_CHECKING:
    from rich.console import Console

    from ledger.people import Request
    from orchestration.desk.people import Change
    from orchestration.desk.requests import Answered

_PANEL = "Close"
_ROLE = "requester, approver or auditor; once per role."
_VKEY = "Public key file of a person whose private key lies elsewhere; default: a key made here."
_NAME = "A plain name: letters, digits, '.', '_', '@', '-'."
_REQUEST = "Id of the request, or the first six digits of it or more."

people_app = typer.Typer(no_args_is_help=True, help="Who may ask, approve and look.")
requests_app = typer.Typer(no_args_is_help=True, help="What was asked for, and the answers.")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(people_app, name="people", rich_help_panel=_PANEL)
    app.add_typer(requests_app, name="requests", rich_help_panel=_PANEL)


@people_app.command("add")
def people_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help=_NAME)],
    role: Annotated[list[str], typer.Option("--role", metavar="ROLE", help=_ROLE)],
    *,
    vkey: Annotated[Path | None, typer.Option("--vkey", metavar="FILE", help=_VKEY)] = None,
    who: Acting = None,
    key: KeyFile = None,
    why: Why = "",
    as_json: JsonFlag = False,
) -> None:
    """Add a person with a key. The first two at once; others are asked for and approved.

    Running it again changes nothing.

    Example: `ledgerlake people add alice --role requester --role approver`
    """
    from orchestration.desk import people

    home = acting.home()
    given = people.read_verifier_key(vkey.read_text(encoding="utf-8")) if vkey else None
    done = people.add(
        home,
        name,
        role,
        verifier_key=given,
        signer=acting.signer(home, who, key) if who else None,
        reason=why or f"add {name}",
        when=acting.now(),
    )
    output.emit(done, as_json=as_json, human=lambda out: _draw_change(out, done))


@people_app.command("remove")
def people_remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The person.")],
    who: ActingNow,
    why: Why,
    key: KeyFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask to remove a person; another one approves. What they signed stays valid.

    Example: `ledgerlake people remove carol --as alice --why "left the company"`
    """
    from orchestration.desk import people

    home = acting.home()
    signer = acting.signer(home, who, key)
    done = people.remove(home, name, signer=signer, reason=why, when=acting.now())
    output.emit(done, as_json=as_json, human=lambda out: _draw_change(out, done))


@people_app.command("list")
def people_list(as_json: JsonFlag = False) -> None:
    """Show everybody with roles and key, removed people included.

    Example: `ledgerlake people list`
    """
    from orchestration.desk.people import list_people

    found = list_people(acting.home())

    def draw(out: "Console") -> None:
        if not found:
            out.print("Nobody yet: ledgerlake people add NAME --role requester --role approver")
            return
        rows = [{**vars(one), "roles": ", ".join(one.roles)} for one in found]
        out.print(output.table(rows, numbers=("added_commit", "removed_commit")))

    output.emit({"people": found}, as_json=as_json, human=draw)


@requests_app.command("list")
def requests_list(
    everything: Annotated[bool, typer.Option("--all", help="Answered ones too.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show what waits for an approval; with --all, everything that was ever asked for.

    Example: `ledgerlake requests list --all`
    """
    from orchestration.desk.known import read_known
    from orchestration.desk.requests import all_requests

    books = read_known(acting.home()).books
    found = all_requests(books, state=None if everything else "open")

    def draw(out: "Console") -> None:
        if not found:
            out.print("No request waits for an approval.")
            return
        names = ("request_id", "state", "about", "requester", "requested_at", "reason", "answer")
        rows = [{name: _row(one)[name] for name in names} for one in found]
        out.print(output.table(rows))

    output.emit({"requests": [_row(one) for one in found]}, as_json=as_json, human=draw)


@requests_app.command("show")
def requests_show(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help=_REQUEST)],
    as_json: JsonFlag = False,
) -> None:
    """Show one request with its signed statements and, for decisions, its events.

    Example: `ledgerlake requests show 4f21c0`
    """
    from orchestration.desk.decided_events import read_named
    from orchestration.desk.known import read_known
    from orchestration.desk.requests import find

    home = acting.home()
    asked = find(read_known(home).books, request)
    events = read_named(home, asked) if asked.action == "decide_exceptions" else []
    shown = {**_row(asked), "statements": asked.statements, "events": events}

    def draw(out: "Console") -> None:
        hidden = ("statements", "events", "subject")
        told = {k: v for k, v in shown.items() if k not in hidden and v is not None}
        out.print(output.pairs(told))
        if events:
            rows = [vars(one) for one in events[:20]]
            out.print(output.table(rows, title=f"Events: {len(events):,}", numbers=("row_index",)))
        for note in asked.statements:
            out.print(output.escape(note), soft_wrap=True)  # what is signed must not be broken

    output.emit(shown, as_json=as_json, human=draw)


@requests_app.command("approve")
def requests_approve(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help=_REQUEST)],
    who: ActingNow,
    key: KeyFile = None,
    why: Why = "",
    as_json: JsonFlag = False,
) -> None:
    """Approve what another person asked for, and carry it out, in one commit.

    Four eyes: who asked may not approve, whoever it is. Approving twice changes nothing.

    Example: `ledgerlake requests approve 4f21c0 --as bob`
    """
    from orchestration.desk.requests import approve

    home = acting.home()
    signer = acting.signer(home, who, key)
    done = approve(home, request, signer=signer, reason=why, when=acting.now())
    _say_answered(done, as_json=as_json)


@requests_app.command("decline")
def requests_decline(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help=_REQUEST)],
    who: ActingNow,
    why: Why,
    key: KeyFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Decline what was asked for, or take back what you asked for.

    Example: `ledgerlake requests decline 4f21c0 --as bob --why "wrong month"`
    """
    from orchestration.desk.requests import decline

    home = acting.home()
    signer = acting.signer(home, who, key)
    done = decline(home, request, signer=signer, reason=why, when=acting.now())
    _say_answered(done, as_json=as_json)


def about(asked: "Request") -> str:
    """What a request is for, in a line."""
    said = asked.subject
    match asked.action:
        case "decide_exceptions":
            return f"{said['decision']} of late events: {said['event_count']:,}"
        case "reopen_period" | "close_period":
            return f"{asked.action.split('_')[0]} {said['period_id']}"
        case "replay_interest":
            change = f"{said['from_algorithm']} to {said['to_algorithm']}"
            return f"interest of {said['period_id']}, {change}: {said['corrections']:,} corrections"
        case "grant_lock_exception":
            return f"lock exception for {said['period_id']}"
        case _:
            return f"{asked.action.split('_')[0]} {said['person']}"


def _row(asked: "Request") -> dict[str, Any]:
    from orchestration.status import at

    answered_us = asked.answered_at_us
    answer = f"{asked.answered_by}: {asked.answered_reason}" if asked.answered_by else None
    return {
        "request_id": asked.request_id,
        "state": asked.state,
        "action": asked.action,
        "about": about(asked),
        "subject": asked.subject,
        "requester": asked.requester,
        "requested_at": at(asked.requested_at_us),
        "requested_commit": asked.requested_commit,
        "reason": asked.reason,
        "answer": answer,
        "answered_by": asked.answered_by,
        "answered_at": at(answered_us) if answered_us is not None else None,
        "answered_commit": asked.answered_commit,
    }


def _say_answered(done: "Answered", *, as_json: bool) -> None:
    asked = done.request
    values = {**_row(asked), "new": done.new, "effects": done.effects}

    def draw(out: "Console") -> None:
        what = output.escape(about(asked))
        if done.new:
            out.print(
                f"{asked.state} by {asked.answered_by} in commit {asked.answered_commit:,}: {what}."
            )
        else:
            out.print(f"Already {asked.state} by {asked.answered_by}; nothing changed: {what}.")

    output.emit(values, as_json=as_json, human=draw)


def _draw_change(out: "Console", done: "Change") -> None:
    out.print(f"{output.escape(done.person)}: {done.outcome}.")
    if done.verifier_key:
        out.print(f"key {output.escape(done.verifier_key)}")
    if done.request_id:
        out.print(
            f"Another person approves: ledgerlake requests approve {done.request_id} --as NAME"
        )
