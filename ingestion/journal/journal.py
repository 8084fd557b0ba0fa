"""The journal: inbox, outbox and stream states, changed together in one transaction.

Holds `Journal`: opening, loading, appending, reading what is to drain. Does not decide commands
(`handler`), drain (`drain`) or fold (`catch_up`). Called by those and by the command line.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from ingestion.journal import rows, tables
from ingestion.journal.appending import Answered, Known, Plan, event_ids, plan
from ingestion.journal.records import (
    Append,
    Appended,
    JournalEvent,
    NewEvent,
    Outcome,
    Received,
    StreamState,
)
from ingestion.journal.tables import ABOUT, COMMANDS, EVENTS, MARKS, STREAMS
from ledger.errors import IncorrectInput, InternalFault

Clock = Callable[[], int]
"""Microseconds since 1970-01-01T00:00:00Z."""
Step = Callable[[str], None]
"""Called with the name of each step just reached; tests kill the process there."""
LAKE_ID: Final = "lake_id"
INCOMPLETE: Final = "incomplete"
_IN_MAX: Final = 5_000
"""Values of one `in (...)`; SQLite takes 32,766 and PostgreSQL 65,535."""


@dataclass(frozen=True, kw_only=True)
class JournalStatus:
    """How much the journal holds. `undrained` events are not in the lake yet, as far as it knows;
    `lake_id` is None until it met its lake. `incomplete`: it is new, and what the lake has of the
    one before must be folded into states first."""

    url: str
    lake_id: str | None
    incomplete: bool
    events: int
    undrained: int
    streams: int
    commands: int


class Journal:
    """One tenant's journal. Safe under many processes and threads: writers come one by one."""

    def __init__(self, engine: Engine, *, now: Clock, step: Step | None = None) -> None:
        self._engine = engine
        self._now = now
        self.step: Step = step or (lambda _name: None)

    @classmethod
    def open(cls, url: str, *, now: Clock, step: Step | None = None) -> "Journal":
        """Open the journal at a database URL, and make its tables if there are none.

        IncorrectInput for a URL that names no database we know, InternalFault if it does not
        answer.
        """
        engine = tables.engine_of(tables.url_of(url))
        journal = cls(engine, now=now, step=step)
        with journal._answering():
            tables.make_tables(engine)
        journal._require_format()
        return journal

    @property
    def name(self) -> str:
        """Its URL, without a password."""
        return str(self._engine.url.render_as_string(hide_password=True))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def bind(self, lake_id: str, next_offset: int) -> None:
        """Say which lake the journal belongs to, and how far that lake has drained it.

        A new journal goes on where the lake stands, so that no position comes twice.
        IncorrectInput for another lake's journal, or one that lost events the lake has.
        """
        with self.reading() as connection:
            known = about(connection, LAKE_ID)
            position = mark(connection, tables.NEXT_POSITION)
        if known is None:
            self._bind_new(lake_id, next_offset)
        elif known != lake_id:
            raise IncorrectInput(
                "journal_must_belong_to_the_lake",
                thing=f"journal {self.name}",
                expected=f"the journal of lake {lake_id}",
                found=f"that of lake {known}",
                remedy="Set journal.url to a database of its own for each lake.",
            )
        elif position < next_offset:
            raise self._behind(position, next_offset)

    def load(self, stream_id: str) -> StreamState | None:
        """The state of a stream: one keyed read, whatever its age. None: no event yet."""
        return self.load_many([stream_id]).get(stream_id)

    def load_many(self, stream_ids: Sequence[str]) -> dict[str, StreamState]:
        """The states of those streams that have one, by stream."""
        with self.reading() as connection:
            return states_of(connection, stream_ids)

    def append(
        self,
        stream_id: str,
        *,
        expected_version: int,
        events: Sequence[NewEvent],
        state: bytes,
        state_format: str,
        command: Received | None = None,
    ) -> Appended:
        """Append to one stream; when this returns, it is durable. Nothing is written if it raises.

        Raises VersionConflict (load and decide again), EventIdTaken, and IncorrectInput
        `idempotency_key_must_not_be_reused`. A command that came before gets its first answer.
        """
        one = Append(
            stream_id=stream_id,
            expected_version=expected_version,
            events=events,
            state=state,
            state_format=state_format,
            command=command,
        )
        (outcome,) = self.append_many([one])
        if isinstance(outcome, Appended):
            return outcome
        raise outcome

    def append_many(self, appends: Sequence[Append]) -> list[Outcome]:
        """Group commit: many appends in one transaction, each of which succeeds or fails alone.

        One after the other: the second append to a stream expects the version after the first,
        and is a conflict if the first came to nothing.
        """
        if not appends:
            return []
        self.step("before_append")
        with self.writing() as connection:
            made = plan(appends, _known(connection, appends))
            self.step("planned")
            self._write(connection, made)
            self.step("before_commit")
        self.step("committed")
        return made.outcomes

    def pending(self, after: int, limit: int) -> list[JournalEvent]:
        """Events from position `after` on, at most `limit`, in order."""
        query = sa.select(EVENTS).where(EVENTS.c.position >= after).order_by(EVENTS.c.position)
        with self.reading() as connection:
            found = connection.execute(query.limit(limit)).mappings().all()
        return [rows.restored(dict(row)) for row in found]

    def restore(self, events: Sequence[JournalEvent]) -> int:
        """Put events of the lake back that are not here; how many those were."""
        with self.writing() as connection:
            tables.lock_next_position(connection)
            ids = [one.event.event_id for one in events]
            query = sa.select(EVENTS.c.event_id)
            there = {
                row["event_id"] for row in _where_in(connection, query, EVENTS.c.event_id, ids)
            }
            at = self._now()
            lost = [rows.stored(one, at) for one in events if one.event.event_id not in there]
            if lost:
                connection.execute(sa.insert(EVENTS), lost)
        return len(lost)

    def next_position(self) -> int:
        """How many positions are given away."""
        with self.reading() as connection:
            return mark(connection, tables.NEXT_POSITION)

    def incomplete(self) -> bool:
        """Is it new, and the lake has drained one before?"""
        with self.reading() as connection:
            return about(connection, INCOMPLETE) is not None

    def drained_to(self) -> int:
        """Before which position the lake has all, as far as it knows."""
        with self.reading() as connection:
            return mark(connection, tables.DRAINED_TO)

    def drained(self, position: int) -> None:
        """Remember that the lake has all before `position`; only ever moves forward."""
        with self.writing() as connection:
            set_mark(connection, tables.DRAINED_TO, position, only_forward=True)

    def status(self) -> JournalStatus:
        """How much the journal holds."""
        with self.reading() as connection:
            position, drained = (
                mark(connection, name) for name in (tables.NEXT_POSITION, tables.DRAINED_TO)
            )
            return JournalStatus(
                url=self.name,
                lake_id=about(connection, LAKE_ID),
                incomplete=about(connection, INCOMPLETE) is not None,
                events=position,
                undrained=position - drained,
                streams=_count(connection, STREAMS),
                commands=_count(connection, COMMANDS),
            )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees the journal as it is at one moment."""
        options = {} if self._engine.dialect.name == "sqlite" else _SNAPSHOT
        with (
            self._answering(),
            self._engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: it waits for the writer before it, and holds up the next."""
        with (
            self._answering(),
            self._engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    def _write(self, connection: Connection, made: Plan) -> None:
        if made.events:
            at = self._now()
            connection.execute(sa.insert(EVENTS), [rows.stored(one, at) for one in made.events])
            put_states(connection, made.states.values())
            set_mark(connection, tables.NEXT_POSITION, made.events[-1].position + 1)
        if made.answered:
            at = self._now()
            connection.execute(sa.insert(COMMANDS), [_command(one, at) for one in made.answered])

    def _require_format(self) -> None:
        with self.reading() as connection:
            found = about(connection, "format")
        if found != tables.FORMAT:
            raise IncorrectInput(
                "journal_must_be_of_this_format",
                thing=f"journal {self.name}",
                expected=f"format {tables.FORMAT}",
                found=str(found),
                remedy="Use the version of ledgerlake that made it, or another database.",
            )

    def _bind_new(self, lake_id: str, next_offset: int) -> None:
        with self.writing() as connection:
            position = tables.lock_next_position(connection)
            if position and next_offset:
                raise self._behind(position, next_offset)
            if about(connection, LAKE_ID) is None:
                connection.execute(sa.insert(ABOUT).values(name=LAKE_ID, value=lake_id))
                if next_offset:
                    connection.execute(sa.insert(ABOUT).values(name=INCOMPLETE, value="yes"))
                for name in (tables.NEXT_POSITION, tables.DRAINED_TO):
                    set_mark(connection, name, max(next_offset, mark(connection, name)))

    def _behind(self, position: int, next_offset: int) -> IncorrectInput:
        return IncorrectInput(
            "journal_must_hold_what_the_lake_has_of_it",
            thing=f"journal {self.name}",
            expected=f"{next_offset:,} events or more, as the lake has drained",
            found=f"{position:,}",
            remedy="It is an old copy. Move it away and run `ledgerlake journal rebuild`:"
            " a new one is made from the lake.",
        )

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise InternalFault(
                "journal_must_answer",
                thing=f"journal {self.name}",
                expected="a database that does what it is told",
                found=str(error.orig).strip(),
                remedy="Look after the database, then send the command again with the same"
                " idempotency key: whether it was recorded is told by its answer.",
            ) from error


_CHANGING = ("version", "state", "state_format")
_SNAPSHOT = {"isolation_level": "REPEATABLE READ"}


def mark(connection: Connection, name: str, default: int = 0) -> int:
    """The value of a mark."""
    query = sa.select(MARKS.c.value).where(MARKS.c.name == name)
    found = connection.execute(query).scalar_one_or_none()
    return default if found is None else int(found)


def set_mark(connection: Connection, name: str, value: int, *, only_forward: bool = False) -> None:
    """Give a mark its value."""
    change = sa.update(MARKS).where(MARKS.c.name == name)
    if only_forward:
        change = change.where(MARKS.c.value < value)
    done = connection.execute(change.values(value=value)).rowcount
    if not done and not only_forward:
        connection.execute(sa.insert(MARKS).values(name=name, value=value))


def about(connection: Connection, name: str) -> str | None:
    """A fact about the journal."""
    query = sa.select(ABOUT.c.value).where(ABOUT.c.name == name)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else str(found)


def states_of(connection: Connection, stream_ids: Sequence[str]) -> dict[str, StreamState]:
    """The states of those streams that have one."""
    found = _where_in(connection, sa.select(STREAMS), STREAMS.c.stream_id, stream_ids)
    return {row["stream_id"]: StreamState(**row) for row in found}


def put_states(connection: Connection, states: Iterable[StreamState]) -> None:
    """Write states, of new streams and of those there are."""
    given = {one.stream_id: one for one in states}
    names = sa.select(STREAMS.c.stream_id)
    there = {
        row["stream_id"] for row in _where_in(connection, names, STREAMS.c.stream_id, list(given))
    }
    new = [vars(one) for one in given.values() if one.stream_id not in there]
    old = [{**vars(one), "at": one.stream_id} for one in given.values() if one.stream_id in there]
    if new:
        connection.execute(sa.insert(STREAMS), new)
    if old:
        change = sa.update(STREAMS).where(STREAMS.c.stream_id == sa.bindparam("at"))
        connection.execute(change.values({name: sa.bindparam(name) for name in _CHANGING}), old)


def _known(connection: Connection, appends: Sequence[Append]) -> Known:
    position = tables.lock_next_position(connection)
    streams = list(dict.fromkeys(one.stream_id for one in appends))
    keys = [one.command.key for one in appends if one.command is not None]
    versions = sa.select(STREAMS.c.stream_id, STREAMS.c.version)
    ids = sa.select(EVENTS.c.event_id)
    return Known(
        next_position=position,
        versions={
            row["stream_id"]: row["version"]
            for row in _where_in(connection, versions, STREAMS.c.stream_id, streams)
        },
        taken_ids={
            row["event_id"]
            for row in _where_in(connection, ids, EVENTS.c.event_id, event_ids(appends))
        },
        answered={
            row["key"]: _answered(row)
            for row in _where_in(connection, sa.select(COMMANDS), COMMANDS.c.key, keys)
        },
    )


def _where_in(
    connection: Connection, query: Any, column: Any, values: Sequence[str]
) -> Iterator[Mapping[str, Any]]:
    for start in range(0, len(values), _IN_MAX):
        part = values[start : start + _IN_MAX]
        found = connection.execute(query.where(column.in_(part))).mappings()
        yield from (dict(row) for row in found)


def _answered(row: Mapping[str, Any]) -> Answered:
    received = Received(key=row["key"], body_sha256=row["body_sha256"], answer=row["answer"])
    return Answered(received=received, stream_id=row["stream_id"], version=row["version"])


def _command(one: Answered, at: int) -> dict[str, object]:
    return {
        **vars(one.received),
        "stream_id": one.stream_id,
        "version": one.version,
        "recorded_us": at,
    }


def _count(connection: Connection, table: sa.Table) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
