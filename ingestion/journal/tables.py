"""The journal's tables, and an engine over the database they lie in.

Holds what differs between SQLite and PostgreSQL, and nothing else does. Does not append or read.
Called by `journal`.
"""

import sqlite3
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from ingestion.passwords import without_passwords
from ledger.errors import IncorrectInput

FORMAT: Final = "2"
"""Of these tables. One of format 1 is brought up to it; any other is refused."""
NEXT_POSITION: Final = "next_position"
DRAINED_TO: Final = "drained_to"
PRUNED_TO: Final = "pruned_to"
"""Before it, events are in the lake only."""
_BUSY_SECONDS: Final = 30
"""How long a writer waits for the one before it. A group commit takes milliseconds; who waited
this long stands behind something that hangs, and is told so."""
_CREATION_LOCK: Final = 0x6C6C616B65
"""PostgreSQL's advisory lock under which the tables are made."""

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
METADATA = sa.MetaData()
STREAMS = sa.Table(
    "journal_streams",
    METADATA,
    sa.Column("stream_id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("state_format", sa.Text, nullable=False),
    sa.Column("due_us", sa.BigInteger),
)
DUE = sa.Index(
    "journal_streams_due",
    STREAMS.c.due_us,
    STREAMS.c.stream_id,
    sqlite_where=STREAMS.c.due_us.is_not(None),
    postgresql_where=STREAMS.c.due_us.is_not(None),
)
"""Holds the streams with something left to do and no other, however many have ended."""
EVENTS = sa.Table(
    "journal_events",
    METADATA,
    sa.Column("position", _POSITION, primary_key=True, autoincrement=False),
    sa.Column("event_id", sa.Text, nullable=False, unique=True),
    sa.Column("stream_id", sa.Text, nullable=False),
    sa.Column("stream_version", sa.BigInteger, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("schema_version", sa.Integer, nullable=False),
    sa.Column("event_time_us", sa.BigInteger, nullable=False),
    sa.Column("columns", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("correlation_id", sa.Text),
    sa.Column("causation_id", sa.Text),
    sa.Column("recorded_us", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("stream_id", "stream_version"),
)
COMMANDS = sa.Table(
    "journal_commands",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("body_sha256", sa.Text, nullable=False),
    sa.Column("stream_id", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
    sa.Column("recorded_us", sa.BigInteger, nullable=False),
)
MARKS = sa.Table(
    "journal_marks",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
"""The next position, how far it was drained and pruned, and how far the lake was read back, per
kind."""
ABOUT = sa.Table(
    "journal_about",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""The format of the tables and the lake the journal belongs to."""


def url_of(text: str) -> URL:
    """The database a setting names. IncorrectInput says what is allowed."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        url = None
    if url is None or url.get_backend_name() not in ("sqlite", "postgresql"):
        raise IncorrectInput(
            "journal_url_must_name_a_database",
            thing="journal.url",
            expected="sqlite:////folder/journal.sqlite or postgresql://user@host/database",
            found=repr(without_passwords(text)),
            remedy="Repair the setting; docs/journal.md shows both.",
        )
    return url.set(drivername="postgresql+psycopg") if url.get_backend_name() != "sqlite" else url


def engine_of(url: URL) -> Engine:
    """An engine whose writing transactions come one after the other."""
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, connect_args={"connect_timeout": _BUSY_SECONDS})
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def make_tables(engine: Engine) -> None:
    """Make what is missing; several processes may do so at once. Locks nothing if all is there."""
    with engine.connect().execution_options(alone=True) as connection:
        if sa.inspect(connection).has_table(ABOUT.name) and not _is_of_format_1(connection):
            return
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATION_LOCK)))
        if sa.inspect(connection).has_table(ABOUT.name):
            if _is_of_format_1(connection):
                _add_due(connection)
            return
        METADATA.create_all(connection, checkfirst=False)
        connection.execute(sa.insert(ABOUT), [{"name": "format", "value": FORMAT}])
        names = (NEXT_POSITION, DRAINED_TO)
        connection.execute(sa.insert(MARKS), [{"name": name, "value": 0} for name in names])


def _is_of_format_1(connection: Connection) -> bool:
    return bool(connection.execute(_FORMAT).scalar() == "1")


def _add_due(connection: Connection) -> None:
    """Which stream has something left to do, its next event or a rebuild says: until then, all."""
    connection.exec_driver_sql(f"alter table {STREAMS.name} add column due_us bigint")
    DUE.create(connection)
    connection.execute(sa.update(STREAMS).values(due_us=0))
    connection.execute(sa.update(ABOUT).where(ABOUT.c.name == "format").values(value=FORMAT))


_FORMAT = sa.select(ABOUT.c.value).where(ABOUT.c.name == "format")


def lock_next_position(connection: Connection) -> int:
    """The next free position. Holds up every other writer until the transaction ends.

    That is what makes positions gap free and their order the order of commits: SQLite's
    `begin immediate` and PostgreSQL's row lock are both held to the end (docs/decisions/0005).
    """
    return int(connection.execute(_LOCKED_POSITION).scalar_one())


_LOCKED_POSITION = sa.select(MARKS.c.value).where(MARKS.c.name == NEXT_POSITION).with_for_update()


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    connection.execute("pragma journal_mode=wal")
    # What is acknowledged is on disk: WAL alone syncs at checkpoints only.
    connection.execute("pragma synchronous=full")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("alone"):
        connection.exec_driver_sql("begin immediate" if options.get("writes") else "begin")
