"""Control frames of one period: what the gate judges, as small pandas frames.

Holds the order of the queries and the dates they take. Cost follows the period, eight weeks before
it and the number of commits. Does not judge. Called by close plan and apply, the Dagster checks.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ledger.calendar import Period
from ledger.errors import InternalFault
from orchestration.close.frame_queries import FRAMES, HISTORY_DAYS, SUMS
from orchestration.close.lake_totals import sum_lake

if TYPE_CHECKING:
    import pandas as pd

WEEK = timedelta(days=7)


def control_frames(
    connection: duckdb.DuckDBPyConnection, lake: Path, period: Period
) -> "dict[str, pd.DataFrame]":
    """Frame per suite of `expectations.suites`, which says what the columns mean.

    `connection` is open on the built warehouse (read-only will do; temporary tables `gate_*` are
    left in it), `lake` is the folder of the tenant's lake. Money is Decimal, dates are ISO text.
    InternalFault when the warehouse or a segment cannot be read.
    """
    try:
        connection.execute("set TimeZone = 'UTC'")
        sum_lake(connection, lake, period.first_date, period.end_date)
        values = _values(period)
        for query in SUMS.values():
            connection.execute(query, _asked(query, values))
        return {name: _frame(connection, query, values) for name, query in FRAMES.items()}
    except duckdb.Error as error:
        raise InternalFault(
            "control_frames_must_be_readable",
            thing=f"control frames of period {period.period_id}",
            expected="a warehouse built by this version and all segments of its lake",
            found=str(error).splitlines()[0],
            remedy="Run `ledgerlake verify`, then `ledgerlake build --full-refresh`.",
        ) from error


def _values(period: Period) -> dict[str, str | date | int]:
    """The arguments of the queries. Volume is asked of at least a week."""
    volume_from = min(period.first_date, period.end_date - WEEK)
    return {
        "period_id": period.period_id,
        "first_date": period.first_date,
        "end_date": period.end_date,
        "volume_from": volume_from,
        "history_from": volume_from - timedelta(days=HISTORY_DAYS),
        "history_days": HISTORY_DAYS,
    }


def _asked(query: str, values: dict[str, str | date | int]) -> dict[str, str | date | int]:
    """The arguments a query names; DuckDB refuses others."""
    return {name: value for name, value in values.items() if f"${name}" in query}


def _frame(
    connection: duckdb.DuckDBPyConnection, query: str, values: dict[str, str | date | int]
) -> "pd.DataFrame":
    """Rows as Python objects: DuckDB's own way to pandas would make money floats."""
    import pandas as pd  # noqa: PLC0415  # one second, and only who gates pays it

    found = connection.execute(query, _asked(query, values))
    assert found.description is not None
    names = [column[0] for column in found.description]
    return pd.DataFrame(found.fetchall(), columns=names, dtype=object)
