"""What a restatement changed: the figures of one period in two of its closed editions.

Reads the kept editions' files, so both sides are what their certificates say. Called by
`ledgerlake diff`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb

from ingestion.control.books import load_books
from ledger.control_events import PeriodClosed
from ledger.errors import IncorrectInput
from orchestration.close.closed_figures import closes
from orchestration.home import Home
from orchestration.publish import edition as editions
from orchestration.publish.edition import PublishedTable
from orchestration.publish.export import quoted, select_parts, text
from orchestration.publish.figures import FROZEN, PERIOD_COLUMNS
from orchestration.settings import Settings

MEASURES = ("amount", "quantity", "event_count")
PASSED_OVER = ("last_commit_seq", "known_from")
"""Columns that say when a row was booked, not what."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One row of `table` that differs; None where an edition has no such row."""

    table: str
    key: dict[str, Any]
    before: dict[str, Decimal | int | None]
    after: dict[str, Decimal | int | None]


@dataclass(frozen=True, kw_only=True)
class Sum:
    """All of a table in one currency, and how far the two editions are apart."""

    table: str
    currency: str
    before: Decimal
    after: Decimal
    delta: Decimal


@dataclass(frozen=True, kw_only=True)
class Diff:
    """Closed editions `before` and `after` of a period: changed rows, and sums per currency."""

    period_id: str
    before: int
    after: int
    changes: tuple[Change, ...]
    sums: tuple[Sum, ...]


def diff(
    settings: Settings, period_id: str, *, before: int | None = None, after: int | None = None
) -> Diff:
    """Compare two closed editions; default: the newest with the one before it.

    IncorrectInput if the period has not been closed that often.
    """
    home = Home.of(settings)
    known = {one.closed_edition: one for one in _closes(home, period_id)}
    newest = after if after is not None else max(known, default=2)
    oldest = before if before is not None else newest - 1
    for number in (oldest, newest):
        if number not in known:
            raise IncorrectInput(
                "closed_edition_must_be_there",
                thing=f"period {period_id}, closed edition {number}",
                expected=f"one of its closed editions: {', '.join(map(str, known)) or 'none'}",
                found="no such edition",
                remedy="`ledgerlake certificates list` shows them.",
            )
    left = editions.read(home.editions, known[oldest].published_edition)
    right = editions.read(home.editions, known[newest].published_edition)
    changes: list[Change] = []
    sums: list[Sum] = []
    with duckdb.connect(":memory:") as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name in FROZEN:
            tables = left.table(name), right.table(name)
            if tables[0] and tables[1]:
                _load(connection, home, period_id, (tables[0], tables[1]))
                changes += _changes(connection, tables[1])
                sums += _sums(connection, name)
    return Diff(
        period_id=period_id,
        before=oldest,
        after=newest,
        changes=tuple(changes),
        sums=tuple(sums),
    )


def _closes(home: Home, period_id: str) -> Sequence[PeriodClosed]:
    books = load_books(home.lake)
    books.calendar.get(period_id)
    return [one for one in closes(books) if one.period_id == period_id]


def _load(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    period_id: str,
    tables: tuple[PublishedTable, PublishedTable],
) -> None:
    """The period's rows of both editions, as `before` and `after`."""
    for name, table in zip(("before", "after"), tables, strict=True):
        parts = select_parts(table.files, table.columns, table.partition, home.tables)
        period = next(one for one in PERIOD_COLUMNS if one in dict(table.columns))
        connection.execute(
            f"create or replace temp table {quoted(name)} as select * from ({parts})"
            f" where {quoted(period)} = {text(period_id)}"
        )


def _changes(connection: duckdb.DuckDBPyConnection, table: PublishedTable) -> list[Change]:
    names = [name for name, _ in table.columns if name not in PASSED_OVER]
    measures = [name for name in names if name in MEASURES]
    keys = [name for name in names if name not in MEASURES]
    using = ", ".join(map(quoted, keys))
    columns = [f"{side}.{quoted(one)}" for side in ("before", "after") for one in measures]
    differs = " or ".join(
        f"before.{quoted(one)} is distinct from after.{quoted(one)}" for one in measures
    )
    rows = connection.execute(
        f"select {using}, {', '.join(columns)} from before full join after using ({using})"
        f" where {differs} order by {using}"
    ).fetchall()
    at = len(keys), len(keys) + len(measures)
    return [
        Change(
            table=table.name,
            key=dict(zip(keys, row, strict=False)),
            before=dict(zip(measures, row[at[0] : at[1]], strict=True)),
            after=dict(zip(measures, row[at[1] :], strict=True)),
        )
        for row in rows
    ]


def _sums(connection: duckdb.DuckDBPyConnection, name: str) -> list[Sum]:
    rows = connection.execute(
        "select currency, coalesce(sum(before), 0)::decimal(38, 4),"
        " coalesce(sum(after), 0)::decimal(38, 4) from ("
        "select currency, amount as before, null::decimal(38, 4) as after from before union all"
        " select currency, null, amount from after) group by currency order by currency"
    ).fetchall()
    return [
        Sum(table=name, currency=str(currency), before=left, after=right, delta=right - left)
        for currency, left, right in rows
    ]
