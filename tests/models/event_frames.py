"""Events as frames, for tests of the models: a few columns given, the rest filled in.

Does not touch a lake. Called by the tests of this folder through `tests.models.warehouse`.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl

from audit.canonical import EVENT_SCHEMA

MONEY = pl.Decimal(18, 4)

FAMILIES = {
    "SaleRecorded": "sales",
    "SaleRefunded": "sales",
    "AccountOpened": "accounts",
    "FundsDeposited": "accounts",
    "FundsWithdrawn": "accounts",
    "InterestAccrued": "accounts",
    "CorrectionApplied": "accounts",
    "AccountClosed": "accounts",
    "StoreRegistered": "control",
    "StoreDayUploaded": "control",
    "LatenessPolicySet": "control",
}


def instant(text: str) -> datetime:
    """An ISO time in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def from_rows(rows: Iterable[Mapping[str, object]]) -> pl.DataFrame:
    """Rows that name the columns they set, with the types of the lake."""
    listed = list(rows)
    given = {name for row in listed for name in row}
    kinds = {**EVENT_SCHEMA, "delta": MONEY}
    return pl.DataFrame(
        listed, schema={name: kind for name, kind in kinds.items() if name in given}
    )


def filled(given: pl.DataFrame, *, source: str, first_offset: int) -> pl.DataFrame:
    """`given` (at least event_type and event_time) as whole events, numbered in its order."""
    offset = pl.int_range(pl.len(), dtype=pl.Int64) + first_offset
    family = pl.col("event_type").replace_strict(FAMILIES, return_dtype=pl.String)
    missing: dict[str, pl.Expr] = {
        "family": family,
        "event_id": pl.format("{}-{}", pl.lit(source), offset),
        "schema_version": pl.lit(1),
        "stream_id": pl.coalesce(
            *[pl.col(name) for name in ("store_id", "account_id") if name in given.columns],
            pl.lit("ledgerlake"),
        ),
        "source": pl.lit(source),
        "source_partition": pl.lit("p0"),
        "source_offset": offset,
        "payload": pl.lit("{}"),
    }
    columns = [
        (pl.col(name) if name in given.columns else missing.get(name, pl.lit(None)))
        .cast(kind)
        .alias(name)
        for name, kind in EVENT_SCHEMA.items()
    ]
    return given.select(columns)


def signed_sales(given: pl.DataFrame) -> pl.DataFrame:
    """Rows with a signed `delta` (Decimal) as sales and refunds: amounts are never negative."""
    delta = pl.col("delta")
    return given.with_columns(
        event_type=pl.when(delta < 0)
        .then(pl.lit("SaleRefunded"))
        .otherwise(pl.lit("SaleRecorded")),
        amount=pl.when(delta < 0).then(-delta).otherwise(delta),
    ).drop("delta")


def money(value: str | int) -> Decimal:
    """A Decimal with the four places of the lake."""
    return Decimal(value).quantize(Decimal("0.0001"))
