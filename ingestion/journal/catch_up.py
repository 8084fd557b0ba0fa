"""Events that came into the lake past the journal, folded into the states of their streams.

Holds `catch_up`. Corrections posted in bulk and imported files come so. Appends no event. Called
before commands are decided, and by `ledgerlake journal drain`.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

import polars as pl
from sqlalchemy.engine import Connection

from ingestion.journal import rows, statements, tables
from ingestion.journal.codec import Codec, kind_of, state_of
from ingestion.journal.fold import OURS, Progress, events_of, silent
from ingestion.journal.journal import Journal
from ingestion.journal.records import PARTITION, SOURCE, StreamState
from ingestion.lake import Lake
from ledger.errors import IncorrectInput

S = TypeVar("S")
C = TypeVar("C")
E = TypeVar("E")

CHUNK_EVENTS = 5_000
"""Events folded under one lock of the journal: 0.1 s, in which commands wait."""


@dataclass(frozen=True, kw_only=True)
class CaughtUp:
    """How many events of others were folded in this run, and up to which commit all are."""

    events: int = 0
    commit_seq: int = -1


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How far a kind has read the lake back: whole commits, and the next row."""

    commit_seq: int
    row: int


def catch_up(
    journal: Journal,
    lake: Lake,
    codec: Codec[S, C, E],
    *,
    chunk_events: int = CHUNK_EVENTS,
    progress: Progress = silent,
) -> CaughtUp:
    """Fold what the lake has of others into the states, each event exactly once.

    Each takes a version of its stream, so whoever decided on the state before must decide anew.
    Killed anywhere, the next run goes on: the mark moves in the transaction of the states.
    """
    head = lake.refresh()
    journal.bind(head.lake_id, lake.next_offset(SOURCE, PARTITION))
    require_complete(journal)
    with journal.reading() as connection:
        at = read_mark(connection, codec)
    folded = 0
    for commit in lake.commits_after(at.commit_seq):
        if set(commit.sources) == {(SOURCE, PARTITION)}:
            continue
        for frame in events_of(lake, codec, commit):
            others = frame.filter(~OURS & (pl.col("row_index") >= at.row))
            for start in range(0, others.height, chunk_events):
                folded += _fold(journal, codec, others[start : start + chunk_events])
        progress(commit.seq, head.seq)
    if at.commit_seq < head.seq:
        with journal.writing() as connection:
            tables.lock_next_position(connection)
            newest = read_mark(connection, codec)
            if newest.commit_seq < head.seq:
                row = max(newest.row, head.tree_size)
                write_mark(connection, codec, Mark(commit_seq=head.seq, row=row))
    return CaughtUp(events=folded, commit_seq=max(at.commit_seq, head.seq))


def read_mark(connection: Connection, codec: Codec[S, C, E]) -> Mark:
    kind = kind_of(codec.state_format)
    return Mark(
        commit_seq=statements.mark(connection, f"read_commit:{kind}", default=-1),
        row=statements.mark(connection, f"read_row:{kind}"),
    )


def write_mark(connection: Connection, codec: Codec[S, C, E], mark: Mark) -> None:
    kind = kind_of(codec.state_format)
    statements.set_mark(connection, f"read_commit:{kind}", mark.commit_seq)
    statements.set_mark(connection, f"read_row:{kind}", mark.row)


def require_complete(journal: Journal) -> None:
    """IncorrectInput for a new journal of a lake that has drained another before."""
    if journal.incomplete():
        raise IncorrectInput(
            "journal_must_be_rebuilt_first",
            thing=f"journal {journal.name}",
            expected="the states of its streams",
            found="a new journal, and a lake that has drained one before",
            remedy="Run `ledgerlake journal rebuild`.",
        )


def _fold(journal: Journal, codec: Codec[S, C, E], frame: pl.DataFrame) -> int:
    """One chunk in one transaction; what another process folded meanwhile is left out."""
    with journal.writing() as connection:
        tables.lock_next_position(connection)
        before = read_mark(connection, codec)
        new = frame.filter(pl.col("row_index") >= before.row)
        if new.is_empty():
            return 0
        states = _folded(connection, codec, list(rows.as_rows(new)))
        statements.put_states(connection, states)
        journal.step("folded")
        row = int(new["row_index"][-1]) + 1
        write_mark(connection, codec, Mark(commit_seq=before.commit_seq, row=row))
    journal.step("caught_up")
    return new.height


def _folded(
    connection: Connection, codec: Codec[S, C, E], given: list[dict[str, Any]]
) -> list[StreamState]:
    streams = list(dict.fromkeys(row["stream_id"] for row in given))
    live = statements.states_of(connection, streams)
    states: dict[str, S] = {}
    versions: dict[str, int] = {}
    for stream_id in streams:
        found = live.get(stream_id)
        states[stream_id], versions[stream_id] = state_of(codec, stream_id, found)
    for row in given:
        stream_id = row["stream_id"]
        states[stream_id] = codec.decider.evolve(states[stream_id], codec.from_row(row))
        versions[stream_id] += 1
    return [
        StreamState(
            stream_id=stream_id,
            version=versions[stream_id],
            state=codec.state_to_bytes(states[stream_id]),
            state_format=codec.state_format,
            due_us=codec.due_us(states[stream_id]),
        )
        for stream_id in streams
    ]
