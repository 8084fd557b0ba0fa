"""Is the derived state what the lake says? Rebuilds it aside and compares.

Holds the comparison only; it changes nothing. Called by `ledgerlake verify`.
"""

import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ingestion.lake.id_index import IdIndex
from ingestion.lake.log import LoggedCommit
from ingestion.lake.writer import Lake

_TABLES = ("head", "offsets", "segments", "tiles", "newest_events")


@dataclass(frozen=True, kw_only=True)
class DerivedProblem:
    """One derived thing that differs from the lake. The remedy is always the same: index anew."""

    what: str
    expected: str
    found: str
    remedy: str


def check_derived(
    lake_dir: Path, index_dir: Path, *, progress: Callable[[LoggedCommit], None] | None = None
) -> list[DerivedProblem]:
    """Differences between the derived state in `index_dir` and one rebuilt from the lake.

    Needs as much free disk as the index has, and about 2 us an event. No writer may be at work:
    what it adds meanwhile would be reported. Raises what `Lake.open` raises on a broken lake.
    """
    with tempfile.TemporaryDirectory(dir=index_dir.parent, prefix=".check-") as aside:
        Lake.open(lake_dir, Path(aside), progress=progress).close()
        return [
            DerivedProblem(
                what=what,
                expected=expected,
                found=found,
                remedy=f"Delete {index_dir}; the next command that opens the lake rebuilds it.",
            )
            for what, expected, found in (
                *_table_differences(Path(aside), index_dir),
                *_id_differences(Path(aside), index_dir),
            )
        ]


def _table_differences(right: Path, checked: Path) -> list[tuple[str, str, str]]:
    db = sqlite3.connect(f"file:{right / 'state.sqlite'}?mode=ro", uri=True)
    try:
        db.execute("attach ? as checked", (f"file:{checked / 'state.sqlite'}?mode=ro",))
        return [found for table in _TABLES if (found := _first_difference(db, table))]
    except sqlite3.DatabaseError as error:
        return [("state.sqlite", "a readable database", str(error))]
    finally:
        db.close()


def _first_difference(db: sqlite3.Connection, table: str) -> tuple[str, str, str] | None:
    def only_in(one: str, other: str) -> str:
        row = db.execute(
            f"select * from {one}.{table} except select * from {other}.{table} limit 1"
        ).fetchone()
        return "nothing" if row is None else repr(row)

    missing, surplus = only_in("main", "checked"), only_in("checked", "main")
    if missing == surplus == "nothing":
        return None
    return f"state.sqlite, table {table}", missing, surplus


def _id_differences(right: Path, checked: Path) -> list[tuple[str, str, str]]:
    name = "event_ids.idx"
    expected = IdIndex(right / name).entries()
    try:
        found = IdIndex(checked / name).entries()
    except ValueError as error:
        return [(name, "an id index", str(error))]
    if len(expected) != len(found):
        return [(name, f"{len(expected)} ids", f"{len(found)} ids")]
    differing = np.flatnonzero((expected != found).any(axis=1))
    if not len(differing):
        return []
    at = int(differing[0])
    return [(name, f"entry {expected[at].tolist()}", f"entry {found[at].tolist()}")]
