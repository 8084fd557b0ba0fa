"""From a file dropped into a watched folder to its figures in the live views.

Behind the edition lie 3,000 small commits when the first file drops. The clock stops when
`live.daily_sales` and `live.real_time_sales` both hold every event of the file, as a reader sees
them who asks again and again.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
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

DAILY = """
    select coalesce(sum(event_count), 0), coalesce(sum(amount), 0)
    from live.daily_sales where business_date = $day
"""
REAL_TIME = """
    select coalesce(sum(event_count), 0), coalesce(sum(amount), 0)
    from live.real_time_sales where ingest_hour >= $since
"""

Figure = tuple[int, Decimal]


def measure(options: Options) -> list[Measurement]:
    drops, commits = (DROPS, SMALL_COMMITS) if not options.small else (2, 20)
    with borrowed(prepared_warehouse(options.cache, options.events)) as root:
        _small_commits(root, commits)
        with _watching(root) as folder:
            seconds = [_drop_to_visible(root, folder, number) for number in range(drops)]
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


def _drop_to_visible(root: Path, folder: Path, number: int) -> float:
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    rows = _file_of(day, number)
    sales = rows.filter(pl.col("store").is_not_null())
    wanted = (sales.height, _net(sales))
    current = str(Home.of(settings_of(root)).current)
    since = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    before = _figures(current, day, since)
    half = folder / f".{number}.parquet"
    rows.write_parquet(half)
    start = time.perf_counter()
    half.rename(folder / f"{number}.parquet")
    while True:
        now = _figures(current, day, since)
        seconds = time.perf_counter() - start
        if all((n[0] - b[0], n[1] - b[1]) == wanted for n, b in zip(now, before, strict=True)):
            return seconds
        if seconds > PATIENCE_S:
            raise RuntimeError(f"file {number} is not visible after {PATIENCE_S} s: {before} {now}")


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


def _figures(current: str, day: datetime, since: datetime) -> tuple[Figure, Figure]:
    """As a new reader sees them: the file is opened each time."""
    with duckdb.connect(current, read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        daily = connection.execute(DAILY, {"day": day.date()}).fetchone()
        real_time = connection.execute(REAL_TIME, {"since": since}).fetchone()
    assert daily is not None and real_time is not None
    return (int(daily[0]), Decimal(daily[1])), (int(real_time[0]), Decimal(real_time[1]))


if __name__ == "__main__":
    script("watch", measure, events=20_000_000, repeats=1)
