"""Commands about late events that went to people: exceptions list|show|decide|export.

Holds arguments, the question before a bulk decision, and drawing. Mounted by `main`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.errors import IncorrectInput
from orchestration.cli import acting, output
from orchestration.cli.acting import ActingNow, KeyFile, Why
from orchestration.cli.arguments import day
from orchestration.cli.output import JsonFlag

if TYPE_CHECKING:
    from rich.console import Console

    from orchestration.desk.decide import Decided, Prepared
    from orchestration.desk.known import Known
    from orchestration.desk.late_events import LateEvent, LateEvents, Wanted

_PANEL = "Close"
_DECISION = "next_period, restated, rejected, or pending to undo a decision."
_MONEY = ("events", "amount", "quantity", "lateness_days", "commit_seq", "row_index")
_SHOWN = (
    *("event_id", "status", "posting_period", "exception_reason", "period_id", "business_date"),
    *("lateness_days", "source", "store_id", "account_id", "currency", "amount", "asked"),
)

Period = Annotated[str | None, typer.Option("--period", metavar="PERIOD", help="Own period.")]
Store = Annotated[str | None, typer.Option("--store", "-s", help="Store.")]
Source = Annotated[str | None, typer.Option("--source", help="Source that sent it.")]
First = Annotated[str | None, typer.Option("--from", metavar="DAY", help="Business dates from.")]
Last = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Business dates until.")]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="REASON", help="too_late, period_closed, ...")
]
Status = Annotated[
    str | None, typer.Option("--status", help="pending, next_period, restated or rejected.")
]

exceptions_app = typer.Typer(
    no_args_is_help=True, help="Late events that went to people, and deciding them."
)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(exceptions_app, name="exceptions", rich_help_panel=_PANEL)


@exceptions_app.command("list")
def exceptions_list(
    *,
    period: Period = None,
    store: Store = None,
    source: Source = None,
    first: First = None,
    last: Last = None,
    reason: Reason = None,
    status: Status = "pending",
    everything: Annotated[bool, typer.Option("--all", help="Decided ones too.")] = False,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Most rows to draw.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """Show the late events that wait for a decision, to the lake's newest commit.

    Example: `ledgerlake exceptions list --period 2011-03 --store France`
    """
    from orchestration.desk.late_events import read_late_events, sums

    wanted = _wanted(period, store, source, first, last, reason, None if everything else status)
    late = read_late_events(acting.home())
    found = [one for one in late.events if wanted.takes(one)]
    values = {**_as_of(late), "sums": sums(found), "exceptions": found}
    output.emit(values, as_json=as_json, human=lambda out: _draw_list(out, late, found, rows))


@exceptions_app.command("show")
def exceptions_show(
    event_id: Annotated[str, typer.Argument(metavar="EVENT", help="Id of the event.")],
    as_json: JsonFlag = False,
) -> None:
    """Show one late event: why it went to people, and every decision about it.

    Example: `ledgerlake exceptions show 536365-12`
    """
    from orchestration.desk.decide import choose
    from orchestration.desk.known import read_known
    from orchestration.desk.late_event_history import read_history
    from orchestration.desk.late_events import read_late_events

    home = acting.home()
    known = read_known(home)
    late = read_late_events(home, known=known)
    event = choose(late, [event_id])[0]
    history = read_history(home, known.books, event_id)

    def draw(out: "Console") -> None:
        out.print(output.pairs({k: v for k, v in vars(event).items() if v is not None}))
        if history:
            drawn = [vars(one) for one in history]
            out.print(output.table(drawn, title="Decisions", numbers=("commit_seq",)))
        _say_as_of(out, late)

    values = {**_as_of(late), "exception": event, "decisions": history}
    output.emit(values, as_json=as_json, human=draw)


@exceptions_app.command("export")
def exceptions_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV file to write.")],
    *,
    period: Period = None,
    store: Store = None,
    source: Source = None,
    first: First = None,
    last: Last = None,
    reason: Reason = None,
    status: Status = "pending",
    as_json: JsonFlag = False,
) -> None:
    """Write late events to a CSV sheet; fill in decision and reason, give it to `decide --csv`.

    Example: `ledgerlake exceptions export late.csv --period 2011-03`
    """
    from orchestration.desk.decision_sheet import write_sheet
    from orchestration.desk.late_events import read_late_events
    from orchestration.publish.edition import replace_durably

    wanted = _wanted(period, store, source, first, last, reason, status)
    late = read_late_events(acting.home())
    found = [one for one in late.events if wanted.takes(one)]
    replace_durably(file, write_sheet(found).encode())
    values = {**_as_of(late), "file": file, "exceptions": len(found)}

    def draw(out: "Console") -> None:
        out.print(f"{len(found):,} late events written to {output.escape(str(file))}.")
        _say_as_of(out, late)

    output.emit(values, as_json=as_json, human=draw)


@exceptions_app.command("decide")
def exceptions_decide(
    *,
    who: ActingNow,
    decision: Annotated[
        str | None, typer.Option("--decision", metavar="DECISION", help=_DECISION)
    ] = None,
    why: Why = "",
    key: KeyFile = None,
    event: Annotated[
        list[str] | None, typer.Option("--event", metavar="ID", help="One event; repeatable.")
    ] = None,
    period: Period = None,
    store: Store = None,
    source: Source = None,
    first: First = None,
    last: Last = None,
    reason: Reason = None,
    status: Status = None,
    everything: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    sheet: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Decisions by event_id, decision, reason."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a bulk decision.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Ask for a decision about late events: one signed request, approved by another person.

    By id, by filter (shows count and sums first) or from a sheet (one request per decision).
    Nothing is decided until `ledgerlake requests approve`. Deciding the same again changes nothing;
    a changed mind is a new decision, while the period it was booked in is open.

    Example: `ledgerlake exceptions decide --decision next_period --period 2011-03 --why "till 7 was
    offline" --as alice`
    """
    from orchestration.desk import decide
    from orchestration.desk.known import read_known
    from orchestration.desk.late_events import read_late_events

    home = acting.home()
    signer = acting.signer(home, who, key)
    wanted = _wanted(period, store, source, first, last, reason, status)
    way = _way(event, wanted, everything, sheet, decision)
    known = read_known(home)
    filtered = sheet is None and way != "--event"
    late = read_late_events(home, known=known, wanted=wanted if filtered else None)
    if sheet is not None:
        prepared = _from_sheet(known, late, sheet, why)
    else:
        assert decision is not None
        chosen = (
            decide.choose(late, event or [])
            if way == "--event"
            else decide.filtered(late, wanted, decision)
        )
        prepared = [decide.prepare(known, late, chosen, decision=decision, reason=why)]
    if way != "--event" and any(one.events for one in prepared):
        _confirm(prepared, yes=yes, as_json=as_json)
    done = decide.ask(home, prepared, signer=signer, when=acting.now())
    values = {**_as_of(late), "decisions": [_decided(one) for one in done]}
    output.emit(values, as_json=as_json, human=lambda out: _draw_decided(out, done))


def _wanted(  # noqa: PLR0917 the filters, in the order commands list them
    period: str | None,
    store: str | None,
    source: str | None,
    first: str | None,
    last: str | None,
    reason: str | None,
    status: str | None,
) -> "Wanted":
    from orchestration.desk.late_events import REASONS, STATUSES, Wanted

    _require_one_of("--reason", reason, REASONS)
    _require_one_of("--status", status, STATUSES)
    return Wanted(
        period_id=period,
        store_id=store,
        source=source,
        first=day(first, name="--from") if first else None,
        last=day(last, name="--to") if last else None,
        exception_reason=reason,
        status=status,
    )


def _require_one_of(name: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise IncorrectInput(
            "choice_must_be_known",
            thing=f"option {name}",
            expected=f"one of {', '.join(known)}",
            found=repr(value),
        )


def _way(
    event: list[str] | None,
    wanted: "Wanted",
    everything: bool,
    sheet: Path | None,
    decision: str | None,
) -> str:
    """The one way the events are named by. IncorrectInput if there is none, or two."""
    from orchestration.desk.late_events import Wanted

    ways = {
        "--event": bool(event),
        "a filter": everything or wanted != Wanted(),
        "--csv": sheet is not None,
    }
    named = [way for way, given in ways.items() if given]
    if len(named) != 1:
        raise IncorrectInput(
            "events_must_be_named_one_way",
            thing="the late events to decide",
            expected="--event, or filters (--all for no filter), or --csv",
            found=" and ".join(named) or "none of them",
        )
    if (decision is None) != (sheet is not None):
        raise IncorrectInput(
            "decision_must_be_known",
            thing="option --decision",
            expected="a decision, or --csv, whose rows say it",
            found="both" if decision else "neither",
        )
    return named[0]


def _from_sheet(known: "Known", late: "LateEvents", sheet: Path, why: str) -> "list[Prepared]":
    from orchestration.desk import decide
    from orchestration.desk.decision_sheet import read_sheet

    return [
        decide.prepare(
            known,
            late,
            decide.choose(late, one.event_ids),
            decision=one.decision,
            reason=one.reason,
        )
        for one in read_sheet(sheet, reason=why)
    ]


def _confirm(prepared: "Sequence[Prepared]", *, yes: bool, as_json: bool) -> None:
    """Show count and sums; ask on a terminal, refuse elsewhere without --yes."""
    if not as_json:
        out = output.console()
        for one in prepared:
            into = ", ".join(f"{n:,} into {p}" for p, n in one.posting_periods.items())
            title = f"{one.decision}: {len(one.events):,} late events" + (into and f" ({into})")
            if one.sums:
                out.print(output.table(one.sums, title=title, numbers=_MONEY))
    if yes:
        return
    if not as_json and sys.stdin.isatty():
        typer.confirm("Ask for this?", abort=True)
        return
    found = "; ".join(
        f"{one.decision} of {sum_['events']} events, {sum_['amount']} {sum_['currency']}"
        for one in prepared
        for sum_ in one.sums
    )
    raise IncorrectInput(
        "bulk_decision_must_be_confirmed",
        thing="the late events to decide",
        expected="--yes where nobody can be asked",
        found=found,
        remedy="Look at `ledgerlake exceptions list` with the same filters, then add --yes.",
    )


def _as_of(late: "LateEvents") -> dict[str, Any]:
    return {
        "commit_seq": late.commit_seq,
        "known_as_of": late.known_as_of,
        "base": late.base,
        "base_commit": late.base_commit,
    }


def _say_as_of(out: "Console", late: "LateEvents") -> None:
    newer = late.commit_seq - late.base_commit
    read = late.base if late.base.startswith("edition") else f"the {late.base}"
    if late.base_commit >= 0 and newer:
        read += f" and {newer:,} newer commits of the lake"
    out.print(
        f"[dim]As of commit {late.commit_seq:,} ({output.instant(late.known_as_of)}), read from"
        f" {read}.[/]"
    )


def _draw_list(out: "Console", late: "LateEvents", found: "list[LateEvent]", rows: int) -> None:
    from orchestration.desk.late_events import sums

    if found:
        drawn = [{name: getattr(one, name) for name in _SHOWN} for one in found[:rows]]
        for one in drawn:
            one["asked"] = one["asked"] and one["asked"][:8]
        out.print(output.table(drawn, numbers=_MONEY))
        if len(found) > rows:
            out.print(f"{len(found) - rows:,} more: --rows {len(found)}, or --json for all.")
        out.print(output.table(sums(found), title="In all", numbers=_MONEY))
    else:
        out.print("No late event waits, of those asked for.")
    _say_as_of(out, late)


def _decided(one: "Decided") -> dict[str, Any]:
    asked = one.asked
    outcome = "already_decided"
    if asked is not None:
        outcome = "requested" if asked.new else "already_requested"
    return {
        "decision": one.decision,
        "outcome": outcome,
        "events": one.count,
        "already_decided": one.standing,
        "request_id": asked.request.request_id if asked else None,
    }


def _draw_decided(out: "Console", done: "Sequence[Decided]") -> None:
    for one in done:
        if one.standing:
            out.print(f"{one.standing:,} late events are already decided: {one.decision}.")
        if one.asked is None:
            if not one.standing:
                out.print(f"{one.decision}: no late event to decide, of those asked for.")
            continue
        said = "Requested" if one.asked.new else "Already requested"
        request_id = one.asked.request.request_id
        out.print(f"{said}: {one.decision} of {one.count:,} late events. Another person approves:")
        out.print(f"ledgerlake requests approve {request_id} --as NAME")
