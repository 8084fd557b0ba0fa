"""The states of all streams of a kind, made from the lake and what is not drained yet.

Holds `fold_all`. Writes nothing. Called by `check` and `rebuild`.

Each event that changes a state takes the stream's next version. Those of the journal carry theirs
in the lake; a version that is missing there was an event that came past the journal.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import polars as pl

from ingestion.contracts.lookups import frame_as_newest
from ingestion.journal import rows
from ingestion.journal.codec import Codec
from ingestion.journal.journal import Journal
from ingestion.journal.records import PARTITION, SOURCE, StreamState
from ingestion.lake import Commit, Lake

S = TypeVar("S")
C = TypeVar("C")
E = TypeVar("E")
Progress = Callable[[int, int], None]
OURS = (pl.col("source") == SOURCE) & (pl.col("source_partition") == PARTITION)
_PENDING_ROWS = 10_000


def silent(_done: int, _total: int) -> None:
    """Progress nobody looks at."""


@dataclass(frozen=True, kw_only=True)
class Upto:
    """Where to stop: the journal's position, and the lake's row for events of others (None: all
    the lake has)."""

    position: int
    row: int | None


@dataclass(kw_only=True)
class FoldedStreams(Generic[S]):
    """States and versions by stream. `broken`: streams whose versions do not follow each other,
    and how; they are folded as far as it goes."""

    states: dict[str, S] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    events: int = 0
    head_commit: int = -1
    head_row: int = 0


def fold_all(
    journal: Journal,
    lake: Lake,
    codec: Codec[S, C, E],
    upto: Upto,
    progress: Progress = silent,
) -> FoldedStreams[S]:
    """Fold every stream of the kind up to there. One pass over its family of the lake."""
    head = lake.refresh()
    with_ours, drained = _drained_streams(lake, codec)
    pending = [
        row
        for row in _pending(journal, drained, upto.position)
        if row["event_type"] in codec.event_types
    ]
    with_ours.update(row["stream_id"] for row in pending)
    folding = _Folding(codec, with_ours)
    folding.made.head_commit, folding.made.head_row = head.seq, head.tree_size
    last_row = head.tree_size if upto.row is None else upto.row
    for frame in frames(lake, codec, after=-1):
        within = frame.filter(
            pl.when(OURS)
            .then(pl.col("source_offset") < upto.position)
            .otherwise(pl.col("row_index") < last_row)
        )
        for row in rows.as_rows(within):
            folding.take(row)
        progress(int(frame["row_index"][-1]) + 1, head.tree_size)
    for row in pending:
        folding.take(row)
    return folding.finished()


def frames(lake: Lake, codec: Codec[S, C, E], *, after: int) -> Iterator[pl.DataFrame]:
    """The kind's events of each commit behind `after` that has any, in row order."""
    for commit in lake.commits_after(after):
        yield from events_of(lake, codec, commit)


def events_of(lake: Lake, codec: Codec[S, C, E], commit: Commit) -> Iterator[pl.DataFrame]:
    """The kind's events of one commit, as their newest contracts have them."""
    types = {one.event_type for one in commit.outcomes if one.event_type}
    if codec.event_types.isdisjoint(types):
        return
    for segment in commit.segments:
        if segment.family == codec.family:
            wanted = pl.col("event_type").is_in(sorted(codec.event_types))
            frame = lake.read(segment).filter(wanted)
            if frame.height:
                yield frame_as_newest(lake.folder, frame)


class _Folding(Generic[S, C, E]):
    """Takes rows in the lake's order. What came past the journal waits for its version where the
    stream has events of the journal too, and is folded at once where not."""

    def __init__(self, codec: Codec[S, C, E], with_ours: set[str]) -> None:
        self._codec = codec
        self._with_ours = with_ours
        self._waiting: dict[str, deque[E]] = {}
        self.made: FoldedStreams[S] = FoldedStreams()

    def take(self, row: Mapping[str, Any]) -> None:
        stream_id = row["stream_id"]
        event = self._codec.from_row(row)
        if row["source"] == SOURCE and row["source_partition"] == PARTITION:
            self._fill(stream_id, row["stream_version"])
            self._apply(stream_id, event)
        elif stream_id in self._with_ours:
            self._waiting.setdefault(stream_id, deque()).append(event)
        else:
            self._apply(stream_id, event)

    def finished(self) -> FoldedStreams[S]:
        for stream_id, events in self._waiting.items():
            for event in events:
                self._apply(stream_id, event)
        return self.made

    def _fill(self, stream_id: str, version: int) -> None:
        """Events of others that were folded before the journal's `version`."""
        waiting = self._waiting.get(stream_id, deque())
        while self.made.versions.get(stream_id, 0) < version - 1 and waiting:
            self._apply(stream_id, waiting.popleft())
        before = self.made.versions.get(stream_id, 0)
        if before != version - 1:
            self.made.broken.setdefault(stream_id, f"version {version} follows version {before}")

    def _apply(self, stream_id: str, event: E) -> None:
        made = self.made
        state = made.states.get(stream_id)
        if state is None:
            state = self._codec.decider.initial(stream_id)
        made.states[stream_id] = self._codec.decider.evolve(state, event)
        made.versions[stream_id] = made.versions.get(stream_id, 0) + 1
        made.events += 1


def as_state(codec: Codec[S, C, E], folded: FoldedStreams[S], stream_id: str) -> StreamState:
    """A folded stream in the form of the journal."""
    return StreamState(
        stream_id=stream_id,
        version=folded.versions[stream_id],
        state=codec.state_to_bytes(folded.states[stream_id]),
        state_format=codec.state_format,
        due_us=codec.due_us(folded.states[stream_id]),
    )


def _drained_streams(lake: Lake, codec: Codec[S, C, E]) -> tuple[set[str], int]:
    """The streams of the kind that have events of the journal in the lake, and how far it goes."""
    streams: set[str] = set()
    drained = 0
    for commit in lake.commits_after(-1):
        if (SOURCE, PARTITION) in commit.sources:
            drained = commit.sources[SOURCE, PARTITION].stop
            for frame in events_of(lake, codec, commit):
                streams.update(frame.filter(OURS)["stream_id"])
    return streams, drained


def _pending(journal: Journal, start: int, stop: int) -> Iterator[dict[str, Any]]:
    at = start
    while at < stop and (events := journal.pending(at, min(_PENDING_ROWS, stop - at))):
        yield from rows.as_rows(rows.as_frame(events))
        at = events[-1].position + 1
