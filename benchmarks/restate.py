"""Restating one day of a closed period: decisions approved, built, closed as the next edition.

The day's events arrive after the close; the history behind it is of the size given.
"""

import gc
import os
import time
from datetime import timedelta

import polars as pl

from benchmarks import generate
from benchmarks.books import Books, prepared_books
from benchmarks.measurement import Measurement, Options, script
from benchmarks.prepare import borrowed, days_of, open_lake
from ingestion.lake import Batch, OffsetRange
from orchestration.cli.main import COLLECT_EVERY

SECONDS_MAX = 10.0
ROWS = 100
PERIOD_DAYS = 30


def measure(options: Options) -> list[Measurement]:
    gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])  # as every command does
    events = options.events
    days = min(PERIOD_DAYS, days_of(events))
    with borrowed(prepared_books(options.cache, events, days=days)) as root:
        books = Books(root, events, days=days)
        period = books.last_period
        books.apply(books.plan(period))
        _arrive_late(books, day=days_of(events) // days * days - 1)
        books.builder.build(count_rows=False)
        assert len(books.pending()) == ROWS, "the day lies in the period that was closed"
        os.sync()  # what preparing wrote is not for the restatement to wait for
        start = time.perf_counter()
        books.restate(period)
        if books.builder.build(count_rows=False).failed:
            raise RuntimeError(f"the build of {root} failed")
        done = books.apply(books.plan(period))
        seconds = time.perf_counter() - start
        assert done.closed_edition == 2, done
    return [
        Measurement(
            what=f"restate one day, {events:,} events of history",
            value=seconds,
            unit="s",
            at_most=SECONDS_MAX,
        )
    ]


def _arrive_late(books: Books, *, day: int) -> None:
    """Events of the closed period's last day."""
    lake = open_lake(books.home.root)
    first = lake.next_offset(generate.SOURCE, "p0")
    noon = generate.FIRST_DAY + timedelta(days=day, hours=12)
    frame = generate.day_events(day, ROWS, first=first).with_columns(
        event_time=pl.lit(noon).cast(pl.Datetime("us", "UTC"))
    )
    offsets = {(generate.SOURCE, "p0"): OffsetRange(first, first + ROWS)}
    lake.append(Batch(events=frame, offsets=offsets), ingest_time_us=books.when.now_us)
    lake.close()


if __name__ == "__main__":
    script("restate", measure, events=20_000_000, repeats=1)
