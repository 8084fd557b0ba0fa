"""A home with a real lake and a small warehouse, built by a few lines of SQL instead of dbt.

Holds what tests of publishing need: append sales, build, publish. Does not test.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from ingestion.lake import Lake
from orchestration.home import Home
from orchestration.publish.publisher import Published, publish
from orchestration.settings import Settings
from tests.events import batch, sales

DAY_US = 86_400_000_000

_SCHEMA = """
create schema if not exists staging;
create table if not exists staging.stg_lake__commits (
    commit_seq bigint, ingest_time timestamptz, tree_size bigint, tree_root varchar);
create table if not exists sales_versions (
    store_id varchar, business_date date, business_month date, commit_seq bigint,
    known_from timestamptz, delta_amount decimal(38, 4));
create table if not exists day_sales (
    store_id varchar, business_date date, business_month date, amount decimal(38, 4),
    last_commit_seq bigint, primary key (store_id, business_date));
create table if not exists freshness (source varchar primary key, last_commit_seq bigint);
"""
_COMMITS = """
insert into staging.stg_lake__commits
select lake.seq, make_timestamptz(lake.ingest_time_us), lake.tree_size, lake.tree_root
from (select commitInfo.lake as lake from read_json($log, columns = {
    commitInfo: 'struct(lake struct(seq bigint, ingest_time_us bigint, tree_size bigint,
        tree_root varchar))'}, format = 'newline_delimited'))
where lake.seq > $booked and lake.seq <= $until
"""
_VERSIONS = """
insert into sales_versions
select store_id, event_time::date, date_trunc('month', event_time)::date, commit_seq,
    ingest_time, sum(amount)
from read_parquet($segments, hive_partitioning = false)
where commit_seq > $booked and commit_seq <= $until group by all
"""
_CELLS = """
insert into day_sales
select store_id, business_date, business_month, sum(delta_amount), max(commit_seq)
from sales_versions where commit_seq > $booked group by all
on conflict do update set amount = amount + excluded.amount,
    last_commit_seq = excluded.last_commit_seq
"""
_FRESHNESS = """
insert or replace into freshness
select 'till', max(commit_seq) from sales_versions having count(*) > 0
"""


@dataclass
class Shop:
    """`sell` commits to the lake, `build` moves the warehouse to its head, `publish` publishes."""

    settings: Settings
    lake: Lake
    sold: int = 0

    @property
    def home(self) -> Home:
        return Home.of(self.settings)

    def sell(self, count: int, *, days_back: int = 0) -> None:
        """Commit `count` sales, one a minute, all moved `days_back` days into the past."""
        frame = sales(self.sold, count)
        back = pl.duration(microseconds=days_back * DAY_US)
        spread = pl.duration(microseconds=pl.col("source_offset") * 60_000_000)
        self.lake.append(batch(frame.with_columns(event_time=pl.col("event_time") + spread - back)))
        self.sold += count

    def build(self, *, until: int = 1 << 62) -> None:
        """As a dbt build would: every commit not booked yet."""
        self.home.warehouse.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(str(self.home.warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(_SCHEMA)
            row = connection.execute(
                "select coalesce(max(commit_seq), -1) from staging.stg_lake__commits"
            ).fetchone()
            assert row is not None
            values = {"booked": row[0], "until": until}
            log = str(self.home.lake / "_delta_log" / "*.json")
            connection.execute(_COMMITS, {**values, "log": log})
            segments = str(self.home.lake / "family=sales" / "*" / "*.parquet")
            connection.execute(_VERSIONS, {**values, "segments": segments})
            connection.execute(_CELLS, {"booked": row[0]})
            connection.execute(_FRESHNESS)
        self.write_manifest()

    def rebuild(self) -> None:
        """As `dbt build --full-refresh`: every table made anew."""
        self.home.warehouse.unlink()
        self.build()

    def write_manifest(self, *, code: str = "1", extra: dict[str, object] | None = None) -> None:
        """The part of dbt's manifest that publishing reads; another `code` is other SQL."""
        wanted: dict[str, dict[str, object]] = {
            "sales_versions": {
                "kind": "append",
                "partition": "business_month",
                "watermark": "commit_seq",
            },
            "day_sales": {
                "kind": "partitioned",
                "partition": "business_month",
                "watermark": "last_commit_seq",
            },
            "freshness": {"kind": "whole"},
        }
        nodes = {
            f"model.shop.{name}": {
                "resource_type": "model",
                "name": name,
                "alias": name,
                "schema": "main",
                "config": {"meta": {"publish": publish_as}},
                "depends_on": {"nodes": []},
                "checksum": {"checksum": f"{name}-{code}"},
            }
            for name, publish_as in wanted.items()
        }
        manifest = {"metadata": {"project_name": "shop"}, "macros": {}, "nodes": nodes}
        self.home.target.mkdir(parents=True, exist_ok=True)
        (self.home.target / "manifest.json").write_text(json.dumps(manifest | (extra or {})))
        self.write_results(dict.fromkeys(wanted, "success"))

    def write_results(
        self, status: dict[str, str], *, kind: str = "model", invocation: str = "another"
    ) -> None:
        """dbt's run results: the status of each node of the last run."""
        results = [
            {"unique_id": f"{kind}.shop.{name}", "status": found} for name, found in status.items()
        ]
        path = self.home.target / "run_results.json"
        metadata = {"invocation_id": invocation}
        path.write_text(json.dumps({"metadata": metadata, "results": results}))

    def publish(self, *, full: bool = False) -> Published:
        return publish(self.settings, full=full)

    def read(self, query: str) -> list[tuple[object, ...]]:
        """Rows of a query on `current.duckdb`, opened anew."""
        with duckdb.connect(":memory:") as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"attach '{self.home.current}' as current_edition (read_only)")
            connection.execute("use current_edition")
            return connection.execute(query).fetchall()

    def warehouse(self, query: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.home.warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(query).fetchall()


def open_shop(folder: Path, **settings: object) -> Shop:
    """A new shop whose home is `folder`."""
    made = Settings(home=folder, **settings)  # type: ignore[arg-type]
    home = Home.of(made)
    return Shop(made, Lake.create(home.lake, home.index))
