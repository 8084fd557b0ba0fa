"""A plan lists everything that stops a close at once, and is bound to what it saw."""

from datetime import timedelta

import duckdb

from audit.figures import figure_of
from orchestration.locks import exclusive
from orchestration.publish.figures import period_rows, read_figures, warehouse_relations
from orchestration.verification import verify_home
from tests.close.conftest import FEBRUARY, JANUARY, Copy
from tests.close.house import House, day


def _blockers(house: House, period: str) -> dict[str, int]:
    planned = house.plan(period)
    assert planned.token is None
    assert all(one.remedy and one.sample for one in planned.plan.blockers)
    return {one.code: one.count for one in planned.plan.blockers}


def test_all_blockers_come_at_once_with_their_counts(house: Copy) -> None:
    shop = house("closed")
    shop.late(day(1, 20))
    shop.build()
    certificate = next(shop.home.certificates.glob("*.json"))
    certificate.write_bytes(certificate.read_bytes().replace(b"EUR", b"USD"))
    shop.late(day(2, 8))
    found = _blockers(shop, "2026-04")
    assert {
        "period_must_have_ended": 1,
        "earlier_period_must_be_closed_first": 2,
        "build_must_know_the_lake_head": 1,
        "closed_figures_must_not_move": 1,
    }.items() <= found.items()


def test_pending_exception_of_the_period_blocks_its_next_close(house: Copy) -> None:
    shop = house("closed")
    shop.late(day(1, 20))
    shop.build()
    shop.reopen(JANUARY)
    shop.build()
    assert _blockers(shop, JANUARY) == {"no_exception_of_the_period_is_pending": 3}


def test_build_under_way_is_a_blocker_and_not_an_error(house: Copy) -> None:
    shop = house("open")
    with exclusive(shop.home.build_lock, doing="build"):
        assert "no_build_may_be_under_way" in _blockers(shop, JANUARY)


def test_failed_test_of_the_last_build_blocks(house: Copy) -> None:
    shop = house("open")
    shop.tamper("delete from main.period_sales where store_id = 'store-2'")
    shop.clock += timedelta(hours=1)
    shop.sell(day(2, 8), 1, at=shop.clock)
    built = shop.builder().build()
    found = _blockers(shop, JANUARY)
    assert ("last_build_must_have_passed" in found) == bool(built.failed)
    assert "period_books_amounts_are_those_of_the_deltas" in found


def test_closed_period_is_planned_again_only_after_reopening(house: Copy) -> None:
    found = _blockers(house("closed"), JANUARY)
    assert "period_must_be_open_to_close" in found


def test_second_plan_needs_no_build_for_the_request_of_the_first(house: Copy) -> None:
    shop = house("open")
    first, second = shop.plan(JANUARY), shop.plan(JANUARY)
    assert first.token and second.token and first.token != second.token
    assert first.plan.figures == second.plan.figures


def test_damaged_edition_of_a_closed_period_is_found_by_verify(house: Copy) -> None:
    shop = house("closed")
    assert verify_home(shop.settings, quick=False, tell=lambda _done, _total: None).ok
    part = next((shop.home.tables / "period_sales").rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-1] + b"X")
    found = verify_home(shop.settings, quick=False, tell=lambda _done, _total: None)
    assert any("file_must_be_the_one_certified" in one for one in found.problems)


def test_digest_of_the_warehouse_is_the_one_a_verifier_computes(house: Copy) -> None:
    shop = house("open")
    shop.tamper(
        "insert into main.period_sales by name select * replace"
        " (concat('a\"b\\c', chr(10), chr(1), 'é€') as category, -0.5000 as amount)"
        f" from main.period_sales where posting_period = '{FEBRUARY}' limit 1"
    )
    with duckdb.connect(str(shop.home.warehouse), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        relations = warehouse_relations(connection)
        found = read_figures(connection, relations, [JANUARY, FEBRUARY])
        for period, figures in found.items():
            for figure in figures:
                rows = connection.execute(period_rows(relations[figure.name], [period])).pl()
                assert figure_of(figure.name, rows) == figure
