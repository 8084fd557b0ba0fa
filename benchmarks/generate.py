"""Made-up history of a chain of shops and its customers' accounts, the same on every machine.

Holds the events of any day as the lake's EVENT columns. Every day draws from its own seed, so day
900 costs the same as day 1 and a longer history starts with the shorter one.
Called by `benchmarks.prepare` and the scripts.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl

from audit.canonical import EVENT_SCHEMA
from ingestion.lake import Batch, OffsetRange

FIRST_DAY = datetime(2021, 1, 1, tzinfo=UTC)
SOURCE = "benchmark"

EVENTS_PER_DAY = 20_000
"""Constant, so that a larger history is a longer one: 5M events are 250 days, 20M are 1,000."""

STORES = 48
ACCOUNTS = 200_000
CATEGORIES = ("bakery", "dairy", "drinks", "fruit", "household", "meat", "toys", "vegetables")
CHANNELS = ("app", "shop", "web")
# Standard offset from UTC; trade is from 8 to 22 o'clock, so a clock change moves no sale to
# another day and lateness comes from the delays below alone.
ZONES = (("Europe/London", 0), ("Europe/Berlin", 1), ("America/New_York", -5), ("Etc/UTC", 0))
CURRENCIES = ("GBP", "EUR", "USD", "GBP")

SALES_SHARE = 0.8
REFUND_SHARE = 0.05
LATE_SHARE = 0.05
"""Of all events. Of the late ones most are days late, 2% (0.1% of all) are 150 days late."""
VERY_LATE_SHARE = 0.02
VERY_LATE_DAYS = 150
LATE_DAYS_MAX = 20
LATE_DAYS_MEAN = 4.0


@dataclass(frozen=True)
class Arrival:
    """What arrives together: a batch and when."""

    batch: Batch
    ingest_time_us: int


def arrival(day: int, rows: int = EVENTS_PER_DAY, *, offset: int | None = None) -> Arrival:
    """The `rows` events that arrive at 02:00 UTC of the day after `day` (numbered from 0)."""
    first = day * EVENTS_PER_DAY if offset is None else offset
    events = day_events(day, rows, first=first)
    offsets = {(SOURCE, "p0"): OffsetRange(first, first + rows)}
    return Arrival(Batch(events=events, offsets=offsets), arrival_us(day))


def arrival_us(day: int) -> int:
    moment = FIRST_DAY + timedelta(days=day + 1, hours=2)
    return int(moment.timestamp()) * 1_000_000


def day_events(day: int, rows: int, *, first: int) -> pl.DataFrame:
    """`rows` events as EVENT columns, ids and offsets numbered from `first`."""
    draw = np.random.default_rng([20210101, day, first])
    store = draw.integers(0, STORES, rows)
    happened = _event_times(draw, day, store)
    frame = pl.DataFrame(
        {
            "number": np.arange(first, first + rows),
            "store": store,
            "zone": store % len(ZONES),
            "account": draw.integers(0, ACCOUNTS, rows),
            "category_no": draw.integers(0, len(CATEGORIES), rows),
            "channel_no": draw.integers(0, len(CHANNELS), rows),
            "cents": draw.integers(1, 50_000, rows),
            "units": draw.integers(1, 6, rows),
            "is_sale": draw.random(rows) < SALES_SHARE,
            "is_return": draw.random(rows) < REFUND_SHARE,
            "event_us": happened,
        }
    )
    return _as_events(frame)


def _event_times(
    draw: np.random.Generator, day: int, store: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    rows = len(store)
    late = draw.random(rows) < LATE_SHARE
    delay = np.minimum(draw.geometric(1 / LATE_DAYS_MEAN, rows), LATE_DAYS_MAX)
    delay = np.where(draw.random(rows) < VERY_LATE_SHARE, VERY_LATE_DAYS, delay)
    behind = np.minimum(np.where(late, delay, 0), day)
    hours_ahead = np.array([offset for _, offset in ZONES])[store % len(ZONES)]
    local_second = draw.integers(8 * 3600, 22 * 3600, rows)
    second = (day - behind) * 86_400 + local_second - hours_ahead * 3600
    microsecond = draw.integers(0, 1_000_000, rows)
    start = int(FIRST_DAY.timestamp())
    times: np.ndarray[tuple[int], np.dtype[np.int64]] = (start + second) * 1_000_000 + microsecond
    return times


def _as_events(frame: pl.DataFrame) -> pl.DataFrame:
    sale = pl.col("is_sale")
    kind = (
        pl.when(sale & pl.col("is_return"))
        .then(pl.lit("SaleRefunded"))
        .when(sale)
        .then(pl.lit("SaleRecorded"))
        .when(pl.col("units") > 2)
        .then(pl.lit("FundsDeposited"))
        .otherwise(pl.lit("FundsWithdrawn"))
    )
    named = frame.with_columns(
        event_id=pl.format("event-{}", pl.col("number").cast(pl.String).str.zfill(12)),
        event_type=kind,
        store_id=pl.when(sale).then(_named("store", "store", 2)),
        account_id=pl.when(~sale).then(_named("account", "account", 6)),
        category=pl.when(sale).then(_word(CATEGORIES, "category_no")),
        channel=pl.when(sale).then(_word(CHANNELS, "channel_no")),
        currency=pl.when(sale).then(_word(CURRENCIES, "zone")).otherwise(pl.lit("EUR")),
        amount=pl.col("cents").cast(pl.Decimal(18, 4)) * pl.lit(Decimal("0.01")),
        quantity=pl.when(sale).then(pl.col("units").cast(pl.Decimal(18, 4))),
    ).with_columns(stream_id=pl.coalesce("store_id", "account_id"))
    whole = named.with_columns(
        family=pl.when(sale).then(pl.lit("sales")).otherwise(pl.lit("accounts")),
        schema_version=pl.lit(1),
        stream_version=pl.lit(None),
        event_time=pl.col("event_us").cast(pl.Datetime("us", "UTC")),
        source=pl.lit(SOURCE),
        source_partition=pl.lit("p0"),
        source_offset=pl.col("number"),
        correlation_id=pl.lit(None),
        causation_id=pl.lit(None),
        payload=_payload(),
    )
    return whole.select([pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()])


def _named(prefix: str, column: str, digits: int) -> pl.Expr:
    return pl.concat_str(pl.lit(f"{prefix}-"), pl.col(column).cast(pl.String).str.zfill(digits))


def _word(words: tuple[str, ...], column: str) -> pl.Expr:
    return pl.col(column).replace_strict(range(len(words)), list(words), return_dtype=pl.String)


def _payload() -> pl.Expr:
    """A source row of some 80 bytes as JSON."""
    return pl.concat_str(
        pl.lit('{"id":"'),
        "event_id",
        pl.lit('","at":'),
        "event_us",
        pl.lit(',"cents":'),
        "cents",
        pl.lit(',"units":'),
        "units",
        pl.lit("}"),
    )


def stores() -> Arrival:
    """Registration of every store, an hour before the first day begins."""
    numbers = range(STORES)
    moment = FIRST_DAY - timedelta(hours=1)
    rows = [_registration(number, moment) for number in numbers]
    events = pl.DataFrame(rows, schema=EVENT_SCHEMA)
    offsets = {(f"{SOURCE}-stores", "p0"): OffsetRange(0, STORES)}
    return Arrival(Batch(events=events, offsets=offsets), int(moment.timestamp()) * 1_000_000)


def _registration(number: int, moment: datetime) -> dict[str, object]:
    store = f"store-{number:02d}"
    zone = ZONES[number % len(ZONES)][0]
    return dict.fromkeys(EVENT_SCHEMA.names()) | {
        "family": "control",
        "event_id": f"register-{store}",
        "event_type": "StoreRegistered",
        "schema_version": 1,
        "stream_id": store,
        "event_time": moment,
        "source": f"{SOURCE}-stores",
        "source_partition": "p0",
        "source_offset": number,
        "store_id": store,
        "payload": f'{{"day_cut_off":"00:00","store_id":"{store}","time_zone":"{zone}"}}',
    }
