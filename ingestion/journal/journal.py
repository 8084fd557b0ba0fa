"""The journal: inbox, outbox and stream states, changed together in one transaction.

Holds `Journal`: opening, loading, appending, reading what is to drain. Does not decide commands
(`handler`), drain (`drain`) or fold (`catch_up`). Called by those and by the command line.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from ingestion.journal import statements, tables
from ingestion.journal.appending import Answered, plan
from ingestion.journal.records import (
    Append,
    Appended,
    JournalEvent,
    NewEvent,
    Outcome,
    Received,
    StreamState,
)
from ingestion.journal.statements import INCOMPLETE, LAKE_ID
from ingestion.journal.tables import COMMANDS, STREAMS
from ingestion.passwords import without_passwords
from ledger.errors import IncorrectInput, InternalFault

Clock = Callable[[], int]
"""Microseconds since 1970-01-01T00:00:00Z."""
Step = Callable[[str], None]
"""Called with the name of each step just reached; tests kill the process there."""


@dataclass(frozen=True, kw_only=True)
class JournalStatus:
    """How much the journal holds. Of all `events`, it has `kept`, and the lake has all but those
    `undrained`, as far as it knows; `lake_id` is None until it met its lake. `incomplete`: it is
    new, and what the lake has of the one before must be folded into states first."""

    url: str
    lake_id: str | None
    incomplete: bool
    events: int
    kept: int
    undrained: int
    streams: int
    commands: int


class Journal:
    """One tenant's journal. Safe under many processes and threads: writers come one by one."""

    def __init__(self, engine: Engine, *, now: Clock, step: Step | None = None) -> None:
        self._engine = engine
        self._snapshot = {} if engine.dialect.name == "sqlite" else _SNAPSHOT
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
        try:
            with journal._answering():
                tables.make_tables(engine)
            journal._require_format()
        except BaseException:
            journal.close()
            raise
        return journal

    @property
    def name(self) -> str:
        """Its URL, without a password."""
        return without_passwords(self._engine.url.render_as_string(hide_password=True))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def bind(self, lake_id: str, next_offset: int) -> None:
        """Say which lake the journal belongs to, and how far that lake has drained it.

        A new journal goes on where the lake stands, so that no position comes twice.
        IncorrectInput for another lake's journal, one that lost events the lake has, or a lake
        that lost events the journal has let go.
        """
        with self.reading() as connection:
            known = statements.about(connection, LAKE_ID)
            position = statements.mark(connection, tables.NEXT_POSITION)
            pruned = statements.mark(connection, tables.PRUNED_TO)
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
        elif next_offset < pruned:
            raise IncorrectInput(
                "lake_must_hold_what_the_journal_let_go",
                thing=f"journal {self.name}",
                expected=f"a lake with the first {pruned:,} events of it, as it had",
                found=f"one with {next_offset:,}: an old copy",
                remedy="Restore a newer copy of the lake; journal.keep_days says how old one may"
                " be.",
            )

    def load(self, stream_id: str) -> StreamState | None:
        """The state of a stream: one keyed read, whatever its age. None: no event yet."""
        with self.reading(alone=True) as connection:
            return statements.state_of(connection, stream_id)

    def load_many(self, stream_ids: Sequence[str]) -> dict[str, StreamState]:
        """The states of those streams that have one, by stream."""
        with self.reading() as connection:
            return statements.states_of(connection, stream_ids)

    def append(
        self,
        stream_id: str,
        *,
        expected_version: int,
        events: Sequence[NewEvent],
        state: bytes,
        state_format: str,
        command: Received | None = None,
        due_us: int | None = None,
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
            due_us=due_us,
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
            known = statements.known(connection, appends)
            there = frozenset(known.versions)
            made = plan(appends, known)
            self.step("planned")
            statements.write(connection, made, there=there, at_us=self._now())
            self.step("before_commit")
        self.step("committed")
        return made.outcomes

    def pending(self, after: int, limit: int) -> list[JournalEvent]:
        """Events from position `after` on, at most `limit`, in order."""
        with self.reading(alone=True) as connection:
            return statements.events_from(connection, after, limit)

    def restore(self, events: Sequence[JournalEvent]) -> int:
        """Put events of the lake back that are not here; how many those were."""
        with self.writing() as connection:
            tables.lock_next_position(connection)
            lost = statements.missing(connection, events)
            statements.put_events(connection, lost, self._now())
        return len(lost)

    def restore_answers(self, given: Sequence[Answered]) -> None:
        """Put answers to commands back that are not here."""
        with self.writing() as connection:
            tables.lock_next_position(connection)
            statements.put_answers(connection, given, self._now())

    def next_position(self) -> int:
        """How many positions are given away."""
        with self.reading() as connection:
            return statements.mark(connection, tables.NEXT_POSITION)

    def incomplete(self) -> bool:
        """Is it new, and the lake has drained one before?"""
        with self.reading() as connection:
            return statements.about(connection, INCOMPLETE) is not None

    def drained_to(self) -> int:
        """Before which position the lake has all, as far as it knows."""
        with self.reading() as connection:
            return statements.mark(connection, tables.DRAINED_TO)

    def pruned_to(self) -> int:
        """Before which position events are in the lake only."""
        with self.reading() as connection:
            return statements.mark(connection, tables.PRUNED_TO)

    def drained(self, position: int) -> None:
        """Remember that the lake has all before `position`; only ever moves forward."""
        with self.writing() as connection:
            tables.lock_next_position(connection)
            if statements.mark(connection, tables.DRAINED_TO) < position:
                statements.set_mark(connection, tables.DRAINED_TO, position)

    def status(self) -> JournalStatus:
        """How much the journal holds."""
        with self.reading() as connection:
            position, drained, pruned = (
                statements.mark(connection, name)
                for name in (tables.NEXT_POSITION, tables.DRAINED_TO, tables.PRUNED_TO)
            )
            return JournalStatus(
                url=self.name,
                lake_id=statements.about(connection, LAKE_ID),
                incomplete=statements.about(connection, INCOMPLETE) is not None,
                events=position,
                kept=position - pruned,
                undrained=position - drained,
                streams=statements.count(connection, STREAMS),
                commands=statements.count(connection, COMMANDS),
            )

    @contextmanager
    def reading(self, *, alone: bool = False) -> Iterator[Connection]:
        """A transaction that sees the journal as it is at one moment. `alone`: for a single
        statement, which does so anyway."""
        options = {"alone": True} if alone else self._snapshot
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

    def _require_format(self) -> None:
        with self.reading() as connection:
            found = statements.about(connection, "format")
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
            if statements.about(connection, LAKE_ID) is None:
                statements.set_about(connection, LAKE_ID, lake_id)
                if next_offset:
                    statements.set_about(connection, INCOMPLETE, "yes")
                for name in (tables.NEXT_POSITION, tables.DRAINED_TO):
                    value = max(next_offset, statements.mark(connection, name))
                    statements.set_mark(connection, name, value)

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


_SNAPSHOT: Final = {"isolation_level": "REPEATABLE READ"}
