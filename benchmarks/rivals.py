"""The same cells made the plain way, by hand, to compare with.

Holds a raw scan, a MERGE of new events, and dbt's usual look-back of three days, each as one would
write it without Ledgerlake. They know less: no versions, no corrections, no exceptions. The local
day is taken by a fixed offset, which is right for generated trade (8 to 22 o'clock) and cheaper
than a time zone. Called by `benchmarks.build`.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from benchmarks import generate

KEYS = ("store_id", "category", "channel", "currency", "business_date")
LOOK_BACK_DAYS = 3

_MEASURES = """
    sum(if(event_type = 'SaleRefunded', -amount, amount)) as amount,
    sum(if(event_type = 'SaleRefunded', -quantity, quantity)) as quantity,
    count(*) as event_count
"""


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
        """Scan, group by, write: the floor of any full refresh, with the day in UTC."""
        self.connection.execute(
            f"""
            create or replace table {table} as
            select
                store_id, category, channel, currency,
                (epoch_us(event_time) // 86400000000)::integer as business_date,
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
