"""Streams of a kind, those that changed, and the events of one: what a runner and a person look at.

Holds the three reads. Appends nothing. Called by the runner of sagas and the command line.
"""

from collections.abc import Iterator

import sqlalchemy as sa

from ingestion.journal import rows
from ingestion.journal.journal import Journal
from ingestion.journal.records import JournalEvent, StreamState
from ingestion.journal.tables import EVENTS, STREAMS

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


def changed(journal: Journal, prefix: str, *, since: int) -> set[str]:
    """The streams whose id begins so that got events at position `since` or later."""
    query = (
        sa.select(EVENTS.c.stream_id)
        .where(EVENTS.c.position >= since, EVENTS.c.stream_id.startswith(prefix, autoescape=True))
        .distinct()
    )
    with journal.reading() as connection:
        found: list[str] = list(connection.execute(query).scalars())
    return {one for one in found if one.startswith(prefix)}


def events(journal: Journal, stream_id: str) -> list[JournalEvent]:
    """All events of a stream, oldest first."""
    query = sa.select(EVENTS).where(EVENTS.c.stream_id == stream_id)
    with journal.reading() as connection:
        found = connection.execute(query.order_by(EVENTS.c.stream_version)).mappings().all()
    return [rows.restored(dict(row)) for row in found]
