"""What the journal says to its database, statement by statement, inside a transaction.

Holds reading and writing of marks, states, commands and events. Begins no transaction (`journal`
does). Called by `journal`, `catch_up` and `states`.

Statements are built once: SQLAlchemy takes longer to build one than SQLite to run it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingestion.journal import rows, tables
from ingestion.journal.appending import Answered, Known, Plan, event_ids
from ingestion.journal.records import Append, JournalEvent, Received, StreamState
from ingestion.journal.tables import ABOUT, COMMANDS, EVENTS, MARKS, STREAMS

LAKE_ID: Final = "lake_id"
INCOMPLETE: Final = "incomplete"
_IN_MAX: Final = 5_000
"""Values of one `in (...)`; SQLite takes 32,766 and PostgreSQL 65,535."""

_VALUES: Any = sa.bindparam("values", expanding=True)
_STATE = sa.select(STREAMS).where(STREAMS.c.stream_id == sa.bindparam("stream_id"))
_STATES = sa.select(STREAMS).where(STREAMS.c.stream_id.in_(_VALUES))
_VERSIONS = sa.select(STREAMS.c.stream_id, STREAMS.c.version).where(
    STREAMS.c.stream_id.in_(_VALUES)
)
_NEW_STATE = sa.insert(STREAMS)
_CHANGED_STATE = (
    sa.update(STREAMS)
    .where(STREAMS.c.stream_id == sa.bindparam("at"))
    .values({name: sa.bindparam(name) for name in ("version", "state", "state_format", "due_us")})
)
_GONE_STATE = sa.delete(STREAMS).where(STREAMS.c.stream_id == sa.bindparam("at"))
_IDS = sa.select(EVENTS.c.event_id).where(EVENTS.c.event_id.in_(_VALUES))
_NEW_EVENT = sa.insert(EVENTS)
_FROM_POSITION = (
    sa.select(EVENTS)
    .where(EVENTS.c.position >= sa.bindparam("after"))
    .order_by(EVENTS.c.position)
    .limit(sa.bindparam("at_most", type_=sa.Integer))
)
_OLDEST = (
    sa.select(EVENTS.c.position, EVENTS.c.recorded_us)
    .order_by(EVENTS.c.position)
    .limit(sa.bindparam("at_most", type_=sa.Integer))
)
_GONE_EVENTS = sa.delete(EVENTS).where(EVENTS.c.position < sa.bindparam("before"))
_KEYS = sa.select(COMMANDS.c.key).where(COMMANDS.c.key.in_(_VALUES))
_ANSWERED = sa.select(COMMANDS).where(COMMANDS.c.key.in_(_VALUES))
_NEW_COMMAND = sa.insert(COMMANDS)
_MARK = sa.select(MARKS.c.value).where(MARKS.c.name == sa.bindparam("mark"))
_SET_MARK = (
    sa.update(MARKS).where(MARKS.c.name == sa.bindparam("mark")).values(value=sa.bindparam("to"))
)
_ABOUT = sa.select(ABOUT.c.value).where(ABOUT.c.name == sa.bindparam("fact"))


def mark(connection: Connection, name: str, default: int = 0) -> int:
    """The value of a mark."""
    found = connection.execute(_MARK, {"mark": name}).scalar_one_or_none()
    return default if found is None else int(found)


def set_mark(connection: Connection, name: str, value: int) -> None:
    """Give a mark its value."""
    if not connection.execute(_SET_MARK, {"mark": name, "to": value}).rowcount:
        connection.execute(sa.insert(MARKS), {"name": name, "value": value})


def about(connection: Connection, name: str) -> str | None:
    """A fact about the journal."""
    found = connection.execute(_ABOUT, {"fact": name}).scalar_one_or_none()
    return None if found is None else str(found)


def set_about(connection: Connection, name: str, value: str | None) -> None:
    """Note a fact that was not there, or take it away."""
    connection.execute(sa.delete(ABOUT).where(ABOUT.c.name == name))
    if value is not None:
        connection.execute(sa.insert(ABOUT), {"name": name, "value": value})


def state_of(connection: Connection, stream_id: str) -> StreamState | None:
    """The state of a stream."""
    row = connection.execute(_STATE, {"stream_id": stream_id}).one_or_none()
    return None if row is None else _state(row)


def states_of(connection: Connection, stream_ids: Sequence[str]) -> dict[str, StreamState]:
    """The states of those streams that have one."""
    return {row[0]: _state(row) for row in _found(connection, _STATES, stream_ids)}


def states_of_kind(connection: Connection, kind: str) -> dict[str, StreamState]:
    """The states of a kind, in whatever format."""
    mine = STREAMS.c.state_format.startswith(f"{kind}/", autoescape=True)
    return {row[0]: _state(row) for row in connection.execute(sa.select(STREAMS).where(mine))}


def put_states(
    connection: Connection, states: Iterable[StreamState], *, there: Collection[str] | None = None
) -> None:
    """Write states. `there`: the streams that have one already, if the caller knows."""
    given = list(states)
    if there is None:
        ids = [one.stream_id for one in given]
        there = {row[0] for row in _found(connection, _VERSIONS, ids)}
    new = [vars(one) for one in given if one.stream_id not in there]
    old = [{**vars(one), "at": one.stream_id} for one in given if one.stream_id in there]
    if new:
        connection.execute(_NEW_STATE, new)
    if old:
        connection.execute(_CHANGED_STATE, old)


def remove_states(connection: Connection, stream_ids: Sequence[str]) -> None:
    """Take the states of these streams away."""
    if stream_ids:
        connection.execute(_GONE_STATE, [{"at": one} for one in stream_ids])


def events_from(connection: Connection, after: int, limit: int) -> list[JournalEvent]:
    """Events from a position on, in order."""
    found = connection.execute(_FROM_POSITION, {"after": after, "at_most": limit}).mappings()
    return [rows.restored(row) for row in map(dict, found)]


def put_events(connection: Connection, events: Sequence[JournalEvent], recorded_us: int) -> None:
    """Write events."""
    if events:
        connection.execute(_NEW_EVENT, [rows.stored(one, recorded_us) for one in events])


def oldest_events(connection: Connection, limit: int) -> list[tuple[int, int]]:
    """Position and time of recording of the oldest events, in order."""
    found = connection.execute(_OLDEST, {"at_most": limit})
    return [(row[0], row[1]) for row in found]


def remove_events(connection: Connection, *, before: int) -> int:
    """Take events before a position away; how many those were."""
    return connection.execute(_GONE_EVENTS, {"before": before}).rowcount


def put_answers(connection: Connection, given: Sequence[Answered], recorded_us: int) -> None:
    """Write the answers to commands whose keys are not there."""
    there = {row[0] for row in _found(connection, _KEYS, [one.received.key for one in given])}
    new = [_command(one, recorded_us) for one in given if one.received.key not in there]
    if new:
        connection.execute(_NEW_COMMAND, new)


def missing(connection: Connection, events: Sequence[JournalEvent]) -> list[JournalEvent]:
    """Those events whose ids are not there."""
    ids = [one.event.event_id for one in events]
    there = {row[0] for row in _found(connection, _IDS, ids)}
    return [one for one in events if one.event.event_id not in there]


def count(connection: Connection, table: sa.Table) -> int:
    """Rows of a table."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def known(connection: Connection, appends: Sequence[Append]) -> Known:
    """All that must be known of the journal to plan a group. Locks it for other writers."""
    position = tables.lock_next_position(connection)
    streams = list(dict.fromkeys(one.stream_id for one in appends))
    keys = [one.command.key for one in appends if one.command is not None]
    return Known(
        next_position=position,
        versions={row[0]: row[1] for row in _found(connection, _VERSIONS, streams)},
        taken_ids={row[0] for row in _found(connection, _IDS, event_ids(appends))},
        answered={row.key: _answered(row) for row in _found(connection, _ANSWERED, keys)},
    )


def write(connection: Connection, made: Plan, *, there: Collection[str], at_us: int) -> None:
    """Write all that was planned. `there`: the streams that had a state before."""
    if made.events:
        put_events(connection, made.events, at_us)
        put_states(connection, made.states.values(), there=there)
        set_mark(connection, tables.NEXT_POSITION, made.events[-1].position + 1)
    if made.answered:
        connection.execute(_NEW_COMMAND, [_command(one, at_us) for one in made.answered])


def _found(connection: Connection, query: Any, values: Sequence[str]) -> Iterator[Any]:
    for start in range(0, len(values), _IN_MAX):
        yield from connection.execute(query, {"values": values[start : start + _IN_MAX]})


def _state(row: Any) -> StreamState:
    stream_id, version, state, state_format, due_us = row
    return StreamState(
        stream_id=stream_id,
        version=version,
        state=state,
        state_format=state_format,
        due_us=due_us,
    )


def _answered(row: Any) -> Answered:
    received = Received(key=row.key, body_sha256=row.body_sha256, answer=row.answer)
    return Answered(received=received, stream_id=row.stream_id, version=row.version)


def _command(one: Answered, at_us: int) -> dict[str, object]:
    return {
        **vars(one.received),
        "stream_id": one.stream_id,
        "version": one.version,
        "recorded_us": at_us,
    }
