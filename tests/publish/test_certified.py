"""What is certified stays readable and is never shown otherwise; editions are prepared unseen."""

import json
from dataclasses import asdict
from pathlib import Path

import duckdb
import pytest

from ledger.errors import IncorrectInput
from orchestration.publish import edition as editions
from orchestration.publish import pins
from orchestration.publish.closed_periods import edition_figures
from orchestration.publish.edition import Edition
from orchestration.publish.publisher import prepare, publish, show
from orchestration.publish.showing import rollback
from tests.publish.shop import Shop, open_shop

_PERIODS = """
create or replace table period_sales as
select strftime(business_month, '%Y-%m') as posting_period, posting_period as charge_period,
    'original' as charge_class, store_id, '(none)' as category, '(none)' as channel,
    'EUR' as currency, sum(delta_amount)::decimal(38, 4) as amount, 0::decimal(38, 4) as quantity,
    count(*) as event_count, false as is_prior_period_adjustment, max(commit_seq) as last_commit_seq
from sales_versions group by all
"""
OLD_AND_GONE_US = 1 << 60


def _build(shop: Shop) -> None:
    """Build with a table of periods beside the others."""
    shop.build()
    with duckdb.connect(str(shop.home.warehouse)) as connection:
        connection.execute(_PERIODS)
    path = shop.home.target / "manifest.json"
    manifest = json.loads(path.read_bytes())
    node = json.loads(json.dumps(manifest["nodes"]["model.shop.freshness"]))
    node |= {"name": "period_sales", "alias": "period_sales", "checksum": {"checksum": "1"}}
    manifest["nodes"]["model.shop.period_sales"] = node
    path.write_text(json.dumps(manifest))
    shop.write_results({name.split(".")[-1]: "success" for name in manifest["nodes"]})


def _certify(shop: Shop, edition: Edition, period: str, *, closed_edition: int = 1) -> Path:
    figures = edition_figures(shop.home, edition, [period])[period]
    certificate = {
        "period": {"period_id": period},
        "closed_edition": closed_edition,
        "published_edition": edition.number,
        "figures": [asdict(one) for one in figures],
        "files": [asdict(one) for table in edition.tables for one in table.files],
    }
    path = shop.home.certificates / f"{period}.edition-{closed_edition}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(certificate))
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """December 2025 and January 2026 are sold and published as edition 1."""
    made = open_shop(tmp_path / "home", editions={"keep": 1, "keep_hours": 0})
    made.sell(300)
    made.sell(300, days_back=20)
    _build(made)
    made.publish()
    return made


def _edition(shop: Shop, number: int) -> Edition:
    return editions.read(shop.home.editions, number)


def test_prepared_edition_is_not_seen_until_it_is_shown(shop: Shop) -> None:
    shop.sell(10)
    _build(shop)
    made = prepare(shop.settings, reason="close of 2025-12, run a")
    assert made.number == 2
    assert shop.read("select number from edition") == [(1,)]
    assert show(shop.settings, 2)
    assert shop.read("select number, commit_seq from edition") == [(2, 3)]
    assert not show(shop.settings, 2), "readers see it already"


def test_preparing_again_for_the_same_close_gives_the_same_edition(shop: Shop) -> None:
    first = prepare(shop.settings, reason="close of 2025-12, run a")
    assert prepare(shop.settings, reason="close of 2025-12, run a") == first
    assert prepare(shop.settings, reason="close of 2025-12, run b").number == first.number + 1


def test_ordinary_publish_leaves_the_number_of_a_prepared_edition_alone(shop: Shop) -> None:
    made = prepare(shop.settings, reason="close of 2025-12, run a")
    shop.sell(10)
    _build(shop)
    assert shop.publish().edition == made.number + 1
    assert _edition(shop, made.number) == made
    assert not show(shop.settings, made.number), "readers know more already"


def test_certified_edition_and_its_files_outlive_retention(shop: Shop) -> None:
    kept = _edition(shop, 1)
    _certify(shop, kept, "2025-12")
    for _ in range(3):
        shop.sell(10)
        _build(shop)
        publish(shop.settings, full=True, now_us=OLD_AND_GONE_US)
    assert editions.numbers(shop.home.editions) == [1, 4]
    assert all((shop.home.tables / path).exists() for path in kept.paths())
    editions.path_of(shop.home.editions, 1).unlink()
    shop.sell(10)
    _build(shop)
    publish(shop.settings, full=True, now_us=OLD_AND_GONE_US)
    assert all((shop.home.tables / path).exists() for path in kept.paths()), "named by certificate"


def test_pin_that_is_let_go_frees_its_edition(shop: Shop) -> None:
    made = prepare(shop.settings, reason="close of 2025-12, run a")
    pins.unpin(shop.home, made.number)
    for _ in range(2):
        shop.sell(10)
        _build(shop)
        publish(shop.settings, full=True, now_us=OLD_AND_GONE_US)
    assert editions.numbers(shop.home.editions) == [3]


def test_publish_that_would_move_a_certified_period_is_refused(shop: Shop) -> None:
    _certify(shop, _edition(shop, 1), "2025-12")
    shop.sell(5)
    _build(shop)
    assert shop.publish().edition == 2, "January may move"
    shop.sell(5, days_back=20)
    _build(shop)
    with pytest.raises(IncorrectInput, match=r"period 2025-12 in edition 3, table period_sales"):
        shop.publish()
    assert shop.read("select number from edition") == [(2,)]


def test_direct_write_to_the_warehouse_is_not_published(shop: Shop) -> None:
    _certify(shop, _edition(shop, 1), "2025-12")
    with duckdb.connect(str(shop.home.warehouse)) as connection:
        connection.execute(
            "update period_sales set amount = amount + 0.0001 where posting_period = '2025-12'"
        )
    with pytest.raises(IncorrectInput, match="as certified"):
        shop.publish(full=True)


def test_rollback_to_before_the_close_is_refused_if_the_period_was_different(
    tmp_path: Path,
) -> None:
    shop = open_shop(tmp_path / "home")
    shop.sell(300, days_back=20)
    _build(shop)
    shop.publish()
    shop.sell(10, days_back=20)
    _build(shop)
    shop.publish()
    shop.sell(10)
    _build(shop)
    shop.publish()
    _certify(shop, _edition(shop, 3), "2025-12")
    with pytest.raises(IncorrectInput, match=r"period 2025-12 in edition 1"):
        rollback(shop.settings, to=1)
    assert rollback(shop.settings, to=2).number == 2, "December was as certified already"


def test_newest_certificate_of_a_restated_period_counts(shop: Shop) -> None:
    _certify(shop, _edition(shop, 1), "2025-12")
    shop.sell(5, days_back=20)
    _build(shop)
    made = prepare(shop.settings, reason="close of 2025-12, run b")
    with pytest.raises(IncorrectInput, match="as certified"):
        show(shop.settings, made.number)
    _certify(shop, made, "2025-12", closed_edition=2)
    assert show(shop.settings, made.number)
    with pytest.raises(IncorrectInput, match="as certified"):
        rollback(shop.settings, to=1)
