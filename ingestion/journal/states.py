"""Are the states what the lake says? And making them anew from it.

Holds `check` and `rebuild`. Appends no event. Called by `ledgerlake journal check` and `rebuild`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import polars as pl

from audit.canonical import CANONICAL_SCHEMA
from ingestion.journal import answers, rows, statements, tables
from ingestion.journal.catch_up import Mark, read_mark, write_mark
from ingestion.journal.codec import Codec, kind_of
from ingestion.journal.fold import (
    OURS,
    FoldedStreams,
    Progress,
    Upto,
    as_state,
    fold_all,
    silent,
)
from ingestion.journal.journal import Journal
from ingestion.journal.records import PARTITION, SOURCE, JournalEvent, StreamState
from ingestion.journal.statements import INCOMPLETE
from ingestion.journal.tables import EVENTS
from ingestion.lake import Lake

S = TypeVar("S")
C = TypeVar("C")
E = TypeVar("E")

SHOWN_MAX = 100
"""Differences that are told one by one; the rest is counted."""
_TEXT_MAX = 300
_AT_ONCE = 5_000
_NONE = pl.DataFrame(schema=CANONICAL_SCHEMA)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What of a stream's row is not as the lake says."""

    stream_id: str
    what: str
    expected: str
    found: str


@dataclass(frozen=True, kw_only=True)
class Checked:
    """All streams of a kind, compared; `differing` counts the streams that are not right."""

    kind: str
    streams: int
    events: int
    differing: int
    differences: list[Difference] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What a rebuild of a kind wrote. `restored` events were in the lake and not in the journal."""

    kind: str
    streams: int
    events: int
    changed: int
    removed: int
    restored: int


def check(
    journal: Journal, lake: Lake, codec: Codec[S, C, E], *, progress: Progress = silent
) -> Checked:
    """Compare every state with the one folded from the lake. Commands may go on meanwhile."""
    journal.bind(lake.refresh().lake_id, lake.next_offset(SOURCE, PARTITION))
    with journal.reading() as connection:
        position = statements.mark(connection, tables.NEXT_POSITION)
        upto = Upto(position=position, row=read_mark(connection, codec).row)
        live = statements.states_of_kind(connection, kind_of(codec.state_format))
    folded = fold_all(journal, lake, codec, upto, progress)
    found = list(_differences(codec, folded, live))
    return Checked(
        kind=kind_of(codec.state_format),
        streams=len(live.keys() | folded.states.keys()),
        events=folded.events,
        differing=len({one.stream_id for one in found}),
        differences=found[:SHOWN_MAX],
    )


def rebuild(
    journal: Journal,
    lake: Lake,
    codecs: Sequence[Codec[Any, Any, Any]],
    *,
    progress: Progress = silent,
) -> list[Rebuilt]:
    """Fold every state anew, and write those that differ. Also makes a lost journal again.

    Killed anywhere, states are those of before or those rebuilt. A lost journal also gets the
    answers to the commands whose events the lake has; rejections are in no lake.
    """
    journal.bind(lake.refresh().lake_id, lake.next_offset(SOURCE, PARTITION))
    restored = _restore_events(journal, lake)
    done = [_rebuild_kind(journal, lake, codec, restored, progress) for codec in codecs]
    with journal.writing() as connection:
        statements.set_about(connection, INCOMPLETE, None)
    return done


def _rebuild_kind(
    journal: Journal, lake: Lake, codec: Codec[S, C, E], restored: int, progress: Progress
) -> Rebuilt:
    upto = Upto(position=journal.next_position(), row=None)
    folded = fold_all(journal, lake, codec, upto, progress)
    with journal.writing() as connection:
        position = tables.lock_next_position(connection)
        mark = read_mark(connection, codec)
        if position != upto.position or mark.row > folded.head_row:
            # Commands came meanwhile: once more, and now they wait.
            folded = fold_all(journal, lake, codec, Upto(position=position, row=None), progress)
        live = statements.states_of_kind(connection, kind_of(codec.state_format))
        wanted = {one: as_state(codec, folded, one) for one in folded.states}
        changed = [state for one, state in wanted.items() if state != live.get(one)]
        removed = [one for one in live if one not in wanted]
        statements.put_states(connection, changed)
        statements.remove_states(connection, removed)
        write_mark(connection, codec, Mark(commit_seq=folded.head_commit, row=folded.head_row))
        journal.step("rebuilt")
    return Rebuilt(
        kind=kind_of(codec.state_format),
        streams=len(wanted),
        events=folded.events,
        changed=len(changed),
        removed=len(removed),
        restored=restored,
    )


def _differences(
    codec: Codec[S, C, E], folded: FoldedStreams[S], live: dict[str, StreamState]
) -> Iterator[Difference]:
    for stream_id in sorted(live.keys() | folded.states.keys()):
        if stream_id in folded.broken:
            yield _difference(
                stream_id, "order", "versions without a gap", folded.broken[stream_id]
            )
        found = live.get(stream_id)
        if stream_id not in folded.states:
            yield _difference(stream_id, "stream", "no such stream", "a state")
        elif found is None:
            yield _difference(stream_id, "stream", "a state", "none")
        else:
            yield from _compared(as_state(codec, folded, stream_id), found)


def _compared(wanted: StreamState, found: StreamState) -> Iterator[Difference]:
    pairs = {
        "version": (str(wanted.version), str(found.version)),
        "format": (wanted.state_format, found.state_format),
        "state": (_text(wanted.state), _text(found.state)),
        "due": (str(wanted.due_us), str(found.due_us)),
    }
    for what, (expected, seen) in pairs.items():
        if expected != seen:
            yield _difference(wanted.stream_id, what, expected[:_TEXT_MAX], seen[:_TEXT_MAX])


def _difference(stream_id: str, what: str, expected: str, found: str) -> Difference:
    return Difference(stream_id=stream_id, what=what, expected=expected, found=found)


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="backslashreplace")


def _restore_events(journal: Journal, lake: Lake) -> int:
    """Put events that the lake has drained and the journal has lost back, and the answers to the
    commands they came of: their ids and keys stay taken."""
    with journal.reading() as connection:
        position = statements.mark(connection, tables.NEXT_POSITION)
        pruned = statements.mark(connection, tables.PRUNED_TO)
        count = statements.count(connection, EVENTS)
    if count == position - pruned:
        return 0
    # Events last: all of them there says that nothing is left to do.
    given = answers.answered(one for events in _drained(lake, after=0) for one in events)
    while some := list(islice(given, _AT_ONCE)):
        journal.restore_answers(some)
    return sum(journal.restore(events) for events in _drained(lake, after=pruned))


def _drained(lake: Lake, *, after: int) -> Iterator[list[JournalEvent]]:
    """The lake's events of the journal from a position on, commit by commit, in their order."""
    for commit in lake.commits_after(-1):
        if (SOURCE, PARTITION) in commit.sources:
            found = pl.concat([lake.read(one).filter(OURS) for one in commit.segments] or [_NONE])
            wanted = found.filter(pl.col("source_offset") >= after).sort("source_offset")
            yield [rows.of_lake(row) for row in rows.as_rows(wanted)]
