"""Late events around a close: where each goes by its period's state, and what decisions book.

Every story is built in steps and once more from nothing: the same rows.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ledger.control_events import PeriodSoftClosed
from tests.models.closing import FEBRUARY, MARCH, Shop, open_shop

SALES = "select posting_period, charge_period, charge_class, amount, is_prior_period_adjustment"
DAY = date(2025, 2, 10)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """100 sold in February, known in time; February closed on 10 March."""
    shop = open_shop(tmp_path)
    shop.at(FEBRUARY).sell(FEBRUARY, 100)
    shop.at(MARCH).sell(MARCH, 7)
    shop.build()
    shop.office.close("2025-02")
    return shop


def _build_both_ways(shop: Shop) -> None:
    shop.build()
    by_increments = shop.made.tables()
    shop.build(full_refresh=True)
    assert shop.made.tables() == by_increments


def _cell(shop: Shop) -> tuple[object, ...]:
    query = "select amount, reported_amount, correction_amount, event_count from daily_sales"
    return shop.rows(f"{query} where business_date = date '{DAY}'")[0]


def test_a_late_sale_of_a_closed_month_waits_and_decided_into_the_next_period_keeps_its_day(
    shop: Shop,
) -> None:
    event = shop.sell(FEBRUARY, 20)
    _build_both_ways(shop)
    assert shop.rows(
        "select event_id, period_id, exception_reason, status from late_event_exceptions"
    ) == [(event, "2025-02", "period_closed", "pending")]
    assert _cell(shop) == (100, 100, 0, 1)
    before = shop.rows(f"{SALES} from period_sales where posting_period = '2025-02'")
    shop.office.decide([event], "next_period", "2025-03")
    _build_both_ways(shop)
    assert _cell(shop) == (120, 100, 20, 2)
    assert shop.rows(f"{SALES} from period_sales where posting_period = '2025-02'") == before
    assert shop.rows(
        f"{SALES} from period_sales where posting_period = '2025-03' order by charge_period"
    ) == [
        ("2025-03", "2025-02", "correction", Decimal(20), True),
        ("2025-03", "2025-03", "original", Decimal(7), False),
    ]
    assert shop.rows("select reason, amount_before, amount_after from sales_corrections") == [
        ("prior_period_adjustment", 100, 120)
    ]
    assert shop.rows(
        "select status, posting_period, requester, approver, decision_reason"
        " from late_event_exceptions"
    ) == [("next_period", "2025-03", "rita", "adam", "because")]


@pytest.mark.nightly
def test_an_undone_decision_takes_its_booking_back(shop: Shop) -> None:
    event = shop.sell(FEBRUARY, 20)
    shop.office.decide([event], "next_period", "2025-03")
    shop.build()
    shop.office.decide([event], "pending", None)
    _build_both_ways(shop)
    assert _cell(shop) == (100, 100, 0, 1)
    assert shop.rows("select reason, amount_delta from sales_corrections order by all") == [
        ("decision_changed", -20),
        ("prior_period_adjustment", 20),
    ]
    assert shop.rows("select status, posting_period from late_event_exceptions") == [
        ("pending", None)
    ]
    assert shop.rows("select sum(amount) from period_sales") == [(Decimal(107),)]


@pytest.mark.nightly
def test_a_rejected_event_is_in_no_figure(shop: Shop) -> None:
    shop.office.decide([shop.sell(FEBRUARY, 20)], "rejected", None)
    _build_both_ways(shop)
    assert _cell(shop) == (100, 100, 0, 1)
    assert shop.rows("select status from late_event_exceptions") == [("rejected",)]


def test_a_reopened_month_takes_restatements_only_and_closes_as_edition_two(shop: Shop) -> None:
    shop.office.reopen("2025-02")
    event = shop.sell(FEBRUARY, 20)
    shop.build()
    assert shop.rows("select exception_reason from late_event_exceptions") == [("period_reopened",)]
    shop.office.decide([event], "restated", "2025-02")
    shop.office.close("2025-02", edition=2)
    _build_both_ways(shop)
    assert _cell(shop) == (120, 100, 20, 2)
    assert shop.rows(
        f"{SALES} from period_sales where posting_period = '2025-02' order by all"
    ) == [
        ("2025-02", "2025-02", "correction", Decimal(20), False),
        ("2025-02", "2025-02", "original", Decimal(100), False),
    ]
    assert shop.rows("select reason from sales_corrections") == [("restatement",)]
    assert shop.rows(
        "select period_id, state, closed_edition, first_date, end_date from accounting_periods"
        " order by period_id"
    ) == [
        ("2025-02", "Closed", 2, date(2025, 2, 1), date(2025, 3, 1)),
        ("2025-03", "Open", 0, date(2025, 3, 1), date(2025, 4, 1)),
    ]
    assert shop.rows("select attempt, outcome from close_runs order by attempt") == [
        (1, "closed"),
        (2, "closed"),
    ]


@pytest.mark.nightly
def test_soft_close_lets_named_sources_book_and_a_cap_sends_large_sales_to_people(
    tmp_path: Path,
) -> None:
    shop = open_shop(tmp_path)
    shop.at(datetime.fromisoformat("2025-02-01T00:00:00+00:00"))
    shop.set_policy(soft_close_sources=("office",), amount_cap=Decimal(500))
    shop.at(FEBRUARY).sell(FEBRUARY, 100)
    shop.sell(FEBRUARY, 501)
    shop.sell(FEBRUARY, 500)
    shop.office.record(PeriodSoftClosed(period_id="2025-02", sealed=False, reason="month end"))
    shop.sell(FEBRUARY, 3)
    shop.sell(FEBRUARY, 4, source="office")
    _build_both_ways(shop)
    assert _cell(shop)[0] == 604
    assert shop.rows(
        "select amount, exception_reason from late_event_exceptions order by row_index"
    ) == [(501, "over_amount_cap"), (3, "period_soft_closed")]


@pytest.mark.nightly
def test_a_lock_exception_lets_its_scope_in_until_it_expires(shop: Shop) -> None:
    shop.office.reopen("2025-02")
    shop.grant("a" * 32, "2025-02", source="office", amount_cap=Decimal(50))
    shop.sell(FEBRUARY, 1)
    shop.sell(FEBRUARY, 50, source="office")
    shop.sell(FEBRUARY, 51, source="office")
    shop.later(hours=1).sell(FEBRUARY, 2, source="office")
    _build_both_ways(shop)
    assert _cell(shop)[0] == 150
    assert shop.rows(
        "select amount, exception_reason from late_event_exceptions order by row_index"
    ) == [(1, "period_reopened"), (51, "period_reopened"), (2, "period_reopened")]
    assert shop.rows(
        "select charge_class, amount from period_sales where posting_period = '2025-02'"
        " order by all"
    ) == [("correction", 50), ("original", 100)]


@pytest.mark.nightly
def test_the_most_specific_policy_holds(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    shop.at(FEBRUARY - timedelta(days=5))
    shop.set_policy(max_delay_days=1)
    shop.set_policy(max_delay_days=9, source="slow")
    shop.set_policy(max_delay_days=3, period_id="2025-02")
    shop.set_policy(max_delay_days=0, effective_from=date(2025, 2, 11))
    shop.at(FEBRUARY + timedelta(days=3))
    for source in ("till", "slow"):
        shop.sell(FEBRUARY - timedelta(days=12), 1, source=source)
        shop.sell(FEBRUARY, 20, source=source)
    shop.later(days=2).sell(FEBRUARY, 300)
    _build_both_ways(shop)
    assert shop.rows(
        "select source, amount, exception_reason from late_event_exceptions order by row_index"
    ) == [("till", 1, "too_late"), ("slow", 1, "too_late"), ("till", 300, "too_late")]


def test_zone_calendar_and_policy_changed_after_the_close_move_no_closed_figure(
    shop: Shop,
) -> None:
    before = _figures(shop)
    shop.made.register_store("shop", "Pacific/Kiritimati", shop.later(hours=2).now)
    shop.later(hours=1).set_policy(max_delay_days=0, initial_grace_hours=0)
    shop.build(full_refresh=True)
    assert _figures(shop) == before


def _figures(shop: Shop) -> list[tuple[object, ...]]:
    shop.build()
    return [
        *shop.rows("select * from daily_sales order by all"),
        *shop.rows("select * from period_sales order by all"),
    ]
