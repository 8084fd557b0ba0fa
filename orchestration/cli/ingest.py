"""The command `ledgerlake ingest files`: arguments, signals and drawing only.

Mounted by `main` as the sub-app `ingest`. What it does lies in `ingestion`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.output import JsonFlag

ingest_app = typer.Typer(no_args_is_help=True, help="Take events into the lake.")

_PATHS = "Files to take, and folders whose files to take in order of name."
_MAPPING = "TOML file that says how rows become events (docs/ingest.md)."
_DRY_RUN = "Show the first rows as events and the rejected rows; write nothing."
_WATCH = "Stay, and take files as they land in the one folder given. Ctrl-C ends it."
_INGEST_TIME = "Historical import: replay the arrival times in this column, one commit each."


@ingest_app.callback()
def ingest() -> None:
    """Take events into the lake."""


@ingest_app.command("files")
def files(  # noqa: PLR0917 a command takes its arguments by name
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=_PATHS)],
    mapping: Annotated[Path, typer.Option("--mapping", "-m", metavar="FILE", help=_MAPPING)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_DRY_RUN)] = False,
    watch: Annotated[bool, typer.Option("--watch", help=_WATCH)] = False,
    ingest_time: Annotated[
        str | None, typer.Option("--ingest-time", metavar="COLUMN", help=_INGEST_TIME)
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Take Parquet, CSV, JSON lines or CloudEvents files.

    A file taken before, whole or in part, under this or another name, adds only what is new.
    Rows that break their contract are quarantined and the rest goes on (exit 0, with a count); a
    broken file is refused whole (exit 1).

    Example: ledgerlake ingest files sales/ -m ingestion/mappings/uci_online_retail.toml
    """
    from orchestration.cli.ingest_run import Wish, run

    wish = Wish(
        paths=paths,
        mapping=mapping,
        dry_run=dry_run,
        watch=watch,
        ingest_time=ingest_time,
        as_json=as_json,
    )
    raise typer.Exit(run(wish))
