"""Random histories: what arrives when, and what the figures must then be, event by event.

Holds the Hypothesis strategy, `replay` into a lake, and `Expected`, summed in plain Python from
single bookings. Does not build. Called by the laws.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import polars as pl
from hypothesis import strategies as st

from ingestion.lake import Batch
from ledger.control_events import SETTINGS_SOURCE
from tests.events import batch, rejects
from tests.models.booking_oracle import Booking, Policy, StoreDays, book
from tests.models.event_frames import filled, from_rows
from tests.models.warehouse import MODELS, Warehouse

FIRST_ARRIVAL = datetime(2025, 3, 27, 22, 30, tzinfo=UTC)
"""Days before Europe and weeks after America change their clocks."""

STORES = ("harbour", "station", "(none)", None)
CATEGORIES = ("tea", "(none)", None)
ACCOUNTS = ("anna", "ben", "carla")
PLACES = (
    StoreDays(),
    StoreDays("Asia/Taipei", "04:00"),
    StoreDays("Europe/London"),
    StoreDays("Australia/Lord_Howe", "02:00"),
    StoreDays("Atlantic/Azores"),
)
POLICIES = (Policy(5, 6), Policy(0, 0), Policy(9, 30))
PAUSES = tuple(
    timedelta(microseconds=us)
    for us in (1, 3_600_000_000, 25_200_000_000, 86_400_000_000, 300_000_000_000)
)
LATEST = timedelta(days=14)
BUILDS: tuple[tuple[str, ...], ...] = (
    (),
    MODELS,
    ("+int_sales__deltas",),
    ("+daily_sales",),
    ("+account_balances", "+source_freshness"),
)
"""Nothing, everything, or as far as a build came before it failed."""


@dataclass(frozen=True)
class Sale:
    """A sale or refund that happened `before` its arrival. Amount in ten-thousandths."""

    before: timedelta
    store: str | None
    category: str | None
    refund: bool
    amount: int
    quantity: int


@dataclass(frozen=True)
class Move:
    """A movement of an account that happened `before` its arrival."""

    before: timedelta
    account: str
    kind: str
    amount: int
    store: str | None


@dataclass(frozen=True)
class Arrival:
    """One commit, and the models that are built after it; some builds stop half way."""

    pause: timedelta
    sales: tuple[Sale, ...]
    moves: tuple[Move, ...]
    registered: tuple[str, StoreDays] | None
    policy: Policy | None
    repeats_last: bool
    rejected: int
    build: tuple[str, ...]


History = tuple[Arrival, ...]
T = TypeVar("T")

_before = st.integers(0, int(LATEST / timedelta(minutes=1))).map(lambda n: timedelta(minutes=n))
_amounts = st.integers(0, 10**9)
_sales = st.builds(
    Sale,
    before=_before,
    store=st.sampled_from(STORES),
    category=st.sampled_from(CATEGORIES),
    refund=st.booleans(),
    amount=_amounts,
    quantity=st.integers(-20_000, 50_000),
)
_moves = st.builds(
    Move,
    before=_before,
    account=st.sampled_from(ACCOUNTS),
    kind=st.sampled_from(
        (
            "AccountOpened",
            "FundsDeposited",
            "FundsWithdrawn",
            "InterestAccrued",
            "CorrectionApplied",
            "AccountClosed",
        )
    ),
    amount=st.integers(-(10**9), 10**9),
    store=st.sampled_from(("harbour", None)),
)


def several(one: st.SearchStrategy[T], most: int) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(one, max_size=most).map(tuple)


_arrivals = st.builds(
    Arrival,
    pause=st.sampled_from(PAUSES),
    sales=several(_sales, 8),
    moves=several(_moves, 4),
    registered=st.none()
    | st.tuples(st.sampled_from(("harbour", "station")), st.sampled_from(PLACES)),
    policy=st.none() | st.sampled_from(POLICIES),
    repeats_last=st.booleans(),
    rejected=st.sampled_from((0, 0, 2)),
    build=st.sampled_from(BUILDS),
)
histories: st.SearchStrategy[History] = st.lists(_arrivals, min_size=3, max_size=6).map(tuple)
"""Arrivals in order. Some bring nothing: they make no commit."""


def _sales_of_a_fortnight(first: int) -> tuple[Sale, ...]:
    return tuple(
        Sale(
            before=timedelta(hours=13 * number, minutes=first),
            store=STORES[(first + number) % 4],
            category=CATEGORIES[number % 3],
            refund=number % 5 == 4,
            amount=1_000_000 * number + first,
            quantity=10_000 * number,
        )
        for number in range(24)
    )


def _moves_of_a_fortnight(first: int) -> tuple[Move, ...]:
    kinds = ("AccountOpened", "FundsDeposited", "FundsWithdrawn", "InterestAccrued")
    return tuple(
        Move(
            before=timedelta(hours=29 * number),
            account=ACCOUNTS[number % 3],
            kind=kinds[(first + number) % 4],
            amount=-5_000 + 1_111 * number,
            store="harbour" if number % 2 else None,
        )
        for number in range(11)
    )


RICH_HISTORY: History = tuple(
    Arrival(
        pause=timedelta(hours=7 * number, microseconds=1),
        sales=_sales_of_a_fortnight(number),
        moves=_moves_of_a_fortnight(number),
        registered=("harbour", PLACES[number]) if number % 2 else None,
        policy=POLICIES[2] if number == 3 else None,
        repeats_last=number == 2,
        rejected=number % 3,
        build=BUILDS[(2, 1, 3, 4, 0)[number]],
    )
    for number in range(5)
)
"""All routes, refunds, duplicates, rejects, stores and policies that change."""


@dataclass
class Expected:
    """The figures as sums over single bookings, each made by what its own commit knew."""

    cells: dict[tuple[object, ...], list[Decimal]] = field(
        default_factory=lambda: defaultdict(lambda: [Decimal(0)] * 4)
    )
    balances: dict[tuple[str, str], Decimal] = field(
        default_factory=lambda: defaultdict(lambda: Decimal(0))
    )
    exceptions: list[tuple[object, ...]] = field(default_factory=list)
    places: dict[str, StoreDays] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)

    def learn(self, arrival: Arrival, at: datetime, first_sale: int, first_move: int) -> None:
        if arrival.registered:
            self.places[arrival.registered[0]] = arrival.registered[1]
        self.policy = arrival.policy or self.policy
        for number, sale in enumerate(arrival.sales, first_sale):
            self._sell(sale, self._book(sale.store, sale.before, at), f"till-{number}")
        for number, move in enumerate(arrival.moves, first_move):
            self._move(move, self._book(move.store, move.before, at), f"bank-{number}")

    def _book(self, store: str | None, before: timedelta, at: datetime) -> Booking:
        days = self.places.get(store or "", StoreDays())
        return book(at - before, at, days, self.policy)

    def _sell(self, sale: Sale, booking: Booking, event_id: str) -> None:
        if booking.route == "exception":
            self._set_aside(event_id, booking)
            return
        key = (sale.store or "(none)", sale.category or "(none)", booking.business_date)
        sign = -1 if sale.refund else 1
        amount = scaled(sign * sale.amount)
        cell = self.cells[key]
        late = amount if booking.is_correction else Decimal(0)
        added = (amount, scaled(sign * sale.quantity), Decimal(1), late)
        self.cells[key] = [have + more for have, more in zip(cell, added, strict=True)]

    def _move(self, move: Move, booking: Booking, event_id: str) -> None:
        if booking.route == "exception":
            self._set_aside(event_id, booking)
        elif (amount := recorded_amount(move)) is not None:
            sign = -1 if move.kind == "FundsWithdrawn" else 1
            self.balances[move.account, "EUR"] += sign * amount

    def _set_aside(self, event_id: str, booking: Booking) -> None:
        self.exceptions.append((event_id, booking.business_date, booking.lateness_days))


def scaled(ten_thousandths: int) -> Decimal:
    return Decimal(ten_thousandths).scaleb(-4)


def recorded_amount(move: Move) -> Decimal | None:
    """The amount in the event: never negative for money paid in or out, none for the rest."""
    if move.kind in ("AccountOpened", "AccountClosed"):
        return None
    paid = move.kind in ("FundsDeposited", "FundsWithdrawn")
    return scaled(abs(move.amount) if paid else move.amount)


def replay(history: History, made: Warehouse, expected: Expected) -> Iterator[Arrival]:
    """Commit one arrival after the other; yields each once it is in the lake."""
    at, last = FIRST_ARRIVAL, Batch()
    for arrival in history:
        at += arrival.pause
        given = _batch(arrival, at, made, last.events)
        if given.rows == 0:
            continue
        first_sale = made.lake.next_offset("till", "p0")
        first_move = made.lake.next_offset("bank", "p0")
        result = made.append(given, at)
        assert result.accepted + result.duplicate + result.quarantined == given.rows
        expected.learn(arrival, at, first_sale, first_move)
        last = given
        yield arrival


def _batch(arrival: Arrival, at: datetime, made: Warehouse, last: pl.DataFrame) -> Batch:
    parts = [
        ("till", from_rows(sale_row(sale, at) for sale in arrival.sales)),
        ("bank", from_rows(move_row(move, at) for move in arrival.moves)),
        (SETTINGS_SOURCE, from_rows(_control_rows(arrival, at))),
    ]
    frames = [
        filled(rows, source=source, first_offset=made.lake.next_offset(source, "p0"))
        for source, rows in parts
        if rows.height
    ]
    bad = rejects(made.lake.next_offset("till", "bad"), arrival.rejected, partition="bad")
    again = _sent_again(last, made) if arrival.repeats_last else []
    return batch(*frames, *again, quarantine=bad)


def _sent_again(last: pl.DataFrame, made: Warehouse) -> list[pl.DataFrame]:
    """The same events under new offsets: duplicates, all of them."""
    return [
        rows.with_columns(
            source_partition=pl.lit("again"),
            source_offset=pl.int_range(pl.len()) + made.lake.next_offset(str(source), "again"),
        )
        for (source,), rows in last.group_by("source", maintain_order=True)
    ]


def sale_row(sale: Sale, at: datetime) -> dict[str, object]:
    return {
        "event_type": "SaleRefunded" if sale.refund else "SaleRecorded",
        "event_time": at - sale.before,
        "store_id": sale.store,
        "category": sale.category,
        "channel": "till",
        "currency": "EUR",
        "amount": scaled(sale.amount),
        "quantity": scaled(sale.quantity),
    }


def move_row(move: Move, at: datetime) -> dict[str, object]:
    amount = recorded_amount(move)
    return {
        "event_type": move.kind,
        "event_time": at - move.before,
        "store_id": move.store,
        "account_id": move.account,
        "currency": None if amount is None else "EUR",
        "amount": amount,
    }


def _control_rows(arrival: Arrival, at: datetime) -> Iterator[dict[str, object]]:
    row = {"event_time": at}
    if arrival.registered:
        store, days = arrival.registered
        payload = {"store_id": store, "time_zone": days.time_zone, "day_cut_off": days.day_cut_off}
        yield {
            **row,
            "event_type": "StoreRegistered",
            "store_id": store,
            "payload": json.dumps(payload),
        }
    if arrival.policy:
        policy = arrival.policy
        limits = {
            "max_delay_days": policy.max_delay_days,
            "initial_grace_hours": policy.initial_grace_hours,
        }
        yield {**row, "event_type": "LatenessPolicySet", "payload": json.dumps(limits)}
