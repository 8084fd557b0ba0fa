"""GDP of four economies: 47,980 figures as 89 quarterly vintages gave them, cell by cell.

What changed from one vintage to the next is what arrives; each vintage is then read back as it was
known. Source: tests/data/gdp_vintages.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from tests.models.event_frames import MONEY, signed_sales
from tests.models.warehouse import CREATED, Warehouse, open_warehouse

FILE = Path(__file__).parents[1] / "data" / "gdp_vintages" / "gdp_vintages.parquet"
FIGURES, VINTAGES, QUARTERS = 47_980, 89, 179

UNIT_DIGITS = {"CHE": 6, "EA": 4, "JP": 4, "US": 4}
"""Figures are counted in units of 10^-n, so that the ten decimals of the Swiss ones fit into the
four of the lake: no figure is rounded."""

POLICY_DAYS = 365 * 50
"""A vintage may change quarters of 45 years ago."""

CELL = ("country", "event_quarter")


def _exact(value: float, country: str) -> Decimal:
    return Decimal(repr(value)).scaleb(UNIT_DIGITS[country])


def _published() -> pl.DataFrame:
    """country, event_quarter, vintage_quarter, amount (exact, in small units)."""
    given = pl.read_parquet(FILE)
    amounts = [
        _exact(value, country) for country, value in given.select("country", "value").iter_rows()
    ]
    return given.select(
        *CELL, "vintage_quarter", pl.Series("amount", amounts, dtype=MONEY, strict=True)
    )


def _as_given_by_every_vintage(published: pl.DataFrame) -> pl.DataFrame:
    """One row per cell and vintage: the figure, 0 where the vintage leaves the quarter out."""
    every = (
        published.select(CELL)
        .unique()
        .join(published.select("vintage_quarter").unique(), how="cross")
    )
    filled = every.join(published, on=[*CELL, "vintage_quarter"], how="left")
    return filled.with_columns(pl.col("amount").fill_null(Decimal(0))).sort(
        *CELL, "vintage_quarter"
    )


def _changes(given: pl.DataFrame) -> pl.DataFrame:
    before = pl.col("amount").shift(1, fill_value=Decimal(0)).over(CELL)
    changes = given.with_columns(delta=(pl.col("amount") - before).cast(MONEY))
    return changes.filter(pl.col("delta") != 0).sort("vintage_quarter", *CELL)


def _known_from(vintage: pl.Expr) -> pl.Expr:
    return vintage.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


@pytest.fixture(scope="module")
def published() -> pl.DataFrame:
    return _published()


@pytest.fixture(scope="module")
def offices(tmp_path_factory: pytest.TempPathFactory, published: pl.DataFrame) -> Warehouse:
    made = open_warehouse(tmp_path_factory.mktemp("offices"))
    made.set_policy(
        max_delay_days=POLICY_DAYS, initial_grace_hours=0, at=CREATED + timedelta(days=1)
    )
    changes = _changes(_as_given_by_every_vintage(published))
    for (vintage,), rows in changes.group_by("vintage_quarter", maintain_order=True):
        events = rows.select(
            _known_from(pl.col("event_quarter")).alias("event_time"),
            pl.col("country").alias("store_id"),
            pl.lit("XXX").alias("currency"),
            "delta",
        )
        arrived = datetime.combine(vintage, datetime.min.time(), UTC)
        made.commit(signed_sales(events), arrived, source="statistics")
    made.build()
    return made


def test_figures_become_decimals_without_loss(published: pl.DataFrame) -> None:
    given = pl.read_parquet(FILE)
    assert published.height == FIGURES
    for (country, value), amount in zip(
        given.select("country", "value").iter_rows(), published["amount"], strict=True
    ):
        assert amount == _exact(value, country), (country, value)
        assert float(amount.scaleb(-UNIT_DIGITS[country])) == value


def test_every_vintage_is_read_back_cell_by_cell(
    offices: Warehouse, published: pl.DataFrame
) -> None:
    expected = _as_given_by_every_vintage(published).with_columns(
        known_as_of=_known_from(pl.col("vintage_quarter"))
    )
    with offices.open() as warehouse:
        warehouse.register("expected", expected.to_arrow())
        warehouse.register("published", published.to_arrow())
        compared = warehouse.execute(
            """
            with as_known as (
                select expected.*, coalesce(versions.amount, 0) as found
                from expected
                asof left join daily_sales_versions as versions
                    on expected.country = versions.store_id
                    and expected.event_quarter = versions.business_date
                    and expected.known_as_of >= versions.known_from
            )
            select count(*), count(*) filter (where found = amount),
                count(distinct vintage_quarter),
                (select count(*) from as_known semi join published
                    using (country, event_quarter, vintage_quarter, amount)
                    where found = amount)
            from as_known
            """
        ).fetchone()
    cells = len(UNIT_DIGITS) * QUARTERS * VINTAGES
    assert compared == (cells, cells, VINTAGES, FIGURES)


def test_the_as_of_macro_gives_every_figure_of_every_vintage(
    offices: Warehouse, published: pl.DataFrame
) -> None:
    wanted = published.sort("vintage_quarter", *CELL)
    found = 0
    with offices.open() as warehouse:
        for (vintage,), figures in wanted.group_by("vintage_quarter", maintain_order=True):
            known = warehouse.execute(
                "select store_id, business_date, amount"
                " from daily_sales_as_of(date '2024-12-31', cast($vintage as timestamptz))"
                " where amount <> 0 order by store_id, business_date",
                {"vintage": vintage},
            ).fetchall()
            assert known == figures.select(*CELL, "amount").rows(), vintage
            found += len(known)
    assert found == FIGURES


def test_the_newest_vintage_is_the_figure_now(offices: Warehouse, published: pl.DataFrame) -> None:
    newest = published.filter(pl.col("vintage_quarter") == pl.col("vintage_quarter").max())
    assert newest.height == len(UNIT_DIGITS) * QUARTERS
    found = offices.rows(
        "select store_id, business_date, amount, amount = reported_amount + correction_amount"
        " from daily_sales order by all"
    )
    wanted = newest.sort(CELL).select(*CELL, "amount", pl.lit(True)).rows()
    assert found == wanted
