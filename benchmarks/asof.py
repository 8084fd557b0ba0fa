"""Figures as known at an earlier time, asked of the published edition by its macros.

Every query has its own random key, day and knowledge time; the connection is warm, as a reader's
is. The baseline asks the lake's files the plain way.
"""

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np

from benchmarks import generate
from benchmarks.measurement import Measurement, Options, percentile, script
from benchmarks.prepare import days_of, prepared_warehouse, sales_files
from benchmarks.prepare import settings as settings_of
from orchestration.home import Home

QUERIES = 200
BASELINE_QUERIES = 5
P95_MS_MAX = {"one cell": 20.0, "one account": 10.0, "all stores for a month": 250.0}

CELL = """
    select amount, quantity, event_count
    from daily_sales_as_of($day, $known, valid_from := $day)
    where store_id = $store and category = $category and channel = $channel
"""
ACCOUNT = "select balance from account_balance_as_of($account, $day, $known)"
MONTH = """
    select store_id, sum(amount) from daily_sales_as_of($day, $known, valid_from := $since)
    group by store_id
"""
CELL_FROM_THE_LAKE = """
    select sum(if(event_type = 'SaleRefunded', -amount, amount)), count(*)
    from read_parquet($files, hive_partitioning = false)
    where store_id = $store and category = $category and channel = $channel
        and event_time >= $day::timestamptz and event_time < $day::timestamptz + interval 1 day
        and ingest_time <= $known
"""

Arguments = dict[str, object]


def measure(options: Options) -> list[Measurement]:
    root = prepared_warehouse(options.cache, options.events)
    queries = QUERIES if not options.small else 5
    with duckdb.connect(str(Home.of(settings_of(root)).current), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        ask = _Questions(connection, options.events)
        asked: dict[str, Callable[[], float]] = {
            "one cell": ask.cell,
            "one account": ask.account,
            "all stores for a month": ask.month,
        }
        for one in asked.values():
            one()  # the first query of a connection loads what later ones share
        times = {name: [one() for _ in range(queries)] for name, one in asked.items()}
        plain = [ask.cell_from_the_lake(sales_files(root)) for _ in range(BASELINE_QUERIES)]
    found = [
        Measurement(
            what=f"{name}, as known at K, p95 of {queries} queries",
            value=percentile(times[name], 0.95),
            unit="ms",
            at_most=limit,
        )
        for name, limit in P95_MS_MAX.items()
    ]
    scan = Measurement(
        what="one cell, scanning the lake's files for it",
        value=percentile(plain, 0.5),
        unit="ms",
        baseline="from the edition, median",
        baseline_value=percentile(times["one cell"], 0.5),
    )
    return [*found, scan]


class _Questions:
    """Random questions to one connection, timed in milliseconds."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, events: int) -> None:
        self._connection = connection
        self._days = days_of(events)
        self._draw = np.random.default_rng(11)

    def cell(self) -> float:
        return self._ms(CELL, self._cell())

    def account(self) -> float:
        account = f"account-{self._draw.integers(0, generate.ACCOUNTS):06d}"
        return self._ms(ACCOUNT, {"account": account, **self._when()})

    def month(self) -> float:
        when = self._when()
        day = when["day"]
        assert isinstance(day, date)
        return self._ms(MONTH, {**when, "since": day - timedelta(days=30)})

    def cell_from_the_lake(self, files: list[Path]) -> float:
        names = [str(path) for path in files]
        return self._ms(CELL_FROM_THE_LAKE, {"files": names, **self._cell()})

    def _cell(self) -> Arguments:
        return {
            "store": f"store-{self._draw.integers(0, generate.STORES):02d}",
            "category": str(self._draw.choice(generate.CATEGORIES)),
            "channel": str(self._draw.choice(generate.CHANNELS)),
            **self._when(),
        }

    def _when(self) -> Arguments:
        """A day of the history, and a time from its first report on."""
        day = int(self._draw.integers(0, self._days))
        later = int(self._draw.integers(0, 30))
        known = generate.FIRST_DAY + timedelta(days=day + 1 + later, hours=12)
        return {"day": (generate.FIRST_DAY + timedelta(days=day)).date(), "known": known}

    def _ms(self, query: str, arguments: Arguments) -> float:
        assert all(isinstance(v, str | date | datetime | list) for v in arguments.values())
        start = time.perf_counter()
        self._connection.execute(query, arguments).fetchall()
        return (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    script("asof", measure, events=20_000_000, repeats=1)
