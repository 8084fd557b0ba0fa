"""Figures of a period as digests: what a close freezes, and what must never differ afterwards.

Holds which columns are frozen and the one text form of a row. A digest depends on the rows alone:
not on their order, on files, or on when they were built. Called by `closed_periods`, by the plan
of a close, by its certificate and by `verify`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from orchestration.publish.export import quoted, text

FROZEN: Mapping[str, tuple[str, ...]] = {
    "period_sales": (
        "posting_period",
        "charge_period",
        "charge_class",
        "store_id",
        "category",
        "channel",
        "currency",
        "amount",
        "quantity",
        "event_count",
        "is_prior_period_adjustment",
    ),
    "balance_rollforward": (
        "posting_period",
        "currency",
        "opening_balance",
        "movement_amount",
        "closing_balance",
        "event_count",
    ),
}
"""Table -> columns, the first names the period. Left out: columns that say when a row was built.
A change here changes every digest: certificates of before would no longer be met."""

EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, order=True)
class Figure:
    """All rows of one table in one period: how many, and the SHA-256 over their text form."""

    name: str
    rows: int
    sha256: str


Figures = Mapping[str, tuple[Figure, ...]]
"""Period -> its figures, one per table of `FROZEN`, in that order."""


def read_figures(
    connection: duckdb.DuckDBPyConnection, relations: Mapping[str, str], periods: Iterable[str]
) -> Figures:
    """Figures of `periods`. `relations` maps a table to the SQL that names or selects it.

    A table that is missing counts as empty: no certificate that had rows is met then.
    """
    wanted = sorted(set(periods))
    found: dict[tuple[str, str], Figure] = {}
    for table, relation in relations.items():
        for period, rows, sha256 in connection.execute(
            _digests(table, relation, wanted)
        ).fetchall():
            found[str(period), table] = Figure(table, int(rows), str(sha256))
    return {
        period: tuple(found.get((period, table), Figure(table, 0, EMPTY)) for table in FROZEN)
        for period in wanted
    }


def frozen_rows(table: str, relation: str, periods: Iterable[str]) -> str:
    """The frozen columns of `periods`, as SQL."""
    period, *_ = columns = FROZEN[table]
    names = ", ".join(f"frozen.{quoted(name)}" for name in columns)
    values = ", ".join(map(text, sorted(periods))) or "null"
    return f"select {names} from {relation} as frozen where frozen.{quoted(period)} in ({values})"


def _digests(table: str, relation: str, periods: Iterable[str]) -> str:
    """Each value as `<length>:<text>`, null as `-`: two different rows never read the same."""
    period, *_ = columns = FROZEN[table]
    cells = [
        f"coalesce(strlen({name}::varchar) || ':' || {name}::varchar, '-')"
        for name in (quoted(column) for column in columns)
    ]
    return (
        f"select period, count(*), sha256(string_agg(line, chr(10) order by line)) from ("
        f"select {quoted(period)} as period, {' || '.join(cells)} as line"
        f" from ({frozen_rows(table, relation, periods)})) group by period"
    )
