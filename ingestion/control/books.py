"""The books of a lake folder, folded from its control segments.

Holds `load_books`. Reads; writes nothing. Called by the command line, the close and `verify`; a
writer keeps its own books warm (`Lake.books`).
"""

import sys
from collections.abc import Iterator
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


def newest_control_segments(store: LocalStore) -> Iterator[tuple[int, str]]:
    """(commit, path) of control segments, the newest first."""
    return _control_segments(store, after=-1, until=sys.maxsize, newest_first=True)


def _control_segments(
    store: LocalStore, *, after: int, until: int, newest_first: bool = False
) -> Iterator[tuple[int, str]]:
    """(commit, path) of control segments in commits (after, until]."""
    log = CommitLog(store)
    found = sorted(_named(store, layout.family_folder("control")), reverse=newest_first)
    for seq, path in found:
        named = after < seq <= until and log.exists(seq)
        if named and any(one.path == path for one in log.read(seq).commit.segments):
            yield seq, path


def _named(store: LocalStore, folder: str) -> Iterator[tuple[int, str]]:
    """(commit, path) of what is named as a segment, in no order."""
    for name in store.list(folder):
        path = f"{folder}/{name}"
        if found := layout.SEGMENT_NAME.match(path):
            yield int(found["seq"]), path
        elif layout.SEGMENT_FOLDER.match(path):
            yield from _named(store, path)
