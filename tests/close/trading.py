"""A quarter of two shops and a bank: a real lake, built by dbt, with what a close has to look at.

soho (Monday to Saturday) uploads its day totals, leeds (every day) does not; each Monday an account
moves. March holds a late refund and, once `sell_past_the_window` was called, an event past its
window. Called by tests here.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from ledger.calendar import Calendar
from tests.models.event_frames import from_rows
from tests.models.warehouse import Warehouse, open_warehouse

FEBRUARY, MARCH = (Calendar().get(one) for one in ("2011-02", "2011-03"))
FIRST = date(2010, 12, 27)
LAST = date(2011, 4, 4)
SALES_A_DAY = 3
LATE_REFUND = date(2011, 3, 10)
PAST_WINDOW = date(2011, 3, 12)


def traded(folder: Path) -> Warehouse:
    """The lake of the quarter, built."""
    made = open_warehouse(folder)
    opened = _at(FIRST - timedelta(days=1))
    for store in ("leeds", "soho"):
        made.register_store(store, "Europe/London", opened)
        opened += timedelta(minutes=1)
    for number in range((LAST - FIRST).days):
        day = FIRST + timedelta(days=number)
        arrival = _at(day + timedelta(days=1), hour=2)
        made.commit(from_rows(list(_events(day))), arrival)
        if day.weekday() < 6:
            made.commit(_total(day), arrival + timedelta(minutes=5), source="soho-office")
    made.build()
    return made


def sell_past_the_window(made: Warehouse) -> None:
    """A sale of 12 March is learned on 5 April, and built."""
    made.commit(from_rows([_sale("leeds", PAST_WINDOW, 0)]), _at(LAST + timedelta(days=1)))
    made.build()


def _events(day: date) -> Iterator[dict[str, object]]:
    for store in ("leeds", "soho"):
        if store == "leeds" or day.weekday() < 6:
            for number in range(SALES_A_DAY):
                yield _sale(store, day, number)
    if day.weekday() == 0:
        for kind, amount in (("FundsDeposited", "250.25"), ("FundsWithdrawn", "49.99")):
            yield {
                "event_type": kind,
                "event_time": _at(day, hour=9),
                "account_id": "a-1",
                "currency": "EUR",
                "amount": Decimal(amount),
            }
    if day == LATE_REFUND + timedelta(days=2):
        yield {**_sale("leeds", LATE_REFUND, 0), "event_type": "SaleRefunded"}


def _sale(store: str, day: date, number: int) -> dict[str, object]:
    return {
        "event_type": "SaleRecorded",
        "event_time": _at(day, hour=10 + number),
        "store_id": store,
        "category": "toys",
        "channel": "shop",
        "currency": "GBP",
        "amount": _price(day),
        "quantity": Decimal(1),
    }


def _price(day: date) -> Decimal:
    return Decimal(10) + Decimal(day.day) / 100


def _total(day: date) -> pl.DataFrame:
    amount = _price(day) * SALES_A_DAY
    payload = (
        f'{{"amount":"{amount}","business_date":"{day}","currency":"GBP",'
        f'"event_count":{SALES_A_DAY},"store_id":"soho"}}'
    )
    return from_rows(
        [
            {
                "event_type": "StoreDayUploaded",
                "event_time": _at(day + timedelta(days=1)),
                "store_id": "soho",
                "currency": "GBP",
                "amount": amount,
                "quantity": Decimal(SALES_A_DAY),
                "payload": payload,
            }
        ]
    )


def _at(day: date, *, hour: int = 1) -> datetime:
    return datetime.combine(day, time(hour), UTC)
