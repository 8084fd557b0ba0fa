"""What is known at an event's own commit decides where it is booked, for good.

Late past the window: listed for people, in no figure. New policies and new zones of a store hold
for what arrives from then on and move nothing that was booked.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tests.models.event_frames import from_rows
from tests.models.warehouse import CREATED, Warehouse, open_warehouse

HAPPENED = datetime(2025, 6, 2, 23, 30, tzinfo=UTC)
DAY = date(2025, 6, 2)


def _sell(made: Warehouse, arrived: datetime, amount: int, store: str = "shop") -> None:
    sale = {"event_type": "SaleRecorded", "event_time": HAPPENED, "store_id": store}
    made.commit(from_rows([{**sale, "currency": "EUR", "amount": amount, "quantity": 1}]), arrived)


def test_a_sale_past_the_window_is_listed_and_in_no_figure(tmp_path: Path) -> None:
    made = open_warehouse(tmp_path)
    on_time, late, too_late = (HAPPENED + timedelta(days=days) for days in (0, 3, 7))
    for arrived, amount in ((on_time, 100), (late, 20), (too_late, 3)):
        _sell(made, arrived, amount)
    made.build()
    assert made.rows(
        "select business_date, amount, event_count, reported_amount, correction_amount"
        " from daily_sales"
    ) == [(DAY, 120, 2, 100, 20)]
    assert made.rows(
        "select event_id, business_date, amount, lateness_days, route, status, ingest_time"
        " from late_event_exceptions"
    ) == [("till-2", DAY, Decimal(3), 7, "exception", "pending", too_late)]
    assert made.rows("select sum(delta_amount) from daily_sales_versions") == [(Decimal(120),)]
    assert made.rows("select amount_before, amount_after from sales_corrections") == [(100, 120)]
    assert made.rows(
        "select sum(amount), sum(exception_amount), sum(exception_count) from real_time_sales"
    ) == [(Decimal(123), Decimal(3), 1)]
    assert made.rows(
        "select route, sum(event_count) from event_outcomes group by route order by route"
    ) == [("exception", 1), ("in_window", 2)]


def test_a_withdrawal_past_the_window_leaves_the_balance_alone(tmp_path: Path) -> None:
    made = open_warehouse(tmp_path)
    for days, kind, amount in ((0, "FundsDeposited", 50), (8, "FundsWithdrawn", 20)):
        move = {"event_type": kind, "event_time": HAPPENED, "account_id": "anna"}
        made.commit(
            from_rows([{**move, "currency": "EUR", "amount": amount}]),
            HAPPENED + timedelta(days=days),
        )
    made.build()
    assert made.rows("select balance, event_count from account_balances") == [(50, 1)]
    assert made.rows("select account_id, event_type, amount from late_event_exceptions") == [
        ("anna", "FundsWithdrawn", 20)
    ]


def test_a_wider_window_holds_for_later_arrivals_only(tmp_path: Path) -> None:
    made = open_warehouse(tmp_path)
    made.set_policy(max_delay_days=1, initial_grace_hours=0, at=CREATED + timedelta(days=1))
    _sell(made, HAPPENED + timedelta(days=4), 1)
    made.build()
    made.set_policy(max_delay_days=9, initial_grace_hours=0, at=HAPPENED + timedelta(days=5))
    _sell(made, HAPPENED + timedelta(days=6), 20)
    for full_refresh in (False, True):
        made.build(full_refresh=full_refresh)
        assert made.rows(
            "select commit_seq, route, amount from intermediate.int_sales__deltas order by all"
        ) == [(2, "exception", 1), (4, "in_window", 20)]


def test_a_store_that_moves_keeps_the_days_of_what_was_booked_before(tmp_path: Path) -> None:
    made = open_warehouse(tmp_path)
    made.register_store("shop", "UTC", CREATED + timedelta(days=1))
    _sell(made, HAPPENED, 1)
    made.build()
    made.register_store("shop", "Asia/Taipei", HAPPENED + timedelta(hours=1), day_cut_off="04:00")
    _sell(made, HAPPENED + timedelta(hours=2), 20)
    for full_refresh in (False, True):
        made.build(full_refresh=full_refresh)
        assert made.rows("select business_date, amount from daily_sales order by all") == [
            (DAY, 1),
            (date(2025, 6, 3), 20),
        ]
