"""Everything that was booked only because of a lock exception, event by event.

Asks the lake's own segments, never a warehouse: `ledger.routing` says where each event went, and
where it would have gone without the exception. Called by `locks audit`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ledger.books import Books
from ledger.policies import LockException
from ledger.routing import Arrival
from ledger.signs import COUNTS_DOWN
from orchestration.desk.known import Known
from orchestration.desk.tail_events import Row, arrival_of, events_where
from orchestration.home import Home

_FROM_ROW = (
    *("event_id", "event_type", "commit_seq", "row_index", "ingest_time", "source"),
    *("store_id", "account_id", "currency"),
)


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """An event a lock exception let in; `reason`: why it would have gone to people."""

    lock_exception_id: str
    event_id: str
    event_type: str
    commit_seq: int
    row_index: int
    ingest_time: datetime
    business_date: date
    period_id: str
    source: str
    store_id: str | None
    account_id: str | None
    currency: str | None
    booked_amount: Decimal
    reason: str


def audit(home: Home, known: Known, locks: Sequence[LockException]) -> list[Admitted]:
    """Events booked under any of these, in order. One that two covered is named under each."""
    return [one for lock in locks for one in _admitted(home, known, lock)]


def sums(admitted: Sequence[Admitted]) -> list[dict[str, Any]]:
    """Count and amount per lock exception and currency."""
    totals: dict[tuple[str, str], dict[str, Any]] = {}
    for one in admitted:
        key = (one.lock_exception_id, one.currency or "(none)")
        nothing = {"events": 0, "amount": Decimal(0)}
        total = totals.setdefault(key, {"lock_exception_id": key[0], "currency": key[1], **nothing})
        total["events"] += 1
        total["amount"] += one.booked_amount
    return [totals[key] for key in sorted(totals)]


def _admitted(home: Home, known: Known, lock: LockException) -> Iterator[Admitted]:
    books = known.books
    without = replace(books, locks_of_period={})
    last = known.commit_seq if lock.revoked_commit is None else lock.revoked_commit - 1
    found = events_where(
        home, books, _let_in_by(lock, books, without), after=lock.granted_commit - 1, until=last
    )
    for row, routed in found:
        yield Admitted(
            lock_exception_id=lock.lock_exception_id,
            business_date=routed.business_date,
            period_id=routed.period_id,
            booked_amount=_booked(row),
            reason=str(without.route(arrival_of(row)).reason),
            **{name: row[name] for name in _FROM_ROW},
        )


def _let_in_by(lock: LockException, books: Books, without: Books) -> Callable[[Arrival], bool]:
    """Would it have gone to people, had there been no exception, and does this one cover it?

    Amounts over its cap are looked at one by one: a group's largest says nothing of the others.
    """
    uncapped = replace(lock, amount_cap=None)

    def wanted(arrival: Arrival) -> bool:
        probe = arrival.row_index < 0
        routed = without.route(arrival)
        return (
            routed.route == "exception"
            and (uncapped if probe else lock).covers(
                period_id=routed.period_id,
                source=arrival.source,
                store_id=arrival.store_id,
                amount=arrival.amount,
                commit_seq=arrival.commit_seq,
                ingest_time_us=arrival.ingest_time_us,
            )
            and (probe or books.route(arrival).route == "in_window")
        )

    return wanted


def _booked(row: Row) -> Decimal:
    amount: Decimal = row["amount"] or Decimal(0)
    return -amount if row["event_type"] in COUNTS_DOWN else amount
