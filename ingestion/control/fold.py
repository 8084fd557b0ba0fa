"""Folding control segments into books.

Holds `fold`, which reads nothing itself. Called by the lake's writer and by
`ingestion.control.books`.
"""

from collections.abc import Iterable, Iterator

import polars as pl

from ingestion.control import rows
from ledger.books import Books, Recorded, StoreRegistered, evolve_all
from ledger.errors import IncorrectInput, InternalFault


def fold(books: Books, segments: Iterable[pl.DataFrame]) -> Books:
    """The books after these control segments, which are in the lake and so obeyed the rules."""
    try:
        return evolve_all(books, _events(segments))
    except (KeyError, ValueError, TypeError, IncorrectInput) as error:
        raise InternalFault(
            "control_events_must_follow_from_each_other",
            thing="control events of the lake",
            expected="events that came through the choke point",
            found=f"{type(error).__name__}: {error}",
            remedy="Run `ledgerlake verify`: it names the first that breaks a rule.",
        ) from error


def _events(segments: Iterable[pl.DataFrame]) -> Iterator[Recorded | StoreRegistered]:
    for segment in segments:
        yield from rows.folded(segment)
