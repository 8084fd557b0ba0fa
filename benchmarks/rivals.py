"""The same cells made the plain way, by hand, to compare with.

Holds raw scans, a MERGE of new events, and dbt's usual look-back of three days, each as one would
write it without Ledgerlake. They know less: no versions, no rules, no exceptions. The local day is
taken by a fixed offset, which is right for generated trade (8 to 22 o'clock) and cheaper than a
time zone. Called by `benchmarks.build` and `benchmarks.full_refresh`.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from benchmarks import generate

KEYS = ("store_id", "category", "channel", "currency", "business_date")
LOOK_BACK_DAYS = 3

_AMOUNT = "if(event_type = 'SaleRefunded', -amount, amount)"
_QUANTITY = "if(event_type = 'SaleRefunded', -quantity, quantity)"
_MEASURES = f"""
    sum({_AMOUNT}) as amount,
    sum({_QUANTITY}) as quantity,
    count(*) as event_count
"""
_UTC_DAY = "epoch_us(event_time) // 86400000000"
_IS_LATE = f"epoch_us(ingest_time) > ({_UTC_DAY} + 1) * 86400000000 + 6 * 3600000000"
"""Six hours after the day, as the default policy says."""


class Rival:
    """A DuckDB file of cells kept by hand."""

    def __init__(self, path: Path) -> None:
        self.connection = duckdb.connect(path)
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute(
            "create table if not exists stores (store_id varchar primary key, offset_us bigint)"
        )
        self.connection.executemany("insert or replace into stores values (?, ?)", _offsets())

    def raw_scan(self, files: Sequence[Path], table: str) -> None:
        """Scan, group by, write of the columns of `daily_sales`, with the day in UTC."""
        self.connection.execute(
            f"""
            create or replace table {table} as
            select
                store_id, category, channel, currency, business_date,
                date_trunc('month', business_date)::date as business_month,
                amount, quantity, event_count,
                amount - correction_amount as reported_amount,
                quantity - correction_quantity as reported_quantity,
                event_count - correction_event_count as reported_event_count,
                correction_amount, correction_count, correction_count > 0 as is_adjusted,
                first_known_from, last_commit_seq, known_from
            from (
                select
                    store_id, category, channel, currency,
                    date '1970-01-01' + ({_UTC_DAY})::integer as business_date,
                    {_MEASURES},
                    coalesce(sum({_AMOUNT}) filter ({_IS_LATE}), 0) as correction_amount,
                    coalesce(sum({_QUANTITY}) filter ({_IS_LATE}), 0) as correction_quantity,
                    count(*) filter ({_IS_LATE}) as correction_event_count,
                    count(distinct commit_seq) filter ({_IS_LATE}) as correction_count,
                    min(ingest_time) as first_known_from,
                    max(commit_seq) as last_commit_seq,
                    max(ingest_time) as known_from
                from read_parquet($files, hive_partitioning = false)
                group by all
            )
            """,
            {"files": _names(files)},
        )

    def narrow_scan(self, files: Sequence[Path], table: str) -> None:
        """The same of keys, amount, quantity and count alone: the floor of any full refresh."""
        self.connection.execute(
            f"""
            create or replace table {table} as
            select
                store_id, category, channel, currency, ({_UTC_DAY})::integer as business_date,
                {_MEASURES}
            from read_parquet($files, hive_partitioning = false)
            group by all
            """,
            {"files": _names(files)},
        )

    def full(self, files: Sequence[Path], table: str) -> None:
        """All cells from all events."""
        self.connection.execute(
            f"create or replace table {table} as {_cells()}", {"files": _names(files)}
        )

    def merge(self, files: Sequence[Path], table: str) -> None:
        """Add the cells of new events; right whatever their dates."""
        same = " and ".join(f"kept.{key} = new.{key}" for key in KEYS)
        self.connection.execute(
            f"""
            merge into {table} as kept using ({_cells()}) as new on {same}
            when matched then update set
                amount = kept.amount + new.amount,
                quantity = kept.quantity + new.quantity,
                event_count = kept.event_count + new.event_count
            when not matched then insert
            """,
            {"files": _names(files)},
        )

    def look_back(self, files: Sequence[Path], table: str) -> None:
        """Replace the newest days by reading all events of these days again."""
        newest = self.connection.execute(f"select max(business_date) from {table}").fetchone()
        assert newest is not None
        since = f"business_date >= date '{newest[0]}' - {LOOK_BACK_DAYS}"
        self.connection.execute("begin")
        self.connection.execute(f"delete from {table} where {since}")
        self.connection.execute(
            f"""
            insert into {table}
            select * from ({_cells(f"where event_time >= date '{newest[0]}' - 5")}) where {since}
            """,
            {"files": _names(files)},
        )
        self.connection.execute("commit")

    def close(self) -> None:
        self.connection.close()


def _cells(where: str = "") -> str:
    return f"""
        select
            e.store_id, e.category, e.channel, e.currency,
            ((epoch_us(e.event_time) + s.offset_us) // 86400000000)::integer + date '1970-01-01'
                as business_date,
            {_MEASURES}
        from read_parquet($files, hive_partitioning = false) as e
        join stores as s using (store_id)
        {where}
        group by all
    """


def _names(files: Sequence[Path]) -> list[str]:
    return [str(path) for path in files]


def _offsets() -> list[tuple[str, int]]:
    return [
        (f"store-{number:02d}", offset * 3_600_000_000)
        for number in range(generate.STORES)
        for _, offset in [generate.ZONES[number % len(generate.ZONES)]]
    ]


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """Names, in their order."""
    return [str(name) for name, *_ in connection.execute(f"describe {table}").fetchall()]


def differing_cells(connection: duckdb.DuckDBPyConnection, left: str, right: str) -> int:
    """Cells that are in one of two tables only, or differ in amount, quantity or count."""
    keys = ", ".join(KEYS)
    columns = f"{keys}, amount, quantity, event_count"
    row = connection.execute(
        f"""
        with differing as (
            (select {columns} from {left} except select {columns} from {right})
            union all
            (select {columns} from {right} except select {columns} from {left})
        )
        select count(*) from (select distinct {keys} from differing)
        """
    ).fetchone()
    assert row is not None
    return int(row[0])
