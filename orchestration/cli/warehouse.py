"""Commands that move figures on: build, publish, rollback.

Holds arguments and drawing only. Mounted by `main`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli import output
from orchestration.cli.output import JsonFlag

if TYPE_CHECKING:
    from rich.console import Console

    from orchestration.build import Built
    from orchestration.publish.publisher import Published

_FULL_REFRESH = "Make every table anew from the lake."
_COMMIT = "Know only commits up to this one (with --full-refresh if more is built already)."
_PUBLISH = "Publish an edition when all models and tests pass."
_FULL = "Write every table anew instead of what changed."
_TO = "The edition to show; default: the one before the current."
_PANEL = "Warehouse"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("build", rich_help_panel=_PANEL)(build)
    app.command("publish", rich_help_panel=_PANEL)(publish)
    app.command("rollback", rich_help_panel=_PANEL)(rollback)


def build(
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help=_FULL_REFRESH)] = False,
    known_as_of_commit: Annotated[
        int | None, typer.Option("--known-as-of-commit", metavar="N", min=0, help=_COMMIT)
    ] = None,
    publish_too: Annotated[bool, typer.Option("--publish", help=_PUBLISH)] = False,
    as_json: JsonFlag = False,
) -> None:
    """Bring all figures to the lake's head, and test them.

    Reads only what is new. One build at a time per home. Exit 1 if a model or test fails; the
    published edition stays as it is then.

    Example: `ledgerlake build --publish`
    """
    from orchestration import settings
    from orchestration.build import PASSED, Builder
    from orchestration.publish.publisher import publish as publish_edition

    chosen = settings.load()
    with output.progress("build", as_json=as_json) as tell:
        built = Builder(chosen).build(
            full_refresh=full_refresh, known_as_of_commit=known_as_of_commit, tell=tell
        )
    passed = built.outcome == PASSED
    published = publish_edition(chosen) if publish_too and passed else None
    output.emit(
        {"build": built, "published": published},
        as_json=as_json,
        human=lambda out: _draw_built(out, built, published),
    )
    raise typer.Exit(output.DONE if passed else output.CHECK_FAILED)


def publish(
    full: Annotated[bool, typer.Option("--full", help=_FULL)] = False,
    as_json: JsonFlag = False,
) -> None:
    """Publish what the last build made as a new edition; nothing new, no edition.

    Readers of the old edition are not disturbed; those who open the file after it see the new.

    Example: `ledgerlake publish`
    """
    from orchestration import settings
    from orchestration.publish.publisher import publish as publish_edition

    done = publish_edition(settings.load(), full=full)
    output.emit(done, as_json=as_json, human=lambda out: _draw_published(out, done))


def rollback(
    to: Annotated[int | None, typer.Option("--to", metavar="EDITION", min=1, help=_TO)] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show readers an earlier edition that is still kept; no figure is computed or lost.

    Example: `ledgerlake rollback --to 3`
    """
    from orchestration import settings
    from orchestration.publish.showing import rollback as roll_back
    from orchestration.status import at

    edition = roll_back(settings.load(), to=to)
    values = {
        "edition": edition.number,
        "commit_seq": edition.commit_seq,
        "known_as_of": at(edition.ingest_time_us),
    }
    output.emit(
        values,
        as_json=as_json,
        human=lambda out: out.print(
            f"Readers see edition {edition.number} now (commit {edition.commit_seq:,}, known as of"
            f" {output.instant(at(edition.ingest_time_us))})."
        ),
    )


def _draw_built(out: "Console", built: "Built", published: "Published | None") -> None:
    models = [one for one in built.nodes if not one.is_test]
    rows = [
        {"model": one.name, "status": one.status, "rows": one.rows, "seconds": one.seconds}
        for one in models
    ]
    out.print(output.table(rows, numbers=("rows", "seconds")))
    tests = len(built.nodes) - len(models)
    for one in built.failed:
        found = f", {one.failures} rows" if one.failures else ""
        out.print(f"[red]{one.status}[/] {one.kind} {one.name}{found}: {output.escape(one.why)}")
        if one.header and one.message:
            out.print(f"      {output.escape(one.message)}")
    commit = "no commit" if built.commit_seq is None else f"commit {built.commit_seq:,}"
    out.print(
        f"{built.outcome}: {len(models)} models, {tests} tests, {len(built.failed)} failing,"
        f" {built.seconds:.1f} s; the warehouse knows {commit}"
    )
    if published:
        _draw_published(out, published)


def _draw_published(out: "Console", done: "Published") -> None:
    if not done.changed:
        out.print(f"Nothing new: edition {done.edition} shows all of it.")
        return
    out.print(
        f"Edition {done.edition} published: commit {done.commit_seq:,}, {done.tables} tables,"
        f" {done.rows:,} rows; {done.files_written} files written ({done.bytes_written:,} bytes)."
    )
    if done.editions_deleted:
        gone = ", ".join(str(number) for number in done.editions_deleted)
        out.print(f"Editions no longer kept: {gone}.")
