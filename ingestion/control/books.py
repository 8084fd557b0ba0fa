"""The books of a lake folder, folded from its control segments.

Holds `load_books`. Reads; writes nothing. Called by the command line, the close and `verify`; a
writer keeps its own books warm (`Lake.books`).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ingestion.control.fold import fold
from ingestion.lake import layout
from ingestion.lake.log import CommitLog
from ingestion.lake.segments import SegmentFiles
from ingestion.lake.store import LocalStore
from ledger.books import EMPTY, Books


def load_books(lake_dir: Path, *, until_commit: int | None = None) -> Books:
    """The books as of the newest control event (of commit `until_commit` at most).

    Cost follows the control segments, not the lake.
    """
    store = LocalStore(lake_dir)
    files = SegmentFiles(store)
    paths = control_segments(store, until_commit=until_commit)
    return fold(EMPTY, (files.read(path) for path in paths))


def control_segments(store: LocalStore, *, until_commit: int | None = None) -> Iterator[str]:
    """Paths of control segments in order of commit; a file no commit names is not one of them."""
    log = CommitLog(store)
    for path, seq in _named(store.list("family=control")):
        if until_commit is not None and seq > until_commit:
            return
        if log.exists(seq) and any(one.path == path for one in log.read(seq).commit.segments):
            yield path


def _named(names: Iterable[str]) -> Iterator[tuple[str, int]]:
    for name in sorted(names):
        found = layout.SEGMENT_NAME.match(f"family=control/{name}")
        if found:
            yield found[0], int(found["seq"])
