"""Do all control events of a lake obey the rules, signatures included? Tried again from the start.

Holds `check_control`. Reads; changes nothing. Called by `ledgerlake verify`, after the lake's own
proofs: an event written past the choke point may be hashed well and still break a rule.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingestion.control import gate, rows
from ingestion.control.fold import fold
from ingestion.lake.log import CommitLog
from ingestion.lake.segments import SegmentFiles
from ingestion.lake.store import LocalStore
from ledger import control_events as ev
from ledger.books import EMPTY
from ledger.errors import LedgerlakeError

WHAT_TO_DO = (
    "Somebody wrote to the lake past the choke point, or with a broken writer: compare with a "
    "copy, and with a head noted earlier, to see which commit is the last good one."
)


@dataclass(frozen=True, kw_only=True)
class ControlProblem:
    """The first commit whose control events break a rule."""

    commit: int
    rule: str
    text: str
    what_to_do: str = WHAT_TO_DO

    def __str__(self) -> str:
        return f"commit {self.commit}: {self.rule}: {self.text} {self.what_to_do}"


def check_control(lake_dir: Path) -> ControlProblem | None:
    """The first broken rule, None if all hold. Cost: the log, the control segments, and the
    segments of decided events."""
    events = _EventsByRow(lake_dir)
    books, has_choke_point = EMPTY, False
    for seq, before, segment in events.control_segments():
        reserved = gate.reserved_rows(segment)
        ours = reserved.filter(rows.IS_OURS)
        foreign = segment.filter(rows.IS_FOREIGN)
        has_choke_point = has_choke_point or bool((reserved["source"] == ev.SOURCE).any())
        # Before the lake's first event of our own, policies came from files.
        if foreign.height and (has_choke_point or not _old_policies(foreign)):
            return _foreign(seq, foreign)
        try:
            if ours.height:
                gate.require(books, ours, before=before, read=events.read)
            books = fold(books, [segment])
        except LedgerlakeError as error:
            return ControlProblem(commit=seq, rule=error.rule, text=str(error))
    return None


class _EventsByRow:
    """A lake's events, found by row index without any derived state."""

    def __init__(self, lake_dir: Path) -> None:
        store = LocalStore(lake_dir)
        self._files = SegmentFiles(store)
        self._commits = [logged.commit for logged in CommitLog(store).after(-1)]
        segments = [one for commit in self._commits for one in commit.segments]
        self._first_rows = [one.first_row_index for one in segments]
        self._paths = [one.path for one in segments]

    def control_segments(self) -> Iterator[tuple[int, gate.Before, pl.DataFrame]]:
        """(commit, the lake before it, rows) of every control segment."""
        tree_size = 0
        newest_us: int | None = None
        for commit in self._commits:
            before = gate.Before(
                lake_id=self._commits[0].lake_id,
                tree_size=tree_size,
                newest_event_us=newest_us,
            )
            for segment in commit.segments:
                if segment.family == rows.FAMILY:
                    yield commit.seq, before, self._files.read(segment.path)
            tree_size = commit.tree_size
            booked = [s.max_event_time_us for s in commit.segments if s.family != rows.FAMILY]
            newest_us = max(booked if newest_us is None else [newest_us, *booked], default=None)

    def read(self, wanted: NDArray[np.int64]) -> pl.DataFrame:
        """The events at these row indexes (ascending): each segment is read once."""
        parts, at = [], 0
        while at < len(wanted):
            number = bisect_right(self._first_rows, int(wanted[at])) - 1
            frame = self._files.read(self._paths[number])
            first = self._first_rows[number]
            stop = int(np.searchsorted(wanted, first + frame.height))
            parts.append(frame[wanted[at:stop] - first])
            at = stop
        return pl.concat(parts)


def _old_policies(foreign: pl.DataFrame) -> bool:
    kinds = set(foreign.select("event_type", "schema_version").iter_rows())
    return kinds == {("LatenessPolicySet", 1)}


def _foreign(seq: int, foreign: pl.DataFrame) -> ControlProblem:
    told = foreign[:1].with_columns(rule=rows.FOREIGN_RULE, detail=rows.FOREIGN_DETAIL)
    [row] = told.iter_rows(named=True)
    text = f"{row['event_type']} of row {row['row_index']}: {row['detail']}."
    return ControlProblem(commit=seq, rule=row["rule"], text=text)
