"""Deposits of three versions read as the newest, in SQL and in Python, against read as stored.

A third of the deposits each are of version 1 (no currency: looked up), 2 (fields to rename and
split) and 3. Uses the expressions that dbt's macros are written from. Does not touch a lake.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl

from benchmarks.measurement import Measurement, Options, median_of, script
from ingestion import contracts
from ingestion.contracts.upcast_sql import column_upcasts, payload_fields, told_fields
from ingestion.contracts.upcasting import upcast

TYPE = "FundsDeposited"
ACCOUNTS = 200_000
IN_PYTHON = 20_000
COLUMN_RATIO_MAX = 20.0
"""A third of the events looked up among 200,000 accounts: 0.29 s of CPU for a million, 0.02 s as
stored. Where no event needs it, a build asks once and joins nothing."""
FIELD_RATIO_MAX = 20.0
"""Five fields as received and three walks, against one field as received."""

STORED = "select currency, sum(amount), count(*) from read_parquet('{file}') group by currency"
NEWEST = """
select {currency} as newest_currency, sum(amount), count(*)
from read_parquet('{file}') as events
left join (
    select account_id, arg_min(currency, row_index) as account_currency,
        min(commit_seq) as commit_from
    from read_parquet('{openings}') group by account_id
) as lookups
    on
        case when {needed} then events.account_id end = lookups.account_id
        and events.commit_seq >= lookups.commit_from
group by newest_currency
"""
ONE_FIELD = "select max(payload ->> '$.reference') from read_parquet('{file}')"
ALL_FIELDS = """
select {fields} from (select schema_version, {told} from read_parquet('{file}') as events) as events
"""


def measure(options: Options) -> list[Measurement]:
    file, openings = _prepared(options.cache, options.events)
    known = contracts.load()
    (currency,) = column_upcasts(known, "accounts")
    told = ", ".join(f"{sql} as told_{name}" for name, sql in told_fields(known, TYPE).items())
    fields = ", ".join(f"max({sql})" for sql in payload_fields(known, TYPE).values())
    names: dict[str, object] = {"file": file, "openings": openings, "told": told, "fields": fields}
    names |= {"currency": currency.expression, "needed": currency.needed}
    queries = [one.format(**names) for one in (NEWEST, STORED, ALL_FIELDS, ONE_FIELD)]
    newest, stored, walked, one_field = (_seconds(query, options.repeats) for query in queries)
    return [
        Measurement(
            what=f"amounts by currency, {options.events:,} deposits read as the newest",
            value=median_of(newest),
            unit="s",
            baseline="as stored",
            baseline_value=median_of(stored),
            ratio_at_most=COLUMN_RATIO_MAX,
            repeats=newest,
        ),
        Measurement(
            what=f"payload fields of {options.events:,} deposits read as the newest",
            value=median_of(walked),
            unit="s",
            baseline="one field as received",
            baseline_value=median_of(one_field),
            ratio_at_most=FIELD_RATIO_MAX,
            repeats=walked,
        ),
        Measurement(
            what="a deposit read as the newest in Python",
            value=_python_seconds(file) * 1e6,
            unit="us",
        ),
    ]


def _prepared(cache: Path, events: int) -> tuple[Path, Path]:
    file, openings = cache / f"upcast-{events}.parquet", cache / "upcast-openings.parquet"
    accounts = pl.int_range(ACCOUNTS, eager=True)
    pl.DataFrame({"row_index": accounts}).select(
        "row_index",
        account_id=pl.format("account-{}", "row_index"),
        currency=pl.lit("EUR"),
        commit_seq=pl.col("row_index") % 1000,
    ).write_parquet(openings)
    number = pl.col("row_index")
    version = number % 3 + 1
    old = _json(reference=("r-", number), payer=("Name ", number, " / SE", number))
    new = _json(payment_reference=("r-", number), payer_name=("Name ", number))
    pl.DataFrame({"row_index": pl.int_range(events, eager=True)}).select(
        "row_index",
        event_type=pl.lit(TYPE),
        schema_version=version.cast(pl.Int32),
        account_id=pl.format("account-{}", number * 7919 % ACCOUNTS),
        commit_seq=number // 1000,
        currency=pl.when(version > 1).then(pl.lit("EUR")),
        amount=(number % 1000).cast(pl.Decimal(18, 4)),
        payload=pl.when(version < 3).then(old).otherwise(new),
        event_time=pl.lit(datetime(2026, 1, 1, tzinfo=UTC)),
    ).write_parquet(file)
    return file, openings


def _json(**fields: tuple[str | pl.Expr, ...]) -> pl.Expr:
    """Texts by name as a JSON object."""
    parts: list[str | pl.Expr] = []
    for name, value in fields.items():
        parts += [f'{"," if parts else "{"}"{name}":"', *value, '"']
    texts = [pl.lit(one) if isinstance(one, str) else one for one in [*parts, "}"]]
    return pl.concat_str(texts)


def _seconds(query: str, repeats: int) -> list[float]:
    with duckdb.connect() as connection:
        connection.execute(query).fetchall()  # the first run reads the file from disk
        taken = []
        for _ in range(repeats):
            started = time.perf_counter()
            connection.execute(query).fetchall()
            taken.append(time.perf_counter() - started)
        return taken


def _python_seconds(file: Path) -> float:
    """Of one event, on average."""
    rows = pl.scan_parquet(file).head(IN_PYTHON).collect().to_dicts()
    known = contracts.load()
    started = time.perf_counter()
    for row in rows:
        upcast(
            known,
            event_type=row["event_type"],
            schema_version=row["schema_version"],
            columns=row,
            payload=row["payload"],
            lookups={"account_currency": "EUR"},
        )
    return (time.perf_counter() - started) / len(rows)


if __name__ == "__main__":
    script("upcast", measure, events=1_000_000, repeats=5)
