"""Small made-up events for tests of the lake: deterministic, contract-true, no files read."""

import polars as pl

from audit.canonical import EVENT_SCHEMA
from ingestion.lake import REJECT_SCHEMA, Batch, OffsetRange

FIRST_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""


def sales(first: int, count: int, *, source: str = "till", partition: str = "p0") -> pl.DataFrame:
    """Sales number `first` to `first + count`, offsets equal to numbers."""
    number = pl.int_range(first, first + count, dtype=pl.Int64, eager=True)
    return _events(
        number,
        source,
        partition,
        family=pl.lit("sales"),
        event_type=pl.lit("SaleRecorded"),
        stream_id=pl.format("store-{}", number % 7),
        store_id=pl.format("store-{}", number % 7),
        account_id=pl.lit(None),
        category=pl.format("category-{}", number % 3),
        channel=pl.lit("till"),
    )


def deposits(
    first: int, count: int, *, source: str = "bank", partition: str = "p0"
) -> pl.DataFrame:
    """Deposits number `first` to `first + count`, offsets equal to numbers."""
    number = pl.int_range(first, first + count, dtype=pl.Int64, eager=True)
    return _events(
        number,
        source,
        partition,
        family=pl.lit("accounts"),
        event_type=pl.lit("FundsDeposited"),
        stream_id=pl.format("account-{}", number % 11),
        store_id=pl.lit(None),
        account_id=pl.format("account-{}", number % 11),
        category=pl.lit(None),
        channel=pl.lit(None),
    )


def batch(*frames: pl.DataFrame, quarantine: pl.DataFrame | None = None) -> Batch:
    """Events (and rejects) as a batch whose offsets span what is given, per source partition."""
    events = pl.concat(frames) if frames else pl.DataFrame(schema=EVENT_SCHEMA)
    rejects = quarantine if quarantine is not None else pl.DataFrame(schema=REJECT_SCHEMA)
    names = ["source", "source_partition", "source_offset"]
    spans = (
        pl.concat([events.select(names), rejects.select(names)])
        .group_by("source", "source_partition")
        .agg(
            pl.col("source_offset").min().alias("low"), pl.col("source_offset").max().alias("high")
        )
    )
    offsets = {(s, p): OffsetRange(low, high + 1) for s, p, low, high in spans.iter_rows()}
    return Batch(events, rejects, offsets)


def rejects(first: int, count: int, *, source: str = "till", partition: str = "p0") -> pl.DataFrame:
    """Rows that broke a contract."""
    rows = [
        {
            "source": source,
            "source_partition": partition,
            "source_offset": number,
            "event_type": "SaleRecorded",
            "event_id": None,
            "reason": "amount_must_be_a_number",
            "detail": "expected a number, found 'x'",
            "raw": b"\xff not utf-8 " + str(number).encode(),
        }
        for number in range(first, first + count)
    ]
    return pl.DataFrame(rows, schema=REJECT_SCHEMA)


def _events(number: pl.Series, source: str, partition: str, **columns: pl.Expr) -> pl.DataFrame:
    frame = pl.DataFrame({"source_offset": number}).with_columns(
        event_id=pl.format("{}-{}", pl.lit(source), pl.col("source_offset")),
        schema_version=pl.lit(1),
        stream_version=pl.lit(None),
        event_time=(FIRST_US + pl.col("source_offset") * 1_000_000),
        source=pl.lit(source),
        source_partition=pl.lit(partition),
        correlation_id=pl.lit(None),
        causation_id=pl.lit(None),
        currency=pl.lit("EUR"),
        amount=(pl.col("source_offset") % 1000).cast(pl.Decimal(18, 4)),
        quantity=pl.lit(1).cast(pl.Decimal(18, 4)),
        payload=pl.concat_str(pl.lit('{"n":'), pl.col("source_offset"), pl.lit("}")),
        **columns,
    )
    return frame.select([pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()])
