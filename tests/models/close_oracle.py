"""What the books must say, event by event, told by the pure books and plain sums.

Holds `tell` and the figures summed from what it tells. Reads a lake's events, knows no DuckDB and
no model. Called by the tests of random closes.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl

from ingestion.control.books import load_books
from ledger.books import Books
from ledger.periods import BeforeFirstClose, Closed, SoftClosed, closed_edition_of
from ledger.routing import Arrival, Routed
from tests.models.closing import events_of

OUTCOMES = ("in_window", "next_period", "restated", "rejected", "pending")
SALES = ("SaleRecorded", "SaleRefunded")
NEGATIVE = ("SaleRefunded", "FundsWithdrawn")

Sums = dict[tuple[object, ...], list[Decimal]]


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event: how it was routed at its own commit, and its one outcome now.

    `amount` and `quantity` are signed. `booked_commit`: of its arrival, or of the decision.
    """

    arrival: Arrival
    routed: Routed
    is_sale: bool
    account_id: str
    category: str
    currency: str
    amount: Decimal
    quantity: Decimal
    outcome: str
    posting_period: str | None
    charge_class: str | None

    @property
    def store_id(self) -> str:
        return self.arrival.store_id or "(none)"


def tell(lake: Path) -> list[Told]:
    """Every accepted event that is no control event, in the order of the lake."""
    books = load_books(lake)
    frame = events_of(lake).with_columns(pl.col("event_time", "ingest_time").dt.epoch("us"))
    return [_told(books, row) for row in frame.sort("row_index").iter_rows(named=True)]


def _told(books: Books, row: dict[str, object]) -> Told:
    arrival = Arrival(
        event_id=str(row["event_id"]),
        row_index=int(str(row["row_index"])),
        commit_seq=int(str(row["commit_seq"])),
        event_time_us=int(str(row["event_time"])),
        ingest_time_us=int(str(row["ingest_time"])),
        source=str(row["source"]),
        store_id=None if row["store_id"] is None else str(row["store_id"]),
        amount=None if row["amount"] is None else Decimal(str(row["amount"])),
    )
    routed = books.route(arrival)
    outcome, posting_period, booked = "in_window", routed.posting_period, arrival.commit_seq
    if routed.route == "exception":
        decision = books.decisions.get(arrival.event_id)
        outcome = decision.decision if decision else "pending"
        posting_period = decision.posting_period if decision else None
        booked = decision.commit_seq if decision else booked
    sign = -1 if row["event_type"] in NEGATIVE else 1
    return Told(
        arrival=arrival,
        routed=routed,
        is_sale=row["event_type"] in SALES,
        account_id=str(row["account_id"]),
        category=str(row["category"] or "(none)"),
        currency=str(row["currency"] or "(none)"),
        amount=sign * (arrival.amount or Decimal(0)),
        quantity=sign * Decimal(str(row["quantity"] or 0)),
        outcome=outcome,
        posting_period=posting_period,
        charge_class=_charge_class(books, routed.period_id, posting_period, booked),
    )


def _charge_class(
    books: Books, charge_period: str, posting_period: str | None, commit: int
) -> str | None:
    """A correction if its period had been closed when it was booked."""
    if posting_period is None:
        return None
    state = books.state_at(books.calendar.get(posting_period), commit)
    was_closed = closed_edition_of(state) > 0
    return "correction" if was_closed or posting_period != charge_period else "original"


def may_book(books: Books, posting_period: str, commit: int) -> bool:
    """Was the period neither closed nor sealed at this commit?"""
    state = books.state_at(books.calendar.get(posting_period), commit)
    sealed = isinstance(state, SoftClosed) and state.sealed
    return not sealed and not isinstance(state, Closed | BeforeFirstClose)


def listed(told: Iterable[Told]) -> list[tuple[object, ...]]:
    """Rows of late_event_exceptions."""
    return [
        (
            one.arrival.event_id,
            one.routed.business_date,
            one.routed.period_id,
            one.routed.reason,
            one.routed.lateness_days,
            one.outcome,
            one.posting_period,
        )
        for one in told
        if one.routed.route == "exception"
    ]


def in_window(told: Iterable[Told], *, sales: bool) -> Sums:
    """What each commit booked as it came, by all that routing says of it."""
    return _sums(
        (
            (
                one.arrival.commit_seq,
                *_who(one),
                one.routed.business_date,
                one.routed.period_id,
                one.posting_period,
                one.routed.is_correction,
                one.routed.lateness_days,
            ),
            one,
        )
        for one in told
        if one.is_sale == sales and one.outcome == "in_window"
    )


def period_sales(told: Iterable[Told]) -> Sums:
    return _sums(
        ((one.posting_period, one.routed.period_id, one.charge_class, *_who(one)), one)
        for one in told
        if one.is_sale and one.posting_period is not None
    )


def daily_sales(told: Iterable[Told]) -> Sums:
    return _sums(
        ((*_who(one), one.routed.business_date), one)
        for one in told
        if one.is_sale and one.posting_period is not None
    )


def account_postings(told: Iterable[Told]) -> Sums:
    return _sums(
        ((one.posting_period, one.charge_class, one.currency), one)
        for one in told
        if not one.is_sale and one.posting_period is not None and one.currency != "(none)"
    )


def _who(one: Told) -> Sequence[str]:
    return (one.store_id, one.category) if one.is_sale else (one.account_id, one.store_id)


def _sums(keyed: Iterable[tuple[tuple[object, ...], Told]]) -> Sums:
    """Amount, quantity and events by key."""
    found: Sums = defaultdict(lambda: [Decimal(0)] * 3)
    for key, one in keyed:
        added = (one.amount, one.quantity if one.is_sale else Decimal(0), Decimal(1))
        found[key] = [have + more for have, more in zip(found[key], added, strict=True)]
    return dict(found)
