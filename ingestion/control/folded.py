"""Books this process has folded already, so that the next who asks folds only what came since.

Holds the newest few, by the hash of the commit they are of: commits are chained, so a hash names
one history wherever its lake lies, and books never change. Does not read or fold anything, or trust
a segment: who verifies a lake folds it anew. Called by `ingestion.control.books` and the writer.
"""

from collections import OrderedDict
from collections.abc import Callable

from ledger.books import EMPTY, Books

KEPT = 4
"""A close asks some twenty times. 13,000 decisions fold in a second, and their books are 20 MB; a
process is seldom about more than one lake."""

_KNOWN: OrderedDict[tuple[int, str], Books] = OrderedDict()


def keep(commit_seq: int, commit_sha256: str, books: Books) -> None:
    """Remember the books as of a commit."""
    _KNOWN[commit_seq, commit_sha256] = books
    _KNOWN.move_to_end((commit_seq, commit_sha256))
    while len(_KNOWN) > KEPT:
        _KNOWN.popitem(last=False)


def nearest(sha256_of: Callable[[int], str | None], *, until_commit: int) -> tuple[int, Books]:
    """(commit, books) to go on from, at `until_commit` at most; (-1, empty) without any.

    `sha256_of` gives the hash of a commit of the lake in question, None if it has none so far.
    """
    for (seq, sha256), books in sorted(_KNOWN.items(), key=lambda one: -one[0][0]):
        if seq <= until_commit and sha256_of(seq) == sha256:
            return seq, books
    return -1, EMPTY
