"""When the sample's rows arrived: one file per arrival, late slices among them.

The sample has one time axis, so the second is made up, by a rule anyone can repeat and no chance:
`delay_days`. Does not ingest. Called by `orchestration.demo.steps`.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

ZONE = ZoneInfo("Europe/London")
ARRIVAL_TIME = time(2)
LATE_PERCENT = 3
LATE_DAYS_MAX = 9
ARRIVED_AT = "arrived_at"


@dataclass(frozen=True)
class Arrivals:
    """Files in order of arrival, and how many rows they hold."""

    files: tuple[Path, ...]
    rows: int
    late_rows: int
    last: date


def delay_days(country: str, day: date) -> int:
    """Days by which the slice of a country and day is late; 0 for 97 of 100 slices.

    n = first 8 bytes of SHA-256 of "country|YYYY-MM-DD", big-endian. Late if n mod 100 is below
    3; then by 1 + (n div 100) mod 9 days.
    """
    digest = hashlib.sha256(f"{country}|{day.isoformat()}".encode()).digest()
    number = int.from_bytes(digest[:8], "big")
    if number % 100 >= LATE_PERCENT:
        return 0
    return 1 + number // 100 % LATE_DAYS_MAX


def arrival_of(country: str, day: date) -> datetime:
    """02:00 London time of the next day, or as many days later as the slice is late."""
    arrived = day + timedelta(days=1 + delay_days(country, day))
    return datetime.combine(arrived, ARRIVAL_TIME, ZONE)


def write(sample: Path, folder: Path, until: date | None = None) -> Arrivals:
    """One Parquet file per arrival in `folder`, up to and with those on `until`.

    The same sample gives the same bytes, so files that are there already are left alone.
    """
    rows = _with_arrival(pl.read_parquet(sample))
    if until is not None:
        rows = rows.filter(pl.col(ARRIVED_AT).dt.convert_time_zone(ZONE.key).dt.date() <= until)
    folder.mkdir(parents=True, exist_ok=True)
    files = tuple(_write_files(rows, folder))
    late = rows.select(pl.col("late").sum()).item()
    last = rows.select(pl.col(ARRIVED_AT).dt.convert_time_zone(ZONE.key).dt.date().max()).item()
    return Arrivals(files, rows.height, int(late), last)


def _with_arrival(rows: pl.DataFrame) -> pl.DataFrame:
    keyed = rows.with_columns(day=pl.col("InvoiceDate").dt.date())
    slices = keyed.select("Country", "day").unique().sort("day", "Country")
    arrived = [arrival_of(country, day) for country, day in slices.iter_rows()]
    late = [delay_days(country, day) > 0 for country, day in slices.iter_rows()]
    slices = slices.with_columns(
        pl.Series(ARRIVED_AT, arrived).dt.convert_time_zone("UTC"), pl.Series("late", late)
    )
    joined = keyed.join(slices, on=["Country", "day"], maintain_order="left")
    return joined.sort(ARRIVED_AT, maintain_order=True)


def _write_files(rows: pl.DataFrame, folder: Path) -> Iterator[Path]:
    for (arrived,), part in rows.group_by(ARRIVED_AT, maintain_order=True):
        assert isinstance(arrived, datetime)
        path = folder / f"arrived-{arrived.astimezone(ZONE):%Y-%m-%d}.parquet"
        if not path.exists():
            half = path.with_suffix(".half")
            part.drop("day", "late").write_parquet(half)
            half.replace(path)
        yield path
