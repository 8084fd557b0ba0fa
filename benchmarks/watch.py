"""From a file dropped into a watched folder to its figures in the live views.

Behind the edition lie 3,000 small commits when the first file drops. A reader asks again and again
which commit is the newest (`live.tail_commits`). When there is a new one, he asks both
`live.daily_sales` and `live.real_time_sales`, each on a connection of its own, until they hold
every event of the file. Then the clock stops. Files drop some seconds apart, as uploads do: between
them the watch compacts what it took.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl

from benchmarks import generate
from benchmarks.ingest import MAPPING, source_rows
from benchmarks.measurement import Measurement, Options, percentile, script
from benchmarks.prepare import borrowed, open_lake, prepared_warehouse
from benchmarks.prepare import settings as settings_of
from ingestion.lake import Batch, OffsetRange
from orchestration.home import Home

ROWS = 10_000
DROPS = 40
SMALL_COMMITS = 3_000
SMALL_ROWS = 10
P95_S_MAX = 0.5
PATIENCE_S = 60
DROP_EVERY_S = 2.0
LOOK_AGAIN_S = 0.02

NEWEST = "select max(commit_seq) from live.tail_commits"
DAILY = """
    select coalesce(sum(event_count), 0), coalesce(sum(amount), 0)
    from live.daily_sales where business_date = $day
"""
REAL_TIME = """
    select coalesce(sum(event_count), 0), coalesce(sum(amount), 0)
    from live.real_time_sales where ingest_hour >= $since
"""

Figure = tuple[int, Decimal]
Values = dict[str, dict[str, date | datetime]]


def measure(options: Options) -> list[Measurement]:
    drops, commits = (DROPS, SMALL_COMMITS) if not options.small else (2, 20)
    with borrowed(prepared_warehouse(options.cache, options.events)) as root:
        _small_commits(root, commits)
        os.sync()  # the copy of the home, which the system would write while files drop
        with _watching(root) as folder:
            seconds = [_drop_in_time(root, folder, number) for number in range(drops)]
    return [
        Measurement(
            what=f"file of {ROWS:,} events dropped, to right in the live views, p95 of {drops}",
            value=percentile(seconds, 0.95),
            unit="s",
            at_most=P95_S_MAX,
            repeats=seconds,
        )
    ]


def _small_commits(root: Path, commits: int) -> None:
    lake = open_lake(root)
    for number in range(commits):
        first = number * SMALL_ROWS
        events = generate.day_events(0, SMALL_ROWS, first=first).with_columns(
            event_id=pl.format("small-{}", "source_offset"), source=pl.lit("small")
        )
        span = OffsetRange(first, first + SMALL_ROWS)
        lake.append(Batch(events=events, offsets={("small", "p0"): span}))
    lake.close()


@contextmanager
def _watching(root: Path) -> Iterator[Path]:
    """A folder that `ledgerlake ingest files --watch` looks at."""
    folder = root / "drop"
    folder.mkdir()
    mapping = root / "mapping.toml"
    mapping.write_text(MAPPING)
    command = [sys.executable, "-m", "orchestration.cli.main", "ingest", "files", str(folder)]
    process = subprocess.Popen(
        [*command, "--mapping", str(mapping), "--watch"],
        env={**os.environ, "LEDGERLAKE_HOME": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        if not process.stdout.readline():  # it says that it watches
            raise RuntimeError("ledgerlake ingest files --watch did not start")
        yield folder
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)


def _drop_in_time(root: Path, folder: Path, number: int) -> float:
    """The next file drops `DROP_EVERY_S` after this one, or when this one is seen."""
    start = time.monotonic()
    seconds = _drop_to_visible(root, folder, number)
    time.sleep(max(0.0, start + DROP_EVERY_S - time.monotonic()))
    return seconds


def _drop_to_visible(root: Path, folder: Path, number: int) -> float:
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    since = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    rows = _file_of(day, number)
    sales = rows.filter(pl.col("store").is_not_null())
    wanted = (sales.height, _net(sales))
    half = folder / f".{number}.parquet"
    rows.write_parquet(half)
    with _reading(Home.of(settings_of(root)).current, day, since) as reader:
        seen, before = reader.newest(), reader.figures()
        start = time.perf_counter()
        half.rename(folder / f"{number}.parquet")
        while (seconds := time.perf_counter() - start) < PATIENCE_S:
            if (newest := reader.newest()) == seen:
                time.sleep(LOOK_AGAIN_S)
                continue
            seen, now = newest, reader.figures()
            if all((n[0] - b[0], n[1] - b[1]) == wanted for n, b in zip(now, before, strict=True)):
                return time.perf_counter() - start
    raise RuntimeError(f"file {number} is not visible after {seconds:.0f} s")


class _Reader:
    """Looks for news, and asks for both figures at once."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, pool: ThreadPoolExecutor, values: Values
    ) -> None:
        self._connection = connection
        self._pool = pool
        self._values = values

    def newest(self) -> int | None:
        row = self._connection.execute(NEWEST).fetchone()
        assert row is not None
        newest: int | None = row[0]
        return newest

    def figures(self) -> list[Figure]:
        return list(self._pool.map(self._figure, self._values))

    def _figure(self, query: str) -> Figure:
        with self._connection.cursor() as cursor:
            cursor.execute("set TimeZone = 'UTC'")
            row = cursor.execute(query, self._values[query]).fetchone()
        assert row is not None
        return int(row[0]), Decimal(row[1])


@contextmanager
def _reading(current: Path, day: datetime, since: datetime) -> Iterator[_Reader]:
    values: Values = {DAILY: {"day": day.date()}, REAL_TIME: {"since": since}}
    with (
        duckdb.connect(str(current), read_only=True) as connection,
        ThreadPoolExecutor(len(values)) as pool,
    ):
        yield _Reader(connection, pool, values)


def _file_of(day: datetime, number: int) -> pl.DataFrame:
    """Events of noon of a day, which is one business date in every store's zone."""
    noon = day + timedelta(hours=12)
    events = generate.day_events(0, ROWS, first=number * ROWS).with_columns(
        event_id=pl.format("dropped-{}", "source_offset"),
        event_time=pl.lit(noon) + pl.duration(microseconds=pl.col("source_offset")),
    )
    return source_rows(events)


def _net(sales: pl.DataFrame) -> Decimal:
    sign = pl.when(pl.col("kind") == "SaleRefunded").then(-1).otherwise(1)
    cents = sales.select((pl.col("cents") * sign).sum()).item()
    return Decimal(int(cents)) / 100


if __name__ == "__main__":
    script("watch", measure, events=20_000_000, repeats=1)
