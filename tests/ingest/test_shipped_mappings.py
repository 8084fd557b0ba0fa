"""The mappings that ship take their data sets whole, to the last row and the last digit."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from ingestion import contracts, mapping, mappings
from ingestion.file_batches import Intake, open_file
from ingestion.file_ingest import ingest_file
from ingestion.lake.batch import joined
from ingestion.sources import Limits
from tests.ingest.given import NOW_US, ROOT, Home

SAMPLE = ROOT / "data" / "sample" / "online_retail.parquet"
JAFFLE = ROOT / "tests" / "data" / "jaffle_shop_jafgen"
NET = pl.when(pl.col("event_type") == "SaleRefunded").then(-pl.col("amount")).otherwise("amount")


def _events(name: str, path: Path, *, rejects: int = 0) -> pl.DataFrame:
    registry = contracts.load()
    mapper = mapping.load(mappings.path(name), registry)
    opened = open_file(path, Intake(mapper=mapper, registry=registry, limits=Limits()))
    batch = joined(opened.batches(0, now_us=NOW_US)).checked()
    assert batch.quarantine.height == rejects, batch.quarantine
    return batch.events


def test_every_shipped_mapping_can_be_loaded() -> None:
    folder = mappings.path("any").parent
    names = [file.stem for file in sorted(folder.glob("*.toml"))]
    assert names == ["jaffle_items", "jaffle_orders", "jaffle_stores", "uci_online_retail"]
    for name in names:
        mapping.load(mappings.path(name))


def test_online_retail_is_taken_whole_and_nets_to_the_penny() -> None:
    events = _events("uci_online_retail", SAMPLE)
    source = pl.read_parquet(SAMPLE)
    assert events.height == source.height == 541_909
    assert events["event_id"].n_unique() == 541_909
    assert events.select(NET).to_series().sum() == Decimal("9747747.9340")
    assert events["event_type"].value_counts().sort("event_type").rows() == [
        ("SaleRecorded", 531_283),
        ("SaleRefunded", 10_626),
    ]
    signed = pl.when(pl.col("event_type") == "SaleRefunded").then(-pl.col("quantity"))
    units = events.select(signed.otherwise("quantity")).to_series().sum()
    assert units == source["Quantity"].sum()
    assert events["store_id"].n_unique() == 38
    assert events["category"].null_count() == 541_909


def test_online_retail_days_are_days_in_london() -> None:
    events = _events("uci_online_retail", SAMPLE)
    source = pl.read_parquet(SAMPLE)
    local = events["event_time"].dt.convert_time_zone("Europe/London").dt.replace_time_zone(None)
    assert local.to_list() == source["InvoiceDate"].to_list()
    assert (events["event_time"].dt.hour() != source["InvoiceDate"].dt.hour()).any()


def test_a_part_of_online_retail_adds_nothing_to_the_whole(tmp_path: Path) -> None:
    source = pl.read_parquet(SAMPLE).head(60_000)
    source.write_parquet(tmp_path / "whole.parquet")
    source.filter(pl.col("Country") == "France").write_parquet(tmp_path / "france.parquet")
    home = Home(tmp_path / "home")
    registry = contracts.load()
    intake = Intake(
        mapper=mapping.load(mappings.path("uci_online_retail"), registry),
        registry=registry,
        limits=Limits(chunk_rows=7_000),
    )
    run = replace(home.run(), intake=intake)
    assert ingest_file(run, tmp_path / "whole.parquet").accepted == 60_000
    part = ingest_file(run, tmp_path / "france.parquet")
    assert (part.accepted, part.quarantined) == (0, 0)
    assert part.duplicate == 863


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """raw_items joined to products and orders, as jaffle_items wants them."""
    products = pl.read_csv(JAFFLE / "raw_products.csv").select("sku", "price", "type")
    orders = pl.read_parquet(JAFFLE / "raw_orders.parquet")
    placed = orders.select("ordered_at", "store_id", order_id="id")
    joined_ = pl.read_parquet(JAFFLE / "raw_items.parquet").join(products, on="sku")
    path = tmp_path_factory.mktemp("jaffle") / "items.parquet"
    joined_.join(placed, on="order_id").write_parquet(path)
    return path


def test_jaffle_orders_items_and_stores_tie(items: Path) -> None:
    orders = _events("jaffle_orders", JAFFLE / "raw_orders.parquet")
    source = pl.read_parquet(JAFFLE / "raw_orders.parquet")
    assert orders.height == 73_993
    assert orders["amount"].sum() * 100 == source["order_total"].sum()
    sold = _events("jaffle_items", items)
    assert sold.height == 110_982
    assert sold["amount"].sum() * 100 == source["subtotal"].sum()
    assert sorted(sold["category"].unique()) == ["beverage", "jaffle"]
    assert orders["stream_id"].to_list() == orders["store_id"].to_list()


def test_jaffle_stores_are_registered_with_zone_and_opening() -> None:
    stores = _events("jaffle_stores", JAFFLE / "raw_stores.csv")
    assert stores.height == 6
    assert stores["family"].unique().to_list() == ["control"]
    assert stores["event_time"].dt.year().min() == 2018
    fields = stores["payload"].str.json_path_match("$.time_zone")
    assert fields.unique().to_list() == ["UTC"]
    names = stores["payload"].str.json_path_match("$.source_row.name").to_list()
    assert "Brooklyn" in names
    assert (
        stores["payload"].str.json_path_match("$.store_id").to_list()
        == stores["store_id"].to_list()
    )
