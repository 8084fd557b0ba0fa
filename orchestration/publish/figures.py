"""Figures of a period as digests: what a close freezes, and what must never differ afterwards.

Computes in DuckDB what `audit.figures` computes from files (a test holds them equal), so that every
publish can afford it. A digest depends on the rows alone: not on their order, on files, or on when
they were built. Called by `closed_periods`, by the plan of a close and by `verify`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from audit.certificate import Figure
from orchestration.publish.export import quoted, text

FROZEN = ("period_sales", "int_accounts__postings")
"""Tables whose rows a close freezes. Certificates name them: one that is left out had no rows."""

PERIOD_COLUMNS = ("posting_period", "period_id")
"""The first of these that a table has names the period a row is booked in."""

EMPTY = hashlib.sha256(b"").hexdigest()

Columns = Sequence[tuple[str, str]]
"""(name, type), as DuckDB has them."""


Figures = Mapping[str, tuple[Figure, ...]]
"""Period -> its figures, one per table of the warehouse, in the order of `FROZEN`."""


@dataclass(frozen=True)
class Relation:
    """A frozen table: the SQL that names or selects it, and the columns that count."""

    sql: str
    columns: Columns

    @property
    def period(self) -> str:
        """The column of the period, as SQL."""
        return quoted(next(one for one in PERIOD_COLUMNS if one in dict(self.columns)))


def read_figures(
    connection: duckdb.DuckDBPyConnection,
    relations: Mapping[str, Relation],
    periods: Iterable[str],
) -> Figures:
    """Figures of `periods` in the tables there are; a period without rows has empty ones."""
    wanted = sorted(set(periods))
    found: dict[tuple[str, str], Figure] = {}
    for table, relation in relations.items():
        for period, rows, sha256 in connection.execute(_digests(relation, wanted)).fetchall():
            found[str(period), table] = Figure(name=table, rows=int(rows), sha256=str(sha256))
    return {
        period: tuple(
            found.get((period, table), none_of(table)) for table in FROZEN if table in relations
        )
        for period in wanted
    }


def none_of(table: str) -> Figure:
    """The figure of a table without rows."""
    return Figure(name=table, rows=0, sha256=EMPTY)


def warehouse_relations(connection: duckdb.DuckDBPyConnection) -> dict[str, Relation]:
    """The frozen tables of an open warehouse."""
    found = {}
    for table in FROZEN:
        columns = connection.execute(
            "select schema_name, column_name, data_type from duckdb_columns()"
            f" where database_name = current_database() and table_name = {text(table)}"
            " order by column_index"
        ).fetchall()
        if columns:
            schema = quoted(str(columns[0][0]))
            pairs = [(str(name), str(kind)) for _, name, kind in columns]
            found[table] = Relation(f"{schema}.{quoted(table)}", pairs)
    return found


def period_rows(relation: Relation, periods: Iterable[str]) -> str:
    """The rows of `periods`, as SQL."""
    names = ", ".join(f"frozen.{quoted(name)}" for name, _ in relation.columns)
    values = ", ".join(map(text, sorted(periods))) or "null"
    return (
        f"select {names} from {relation.sql} as frozen where frozen.{relation.period} in ({values})"
    )


def _digests(relation: Relation, periods: Iterable[str]) -> str:
    fields = [
        f"'{quoted(name)}:' || {_json(quoted(name), kind)}"
        for name, kind in sorted(relation.columns)
    ]
    line = "'{' || " + " || ',' || ".join(fields) + " || '}' || chr(10)"
    return (
        "select period, count(*), sha256(string_agg(line, '' order by line)) from ("
        f"select {relation.period} as period, {line} as line"
        f" from ({period_rows(relation, periods)})) group by period"
    )


def _json(name: str, kind: str) -> str:
    """A cell in canonical JSON: money as plain decimal text, days as ISO text."""
    if kind.startswith("DECIMAL"):
        plain = f"case when {name} = 0 then '0' when {name}::varchar like '%.%'"
        plain += f" then rtrim(rtrim({name}::varchar, '0'), '.') else {name}::varchar end"
        cell = f"'\"' || {plain} || '\"'"
    elif kind.startswith("TIMESTAMP"):
        cell = f"epoch_us({name})::varchar"
    elif kind in ("VARCHAR", "DATE"):
        cell = f"to_json({name}::varchar)::varchar"
    else:
        cell = f"{name}::varchar"
    return f"coalesce({cell}, 'null')"
