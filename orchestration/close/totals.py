"""Control totals: the sums a controller compares, per currency, of what a close freezes.

Holds which sums, and computing them in the warehouse. The certificate states them again from the
published files (`audit.figures.control_total`). Called by plan and certificate.
"""

from collections.abc import Iterator, Mapping

import duckdb

from audit.certificate import ControlTotal
from orchestration.publish.export import quoted
from orchestration.publish.figures import Relation, period_rows

SUMMED: Mapping[str, tuple[str, ...]] = {
    "period_sales": ("amount", "event_count"),
    "int_accounts__postings": ("amount", "event_count"),
}
"""Figure -> columns summed over its rows."""

BY = "currency"


def control_totals(
    connection: duckdb.DuckDBPyConnection, relations: Mapping[str, Relation], period_id: str
) -> tuple[ControlTotal, ...]:
    """Sums of one period in the tables there are, by table, currency and column."""
    return tuple(
        total
        for table, relation in relations.items()
        for total in _of_table(connection, table, relation, period_id)
    )


def name_of(table: str, currency: str, column: str) -> str:
    return f"{table} {currency} {column}"


def _of_table(
    connection: duckdb.DuckDBPyConnection, table: str, relation: Relation, period_id: str
) -> Iterator[ControlTotal]:
    columns = [one for one in SUMMED[table] if one in dict(relation.columns)]
    sums = "".join(f", sum({quoted(one)})::decimal(38, 4)::varchar" for one in columns)
    rows = connection.execute(
        f"select {BY}{sums} from ({period_rows(relation, [period_id])}) group by {BY} order by {BY}"
    ).fetchall()
    for currency, *values in rows:
        for column, value in zip(columns, values, strict=True):
            yield ControlTotal(
                name=name_of(table, str(currency), column),
                figure=table,
                column=column,
                where={BY: str(currency)},
                value=_plain(str(value)),
            )


def _plain(value: str) -> str:
    """No zeros at the end: 12.5, -3, 0, as certificates write it."""
    text = value.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
