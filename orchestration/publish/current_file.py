"""`current.duckdb`: a tiny file of views over one edition, replaced in one step.

Holds writing it aside, putting it in place, and reading which edition it shows. It is the only
pointer there is. Does not export rows. Called by `publisher` and `rollback`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ledger.errors import IncorrectInput, InternalFault
from orchestration.home import Home
from orchestration.publish import bound_file, live_sql
from orchestration.publish.bound_file import Views
from orchestration.publish.edition import Edition, sync_folder
from orchestration.publish.export import quoted, select_parts, text
from orchestration.publish.tail import Coverage

GLOB_CHARACTERS = "*?[]"


@dataclass(frozen=True)
class Pointer:
    """Which edition readers see, the highest ever shown, and the last commit in a run.

    `home` is the folder its views read; another one when the home was moved or copied.
    """

    number: int
    highest: int
    tail_until: int
    home: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What `current.duckdb` is made of: an edition, and the lake's tail behind it."""

    edition: Edition
    highest: int
    coverage: Coverage


def read_pointer(home: Home) -> Pointer | None:
    """The edition readers see; None before the first publish."""
    if not home.current.exists():
        return None
    try:
        return _read_pointer(home)
    except duckdb.Error as error:
        raise InternalFault(
            "current_file_must_be_readable",
            thing=f"published file {home.current}",
            expected="a file this version has written",
            found=str(error).splitlines()[0],
            remedy="Delete it, then run `ledgerlake publish`.",
        ) from error


def _read_pointer(home: Home) -> Pointer:
    # Attached to a new instance: connecting by path may give an instance of this process that
    # still has the file of before.
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach {text(home.current)} as published (read_only)")
        row = connection.execute(
            "select number, highest_number, tail_until_commit, home from published.edition"
        ).fetchone()
    assert row is not None
    return Pointer(*row)


def replace(home: Home, shown: Shown) -> None:
    """Show `shown` to every reader who opens the file from now on; open ones keep what they see."""
    require_plain_path(home.root)
    aside = home.published / f".current-{os.getpid()}.duckdb"
    aside.unlink(missing_ok=True)
    bound_file.write(aside, views(home, shown), instead_of=home.current)
    fd = os.open(aside, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    # A client that opened the old file for writing may have left its log beside it; DuckDB would
    # try to replay it into the new file.
    home.current.with_name(f"{home.current.name}.wal").unlink(missing_ok=True)
    aside.replace(home.current)
    sync_folder(home.published)


def views(home: Home, shown: Shown) -> Views:
    """All that the file is made of, in order."""
    edition = shown.edition
    schemas = sorted({table.schema for table in edition.tables} - {"main"})
    return Views(
        relations=(
            *(f"create schema if not exists {quoted(name)}" for name in schemas),
            *(
                f"create or replace view {quoted(table.schema)}.{quoted(table.name)} as "
                + select_parts(table.files, table.columns, table.partition, home.tables)
                for table in edition.tables
            ),
            _edition_view(home, shown),
            *live_sql.tail_relations(home, shown.coverage),
        ),
        definitions=edition.definitions,
        columns=tuple((table.schema, table.name, table.columns) for table in edition.tables),
    )


def require_plain_path(folder: Path) -> None:
    """DuckDB would read these characters in a file name as a pattern."""
    found = sorted(set(str(folder)) & set(GLOB_CHARACTERS))
    if found:
        raise IncorrectInput(
            "home_path_must_be_plain",
            thing=f"home folder {folder}",
            expected=f"a path without any of {' '.join(GLOB_CHARACTERS)}",
            found=" ".join(found),
            remedy="Move the home folder and set LEDGERLAKE_HOME to it.",
        )


def _edition_view(home: Home, shown: Shown) -> str:
    edition = shown.edition
    previous = "null" if edition.previous is None else str(edition.previous)
    return (
        "create or replace view edition as select"
        f" {edition.number}::bigint as number,"
        f" {previous}::bigint as previous_number,"
        f" {shown.highest}::bigint as highest_number,"
        f" {edition.commit_seq}::bigint as commit_seq,"
        f" make_timestamptz({edition.ingest_time_us}) as known_as_of,"
        f" {edition.tree_size}::bigint as tree_size,"
        f" {text(edition.tree_root)} as tree_root,"
        f" {text(edition.model_version)} as model_version,"
        f" {shown.coverage.until}::bigint as tail_until_commit,"
        f" {text(home.root)} as home"
    )
