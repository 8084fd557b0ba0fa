"""Two retail data sets through the shipped mappings: every published and every tied figure.

The files go the way a user's go: mapping, contracts, lake, build. The clock stands on the day after
the last sale; the files arrive whole, so the window is as wide as a policy may be.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from ingestion import contracts, mapping, mappings
from ingestion.file_batches import Intake
from ingestion.file_ingest import FileReport, Ingest, ingest_file
from ingestion.sources import Limits
from tests.models.warehouse import CREATED, PROJECT, Warehouse, microseconds, open_warehouse

SAMPLE = PROJECT / "data" / "sample"
UCI = PROJECT / "tests" / "data" / "uci_online_retail"
JAFFLE = PROJECT / "tests" / "data" / "jaffle_shop_jafgen"
CENTS = Decimal(100)


def _open_shop(folder: Path, today: datetime) -> tuple[Warehouse, Callable[[Path, Path], None]]:
    """A home on whose clock it is `today`, and a way to ingest a file with a mapping."""
    made = open_warehouse(folder, now=lambda: microseconds(today))
    made.set_policy(max_delay_days=3650, initial_grace_hours=6, at=CREATED + timedelta(days=1))
    registry = contracts.load()

    def ingest(file: Path, by: Path) -> None:
        intake = Intake(mapper=mapping.load(by, registry), registry=registry, limits=Limits())
        run = Ingest(lake=made.lake, intake=intake, now=lambda: microseconds(today))
        _require_whole(ingest_file(run, file))

    return made, ingest


def _require_whole(report: FileReport) -> None:
    assert (report.status, report.quarantined, report.duplicate) == ("ingested", 0, 0), report
    assert report.accepted == report.rows


@pytest.fixture(scope="module")
def online_shop(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    today = datetime(2011, 12, 10, 2, tzinfo=UTC)
    made, ingest = _open_shop(tmp_path_factory.mktemp("online"), today)
    ingest(SAMPLE / "stores.csv", SAMPLE / "stores.toml")
    ingest(SAMPLE / "online_retail.parquet", mappings.path("uci_online_retail"))
    made.build()
    return made


def test_every_day_and_country_has_the_published_figures(online_shop: Warehouse) -> None:
    with online_shop.open() as warehouse:
        warehouse.execute(
            f"create temp view published as select * from read_csv('{UCI}/*.csv',"
            " types = {'net_sales': 'decimal(18, 3)'})"
        )
        counted = warehouse.execute("select count(*), sum(net_sales) from published").fetchone()
        different = warehouse.execute(
            """
            with found as (
                select business_date, store_id, sum(amount) as amount,
                    sum(quantity) as quantity, sum(event_count) as event_count
                from daily_sales group by business_date, store_id
            )
            select * from found
            full join published on sales_date = business_date and country = store_id
            where (n_rows, qty, net_sales) is distinct from (event_count, quantity, amount)
            """
        ).fetchall()
    assert counted == (1_716, Decimal("9747747.934"))
    assert different == []


def test_invoices_and_cancellations_can_be_told_from_the_lake(online_shop: Warehouse) -> None:
    """What the marts do not keep: invoices and cancelled lines, by the shop's own day."""
    segments = online_shop.home.lake / "family=sales" / "*" / "*.parquet"
    different = online_shop.rows(
        f"""
        with found as (
            select cast(timezone('Europe/London', event_time) as date) as day, store_id,
                count(distinct correlation_id) as invoices,
                count(*) filter (correlation_id like 'C%') as cancelled
            from read_parquet('{segments}') group by all
        )
        select * from found
        full join read_csv('{UCI}/*.csv') on sales_date = day and country = store_id
        where (n_inv, cancel_rows) is distinct from (invoices, cancelled)
        """
    )
    assert different == []


@pytest.fixture(scope="module")
def jaffle_shop(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder = tmp_path_factory.mktemp("jaffle")
    made, ingest = _open_shop(folder / "home", datetime(2022, 8, 31, 2, tzinfo=UTC))
    _items().write_parquet(folder / "items.parquet")
    ingest(JAFFLE / "raw_stores.csv", mappings.path("jaffle_stores"))
    ingest(JAFFLE / "raw_orders.parquet", mappings.path("jaffle_orders"))
    ingest(folder / "items.parquet", mappings.path("jaffle_items"))
    made.build()
    return made


def _orders() -> pl.DataFrame:
    return pl.read_parquet(JAFFLE / "raw_orders.parquet").with_columns(
        day=pl.col("ordered_at").dt.date()
    )


def _items() -> pl.DataFrame:
    """raw_items with price, type, time and store, as the mapping asks for them."""
    products = pl.read_csv(JAFFLE / "raw_products.csv").select("sku", "price", "type")
    placed = _orders().select("ordered_at", "store_id", "day", order_id="id")
    return (
        pl.read_parquet(JAFFLE / "raw_items.parquet")
        .join(products, on="sku", maintain_order="left")
        .join(placed, on="order_id", maintain_order="left")
    )


def test_items_add_up_by_store_day_and_category(jaffle_shop: Warehouse) -> None:
    wanted = (
        _items()
        .group_by("store_id", "day", "type")
        .agg(pl.col("price").sum(), pl.len())
        .sort("store_id", "day", "type")
    )
    found = jaffle_shop.rows(
        f"select store_id, business_date, category, cast(amount * {CENTS} as bigint), event_count"
        " from daily_sales where channel = 'items' order by all"
    )
    assert found == wanted.rows()
    assert {row[2] for row in found} == {"jaffle", "beverage"}


def test_items_of_a_day_are_its_subtotal_and_tax_makes_the_total(jaffle_shop: Warehouse) -> None:
    wanted = (
        _orders()
        .group_by("store_id", "day")
        .agg(pl.col("subtotal", "tax_paid").sum(), pl.len())
        .sort("store_id", "day")
    )
    found = jaffle_shop.rows(
        f"""
        select store_id, business_date,
            cast(coalesce(sum(amount) filter (channel = 'items'), 0) * {CENTS} as bigint),
            cast(sum(amount) filter (channel = 'orders') * {CENTS} as bigint),
            sum(event_count) filter (channel = 'orders')
        from daily_sales group by store_id, business_date order by store_id, business_date
        """
    )
    tied = [
        (store, day, subtotal, subtotal + tax, orders)
        for store, day, subtotal, tax, orders in wanted.iter_rows()
    ]
    assert found == tied
    assert len({row[0] for row in found}) == 6
    assert sum(int(str(row[4])) for row in found) == 73_993
