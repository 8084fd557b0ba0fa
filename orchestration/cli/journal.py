"""Commands about the journal: status, drain, rebuild, check.

Holds arguments and drawing only. Mounted by `main` as the sub-app `journal`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from typing import TYPE_CHECKING

import typer

from orchestration.cli import output
from orchestration.cli.output import JsonFlag

if TYPE_CHECKING:
    from rich.console import Console

    from ingestion.journal import Checked

journal_app = typer.Typer(no_args_is_help=True, help="The inbox and outbox of commands.")
_NONE_YET = "none yet: the first command makes it"
_LOST = "none, and the lake has {:,} events of one: run `ledgerlake journal rebuild`"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(journal_app, name="journal", rich_help_panel="Lake")


@journal_app.callback()
def journal() -> None:
    """The inbox and outbox of commands."""


@journal_app.command("status")
def status(as_json: JsonFlag = False) -> None:
    """Show how much the journal holds, and how much of it is not in the lake yet.

    Changes nothing. Exit 0 whatever it finds; 1 if the database does not answer.

    Example: `ledgerlake journal status`
    """
    from orchestration import settings
    from orchestration.home import Home
    from orchestration.journal import drained_into, standing

    home = Home.of(settings.load())
    found = standing(home)
    lost = 0 if found else drained_into(home)
    none = _LOST.format(lost) if lost else _NONE_YET
    drawn = {"journal": none} if found is None else dict(vars(found))
    output.emit(found, as_json=as_json, human=lambda out: out.print(output.pairs(drawn)))


@journal_app.command("drain")
def drain(as_json: JsonFlag = False) -> None:
    """Bring events of the journal into the lake, and take back what came into it by other ways.

    Events that are there and older than journal.keep_days leave the journal. Running it again adds
    nothing; killed anywhere, the next run goes on. Exit 1 if an event broke its contract: it lies
    in quarantine, and the state of its stream knows it all the same.

    Example: `ledgerlake journal drain`
    """
    from orchestration import settings
    from orchestration.journal import opened

    with opened(settings.load()) as writer:
        with output.progress("drain", as_json=as_json) as tell:
            done = writer.drain(tell)
        with output.progress("catch up", as_json=as_json) as tell:
            caught_up = writer.catch_up(tell)
    values = {**vars(done), "caught_up": caught_up}
    output.emit(values, as_json=as_json, human=lambda out: out.print(output.pairs(values)))
    raise typer.Exit(output.CHECK_FAILED if done.quarantined else output.DONE)


@journal_app.command("rebuild")
def rebuild(as_json: JsonFlag = False) -> None:
    """Fold the states of all streams anew from the lake, and write those that differ.

    Also makes a lost journal again, with its answers to the commands whose events the lake has.
    Commands may go on meanwhile. Running it again changes nothing.

    Example: `ledgerlake journal rebuild`
    """
    from ingestion import journal as journals
    from orchestration import settings
    from orchestration.journal import CODECS, opened

    with opened(settings.load()) as writer, output.progress("rebuild", as_json=as_json) as tell:
        done = journals.rebuild(writer.journal, writer.lake, CODECS, progress=tell)
    output.emit(
        {"kinds": done},
        as_json=as_json,
        human=lambda out: out.print(output.table([vars(one) for one in done])),
    )


@journal_app.command("check")
def check(as_json: JsonFlag = False) -> None:
    """Compare the state of every stream with the one the lake gives, and name those that differ.

    Changes nothing, and commands may go on meanwhile. Exit 1 if a stream differs.

    Example: `ledgerlake journal check --json`
    """
    from ingestion import journal as journals
    from orchestration import settings
    from orchestration.journal import CODECS, opened

    with opened(settings.load()) as writer, output.progress("check", as_json=as_json) as tell:
        found = [
            journals.check(writer.journal, writer.lake, codec, progress=tell) for codec in CODECS
        ]
    ok = not any(one.differing for one in found)
    output.emit(
        {"ok": ok, "kinds": found}, as_json=as_json, human=lambda out: _draw_checked(out, found)
    )
    raise typer.Exit(output.DONE if ok else output.CHECK_FAILED)


def _draw_checked(out: "Console", found: "list[Checked]") -> None:
    for one in found:
        out.print(f"{one.kind}: {one.streams:,} streams, {one.differing:,} not as the lake says")
        for difference in one.differences:
            out.print(
                f"[red]DIFFERS[/] {output.escape(difference.stream_id)}, {difference.what}:"
                f" expected {output.escape(difference.expected)},"
                f" found {output.escape(difference.found)}"
            )
    if any(one.differing for one in found):
        out.print("         do: run `ledgerlake journal rebuild`, then this again")
