"""Commands about the lake and the home: init, status, verify, doctor.

Holds arguments and drawing only. Mounted by `main`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli import output
from orchestration.cli.arguments import instant_us
from orchestration.cli.output import JsonFlag

if TYPE_CHECKING:
    from rich.console import Console

    from orchestration.doctor import Finding
    from orchestration.status import Status
    from orchestration.verification import Verified

_DATED = "Date a new lake back to this instant, so that a historical import can start there."
_QUICK = "Leave out the comparison of the derived index with the lake."
_ANCHORS = "Folder of heads that `anchor` wrote: finds a log that lost its end or was rewritten."
_KEY = "Public key the heads are signed with; default: those of this home."
_PANEL = "Lake"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("init", rich_help_panel=_PANEL)(init)
    app.command("status", rich_help_panel=_PANEL)(status)
    app.command("verify", rich_help_panel=_PANEL)(verify)
    app.command("doctor", rich_help_panel=_PANEL)(doctor)


def init(
    dated: Annotated[str | None, typer.Option("--dated", metavar="INSTANT", help=_DATED)] = None,
    as_json: JsonFlag = False,
) -> None:
    """Create the lake and record the lateness policy of the settings.

    Running it again changes nothing, unless the policy in `ledgerlake.toml` changed: then the
    new policy is recorded as an event, in force from that commit on.

    Example: `ledgerlake init`
    """
    from orchestration import settings
    from orchestration.initialise import initialise

    dated_us = instant_us(dated, name="--dated") if dated else None
    done = initialise(settings.load(), dated_us=dated_us)
    values = {
        "home": done.home,
        "lake": f"{done.lake_id} ({'created' if done.created else 'was there'})",
        "lateness policy": f"first cut-off {done.initial_grace_hours} h after the business day, "
        f"{done.max_delay_days} days allowed"
        + ("" if done.policy_commit is None else f" (recorded in commit {done.policy_commit})"),
        "next": "ledgerlake ingest files PATH --mapping FILE",
    }
    output.emit(done, as_json=as_json, human=lambda out: out.print(output.pairs(values)))


def status(as_json: JsonFlag = False) -> None:
    """Show the lake's head, the last build, the edition, and how far each is behind.

    Example: `ledgerlake status`
    """
    from orchestration import settings
    from orchestration.home import Home
    from orchestration.status import read_status

    found = read_status(Home.of(settings.load()))
    output.emit(found, as_json=as_json, human=lambda out: _draw_status(out, found))


def verify(
    *,
    quick: Annotated[bool, typer.Option("--quick", help=_QUICK)] = False,
    anchors: Annotated[Path | None, typer.Option("--anchors", metavar="DIR", help=_ANCHORS)] = None,
    key: Annotated[list[str] | None, typer.Option("--key", metavar="VKEY|FILE", help=_KEY)] = None,
    as_json: JsonFlag = False,
) -> None:
    """Recompute the lake's chain, hashes and tree, and name the first broken thing.

    Also compares what the edition and the derived index say with the lake. Exit 1 if anything
    is broken.

    Example: `ledgerlake verify --json`
    """
    from audit.trusted_keys import read_keys
    from orchestration import settings
    from orchestration.verification import verify_home

    chosen = settings.load()
    with output.progress("verify", as_json=as_json) as tell:
        keys = read_keys(key or ())
        found = verify_home(chosen, quick=quick, tell=tell, anchors=anchors, keys=keys)
    output.emit(found, as_json=as_json, human=lambda out: _draw_verified(out, found))
    raise typer.Exit(output.DONE if found.ok else output.CHECK_FAILED)


def doctor(as_json: JsonFlag = False) -> None:
    """Check machine, home, settings and states against each other; each finding has a remedy.

    Exit 1 if a finding is a failure; warnings leave it 0.

    Example: `ledgerlake doctor`
    """
    from orchestration.doctor import examine

    findings = examine()
    output.emit(
        {"ok": not _failed(findings), "findings": findings},
        as_json=as_json,
        human=lambda out: _draw_findings(out, findings),
    )
    raise typer.Exit(output.CHECK_FAILED if _failed(findings) else output.DONE)


def _failed(findings: "list[Finding]") -> bool:
    return any(one.level == "failure" for one in findings)


def _draw_findings(out: "Console", findings: "list[Finding]") -> None:
    marks = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "failure": "[red]failure[/]"}
    for one in findings:
        out.print(f"{marks[one.level]:<24} {output.escape(one.what)}: {output.escape(one.found)}")
        if one.remedy:
            out.print(f"         do: {output.escape(one.remedy)}")


def _draw_status(out: "Console", found: "Status") -> None:
    lake, edition, build = found.lake, found.edition, found.last_build
    values: dict[str, object] = {
        "home": f"{found.home}, tenant {found.tenant}",
        "lake": f"commit {lake.commit_seq:,} of {output.instant(lake.ingest_time)}, "
        f"{lake.events:,} events",
        "received": f"{lake.received:,} = {lake.accepted:,} accepted + {lake.duplicate:,} "
        f"duplicate + {lake.quarantined:,} quarantined",
        "last build": "none by this command"
        if build is None
        else f"{build['outcome']}, commit {build['commit_seq']:,}, {build['finished']}",
    }
    if edition is None:
        values["edition"] = "none yet: ledgerlake build --publish"
    else:
        late = edition.behind
        values["edition"] = (
            f"{edition.number}, knows commit {edition.commit_seq:,} "
            f"({output.instant(edition.known_as_of)}); kept: "
            + ", ".join(str(number) for number in edition.kept)
        )
        values["behind the lake"] = (
            f"{late.commits:,} commits, {late.events:,} events, {late.seconds:,.0f} s"
        )
        values["exceptions pending"] = edition.exceptions_pending
    if found.journal is not None and found.journal.undrained:
        values["journal"] = f"{found.journal.undrained:,} events not in the lake yet: journal drain"
    out.print(output.pairs(values))


def _draw_verified(out: "Console", found: "Verified") -> None:
    out.print(output.escape(found.lake.to_text()))
    for one in found.problems:
        out.print(f"[red]BROKEN[/] {output.escape(one)}")
    if found.ok:
        checked = "" if found.index_checked else " (index not compared)"
        out.print(f"[green]ok[/]: lake, edition and index agree{checked}")
