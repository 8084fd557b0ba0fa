"""Control frames of one period: what the gate judges, as small pandas frames.

Holds the order of the queries and the dates they take. Cost follows the period, eight weeks before
it and the number of commits. Does not judge. Called by close plan and apply, the Dagster checks.
"""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from expectations.control_totals import FROZEN
from ledger.calendar import Period
from ledger.errors import InternalFault
from ledger.instants import from_us
from orchestration.close.frame_queries import FRAMES, SUMS, query, to_the_cent
from orchestration.close.lake_totals import sum_lake
from orchestration.close.lateness import ARRIVALS_SCHEMA
from orchestration.close.past_days import HISTORY_DAYS as LEARNT_DAYS

if TYPE_CHECKING:
    import pandas as pd

WEEK = timedelta(days=7)

HISTORY_DAYS = 56
"""Eight weeks: what a store is compared with. A store open on nine of ten Mondays is missed without
cause on 4% of them; in a longer history the season would stand in the way."""

Values = dict[str, str | date]


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
        connection.execute(to_the_cent())
        for name in SUMS:
            _run(connection, name, values)
        return {name: _frame(connection, name, values) for name in FRAMES}
    except duckdb.Error as error:
        raise InternalFault(
            "control_frames_must_be_readable",
            thing=f"control frames of period {period.period_id}",
            expected="a warehouse built by this version and all segments of its lake",
            found=str(error).splitlines()[0],
            remedy="Run `ledgerlake verify`, then `ledgerlake build --full-refresh`.",
        ) from error


def arrivals(
    connection: duckdb.DuckDBPyConnection, period: Period
) -> tuple[pl.DataFrame, datetime]:
    """When the events of the period and of the year before it arrived, up to the warehouse's cut,
    and the time of that cut: what `orchestration.close.lateness` takes."""
    connection.execute("set TimeZone = 'UTC'")
    row = connection.execute(
        "select max(epoch_us(ingest_time)) from staging.stg_lake__commits"
    ).fetchone()
    assert row is not None and row[0] is not None, "a lake has its first commit from the start"
    known_at = from_us(row[0])
    found = connection.execute(
        query("arrivals"),
        {
            "arrivals_from": period.first_date - timedelta(days=LEARNT_DAYS),
            # Days after the period teach as well; those that have not ended do not.
            "arrivals_until": max(known_at.date(), period.end_date),
        },
    ).pl()
    return found.cast(ARRIVALS_SCHEMA), known_at


def _values(period: Period) -> Values:
    """The arguments of the queries. Volume is asked of at least a week."""
    volume_from = min(period.first_date, period.end_date - WEEK)
    return {
        "period_id": period.period_id,
        "first_date": period.first_date,
        "end_date": period.end_date,
        "volume_from": volume_from,
        "history_from": volume_from - timedelta(days=HISTORY_DAYS),
        "frozen": FROZEN,
    }


def _run(
    connection: duckdb.DuckDBPyConnection, name: str, values: Values
) -> duckdb.DuckDBPyConnection:
    """Run a query with the arguments it names; DuckDB refuses others."""
    text = query(name)
    return connection.execute(text, {key: one for key, one in values.items() if f"${key}" in text})


def _frame(connection: duckdb.DuckDBPyConnection, name: str, values: Values) -> "pd.DataFrame":
    """Rows as Python objects: DuckDB's own way to pandas would make money floats."""
    import pandas as pd  # noqa: PLC0415  # one second, and only who gates pays it

    found = _run(connection, name, values)
    assert found.description is not None
    names = [column[0] for column in found.description]
    return pd.DataFrame(found.fetchall(), columns=names, dtype=object)
