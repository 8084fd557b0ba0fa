"""Streams of a kind, those with something left to do, those that changed, and the events of one.

Holds these reads. Appends nothing. Called by the runner of sagas and the command line.
"""

from collections.abc import Iterator

import polars as pl
import sqlalchemy as sa

from ingestion.journal import rows
from ingestion.journal.fold import OURS
from ingestion.journal.journal import Journal
from ingestion.journal.records import PARTITION, SOURCE, JournalEvent, StreamState
from ingestion.journal.tables import EVENTS, STREAMS
from ingestion.lake import Lake

_PAGE = 5_000


def streams(journal: Journal, prefix: str) -> Iterator[StreamState]:
    """The states of all streams whose id begins so, in order of the id."""
    after = ""
    begins = STREAMS.c.stream_id.startswith(prefix, autoescape=True)
    while True:
        query = sa.select(STREAMS).where(begins, STREAMS.c.stream_id > after)
        with journal.reading() as connection:
            page = connection.execute(query.order_by(STREAMS.c.stream_id).limit(_PAGE)).mappings()
            found = [StreamState(**row) for row in page]
        # SQLite takes SAGA/ for saga/.
        yield from (one for one in found if one.stream_id.startswith(prefix))
        if len(found) < _PAGE:
            return
        after = found[-1].stream_id


def open_streams(journal: Journal, prefix: str) -> Iterator[StreamState]:
    """The states of those streams with something left to do, the first due first: what has ended is
    not looked at. What gets events meanwhile may be missed: `changed` finds it."""
    key = sa.tuple_(STREAMS.c.due_us, STREAMS.c.stream_id)
    query = sa.select(STREAMS).where(*_open(prefix)).order_by(*key).limit(_PAGE)
    found: list[StreamState] = []
    while True:
        more = [key > (found[-1].due_us, found[-1].stream_id)] if found else []
        with journal.reading() as connection:
            page = connection.execute(query.where(*more)).mappings()
            found = [StreamState(**row) for row in page]
        yield from found
        if len(found) < _PAGE:
            return


def count_due(journal: Journal, prefix: str, *, now_us: int) -> int:
    """How many streams have something to do by now. Reads no state."""
    query = sa.select(sa.func.count()).where(*_open(prefix), STREAMS.c.due_us <= now_us)
    with journal.reading() as connection:
        return int(connection.execute(query).scalar_one())


def _open(prefix: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """By the index over those that are open; `like` would take SAGA/ for saga/ in SQLite."""
    begins = sa.func.substr(STREAMS.c.stream_id, 1, len(prefix)) == prefix
    return STREAMS.c.due_us.is_not(None), begins


def changed(journal: Journal, prefix: str, *, since: int) -> set[str]:
    """The streams whose id begins so that got events at position `since` or later; all of them if
    some of these events are pruned."""
    query = (
        sa.select(EVENTS.c.stream_id)
        .where(EVENTS.c.position >= since, EVENTS.c.stream_id.startswith(prefix, autoescape=True))
        .distinct()
    )
    with journal.reading() as connection:
        found: list[str] = list(connection.execute(query).scalars())
    if since < journal.pruned_to():
        return {one.stream_id for one in streams(journal, prefix)}
    return {one for one in found if one.startswith(prefix)}


def events(journal: Journal, lake: Lake, stream_id: str, *, family: str) -> list[JournalEvent]:
    """All events of a stream, oldest first: from the lake, as far as the journal let them go."""
    query = sa.select(EVENTS).where(EVENTS.c.stream_id == stream_id)
    with journal.reading() as connection:
        kept = [rows.restored(dict(row)) for row in connection.execute(query).mappings()]
    # Asked after them: what has been pruned meanwhile is then found in the lake.
    gone = _pruned_events(lake, stream_id, family, before=journal.pruned_to())
    found = {one.position: one for one in (*gone, *kept)}
    return [found[position] for position in sorted(found)]


def _pruned_events(
    lake: Lake, stream_id: str, family: str, *, before: int
) -> Iterator[JournalEvent]:
    if not before:
        return
    lake.refresh()
    wanted = OURS & (pl.col("stream_id") == stream_id) & (pl.col("source_offset") < before)
    for commit in lake.commits_after(-1):
        paths = [lake.folder / one.path for one in commit.segments if one.family == family]
        if paths and (SOURCE, PARTITION) in commit.sources:
            found = pl.scan_parquet(paths, hive_partitioning=False).filter(wanted).collect()
            yield from map(rows.of_lake, rows.as_rows(found))
