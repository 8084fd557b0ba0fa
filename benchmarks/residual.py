"""How well the expected residual of a close holds: months held out, what was said, what came.

For every month and three observation times: the estimate from what was known then, against the
final events. Counts how often the truth lies in the stated interval. Does not touch a lake.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import fmean

import polars as pl

from benchmarks import generate
from benchmarks.measurement import Measurement, Options, script
from orchestration.close.lateness import ARRIVALS_SCHEMA, COVERAGE, expected_residual
from orchestration.demo.arrivals import arrival_of

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "online_retail.parquet"
OBSERVED_DAYS = (1, 3, 6)
"""Days after the period: the first morning, half way, and when its last day's window ends."""
GENERATED_DAYS = 550
SMALL_DAYS = 100
LEARNT_DAYS = {"sample": 31, "generated": 212}
"""Days before the first month that is judged. The generator's latest events come after 150 days: an
estimate made before the first of them has been seen cannot know of them, and is wrong by 0.1%."""
CUT_DAYS = {"sample": 9, "generated": generate.VERY_LATE_DAYS}
"""The longest lateness: a month younger than this at the end of the data has no known truth."""


@dataclass(frozen=True)
class Outcome:
    """One estimate and the truth: shares complete, all stores together and store by store."""

    stated: float
    low: float
    high: float
    true: float
    store_hits: int
    stores: int

    @property
    def hit(self) -> bool:
        return self.low <= self.true <= self.high


def measure(options: Options) -> list[Measurement]:
    held_out = {
        "sample": _months_of("sample", sample_arrivals(), small=options.small),
        "generated": _months_of(
            "generated",
            generated_arrivals(SMALL_DAYS if options.small else GENERATED_DAYS),
            small=options.small,
        ),
    }
    return [one for name, found in held_out.items() for one in _report(name, found)]


def _report(name: str, found: list[tuple[int, Outcome, float]]) -> Iterator[Measurement]:
    for days in OBSERVED_DAYS:
        outcomes = [one for after, one, _ in found if after == days]
        what = f"{name}, {len(outcomes)} months observed {days} days after their end"
        yield Measurement(
            what=f"{what}: truth inside the stated {COVERAGE:.0%} interval",
            value=100 * fmean(one.hit for one in outcomes),
            unit="%",
        )
        stores = sum(one.stores for one in outcomes)
        yield Measurement(
            what=f"{what}: the same, store by store",
            value=100 * sum(one.store_hits for one in outcomes) / max(stores, 1),
            unit="%",
        )
        yield Measurement(
            what=f"{what}: bias, mean of stated less true completeness",
            value=100 * fmean(one.stated - one.true for one in outcomes),
            unit="points",
            baseline="taking what is known for complete",
            baseline_value=100 * fmean(1 - one.true for one in outcomes),
        )
        yield Measurement(
            what=f"{what}: mean half width of the interval",
            value=50 * fmean(one.high - one.low for one in outcomes),
            unit="points",
        )
    yield Measurement(
        what=f"{name}: one estimate for all stores",
        value=max(seconds for _, _, seconds in found),
        unit="s",
    )


def _months_of(
    name: str, arrivals: pl.DataFrame, *, small: bool
) -> list[tuple[int, Outcome, float]]:
    first, last = arrivals["business_date"].min(), arrivals["business_date"].max()
    assert isinstance(first, date) and isinstance(last, date)
    earliest = first + timedelta(days=LEARNT_DAYS[name])
    latest = last - timedelta(days=CUT_DAYS[name])
    months = [
        (start, end)
        for start, end in _months(first, last)
        if small or (start >= earliest and end <= latest)
    ]
    return list(_back_test(arrivals, months[1:2] if small else months))


def _back_test(
    arrivals: pl.DataFrame, months: list[tuple[date, date]]
) -> Iterator[tuple[int, Outcome, float]]:
    for start, end in months:
        for days in OBSERVED_DAYS:
            known_at = datetime(end.year, end.month, end.day, 3, tzinfo=UTC) + timedelta(
                days=days - 1
            )
            began = time.perf_counter()
            outcome = _one(arrivals, start, end, known_at)
            yield days, outcome, time.perf_counter() - began


def _one(arrivals: pl.DataFrame, start: date, end: date, known_at: datetime) -> Outcome:
    hour = known_at.timestamp() / 3600
    end_hour = (pl.col("business_date").cast(pl.Int64) + 1) * 24
    known = arrivals.filter(end_hour + pl.col("age_hours") <= hour)
    stated, *stores = expected_residual(
        known, first_date=start, end_date=end, known_at=known_at, seed=start.toordinal()
    )
    inside = arrivals.filter(pl.col("business_date").is_between(start, end, closed="left"))
    final = dict(inside.group_by("store_id").agg(pl.col("event_count").sum()).iter_rows())
    judged = [
        (one, one.known_events / final[one.store_id]) for one in stores if one.store_id in final
    ]
    return Outcome(
        stated=stated.complete,
        low=stated.low,
        high=stated.high,
        true=stated.known_events / sum(final.values()),
        store_hits=sum(one.low <= true <= one.high for one, true in judged),
        stores=len(judged),
    )


def _months(first: date, last: date) -> Iterator[tuple[date, date]]:
    start = first.replace(day=1)
    while start <= last:
        end = (start + timedelta(days=32)).replace(day=1)
        yield start, end
        start = end


def sample_arrivals() -> pl.DataFrame:
    """The sample's events by the demo's rule of lateness."""
    rows = pl.read_parquet(SAMPLE, columns=["Country", "InvoiceDate", "Quantity", "UnitPrice"])
    days = rows.group_by("Country", pl.col("InvoiceDate").dt.date().alias("day")).agg(
        pl.len().cast(pl.Int64).alias("event_count"),
        (pl.col("Quantity") * pl.col("UnitPrice")).sum().alias("amount"),
    )
    ages = [
        int((arrival_of(country, day).timestamp() - _end_seconds(day)) // 3600)
        for country, day in days.select("Country", "day").iter_rows()
    ]
    return _arrivals(days.rename({"Country": "store_id", "day": "business_date"}), ages)


def generated_arrivals(days: int) -> pl.DataFrame:
    """Sales of the benchmarks' generator, at a tenth of its rate: single events, some very late."""
    parts = []
    for day in range(days):
        events = generate.day_events(day, generate.EVENTS_PER_DAY // 10, first=day * 1000)
        arrived = generate.arrival_us(day) // 1_000_000
        dated = events.filter(pl.col("family") == "sales").select(
            "store_id",
            business_date=_local_day(),
            amount=pl.col("amount").cast(pl.Float64),
        )
        parts.append(
            dated.group_by("store_id", "business_date")
            .agg(pl.len().cast(pl.Int64).alias("event_count"), pl.col("amount").sum())
            .with_columns(
                age_hours=(arrived // 3600 - (pl.col("business_date").cast(pl.Int64) + 1) * 24)
            )
        )
    # What would be late for a day before the first is booked to the first.
    whole = pl.concat(parts).filter(pl.col("business_date") > generate.FIRST_DAY.date())
    return whole.select(pl.col(name).cast(kind) for name, kind in ARRIVALS_SCHEMA.items()).sort(
        "store_id", "business_date", "age_hours"
    )


def _local_day() -> pl.Expr:
    """Trade is from 8 to 22 o'clock local time, so the standard offset decides the day."""
    zone = pl.col("store_id").str.slice(-2).cast(pl.Int64) % len(generate.ZONES)
    hours = zone.replace_strict(
        range(len(generate.ZONES)), [offset for _, offset in generate.ZONES], return_dtype=pl.Int64
    )
    return (pl.col("event_time") + pl.duration(hours=hours)).dt.date()


def _arrivals(days: pl.DataFrame, ages: list[int]) -> pl.DataFrame:
    return (
        days.with_columns(pl.Series("age_hours", ages))
        .select(pl.col(name).cast(kind) for name, kind in ARRIVALS_SCHEMA.items())
        .sort("store_id", "business_date", "age_hours")
    )


def _end_seconds(day: date) -> float:
    return ((day - date(1970, 1, 1)).days + 1) * 86_400.0


if __name__ == "__main__":
    script("residual", measure, events=0, repeats=1)
