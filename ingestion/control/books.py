"""The books of a lake folder, folded from its control segments.

Holds `load_books`. Reads; writes nothing. Called by the command line, the close and `verify`; a
writer keeps its own books warm (`Lake.books`).
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ingestion.control import folded
from ingestion.control.fold import fold
from ingestion.lake import layout
from ingestion.lake.log import CommitLog
from ingestion.lake.segments import SegmentFiles
from ingestion.lake.store import LocalStore
from ledger.books import Books


def load_books(lake_dir: Path, *, until_commit: int | None = None) -> Books:
    """The books as of the newest control event (of commit `until_commit` at most).

    Cost follows the control segments, in a process that asked before those that came since.
    """
    store = LocalStore(lake_dir)
    log, files = CommitLog(store), SegmentFiles(store)

    def sha256_of(seq: int) -> str | None:
        return log.read(seq).sha256 if log.exists(seq) else None

    limit = until_commit if until_commit is not None else sys.maxsize
    known, books = folded.nearest(sha256_of, until_commit=limit)
    newer = list(_control_segments(store, after=known, until=limit))
    books = fold(books, (files.read(path) for _, path in newer))
    if newer and (sha256 := sha256_of(newest := newer[-1][0])) is not None:
        folded.keep(newest, sha256, books)
    return books


def control_segments(store: LocalStore, *, until_commit: int | None = None) -> Iterator[str]:
    """Paths of control segments in order of commit; a file no commit names is not one of them."""
    limit = until_commit if until_commit is not None else sys.maxsize
    for _, path in _control_segments(store, after=-1, until=limit):
        yield path


def _control_segments(store: LocalStore, *, after: int, until: int) -> Iterator[tuple[int, str]]:
    """(commit, path) of control segments in commits (after, until]."""
    log = CommitLog(store)
    for path, seq in _named(store.list("family=control")):
        if seq > until:
            return
        named = seq > after and log.exists(seq)
        if named and any(one.path == path for one in log.read(seq).commit.segments):
            yield seq, path


def _named(names: Iterable[str]) -> Iterator[tuple[str, int]]:
    for name in sorted(names):
        found = layout.SEGMENT_NAME.match(f"family=control/{name}")
        if found:
            yield found[0], int(found["seq"])
