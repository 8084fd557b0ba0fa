"""Where an event goes, by what was known at its own commit: the pure twin of the SQL routing.

Holds `route` and its outcome. Does not look anything up (`ledger.books` does). Called by the choke
point, which lets nobody decide an event that was never an exception, and by tests of the models.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from ledger.business_days import DAY_US, StoreDays
from ledger.periods import (
    BeforeFirstClose,
    Closed,
    PeriodState,
    Reopened,
    SoftClosed,
)
from ledger.policies import LockException, Policy, over_cap

Route = Literal["in_window", "exception"]
Reason = Literal[
    "too_late", "over_amount_cap", "period_soft_closed", "period_closed", "period_reopened"
]


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """What routing reads of an event. Times in microseconds UTC."""

    event_id: str
    row_index: int
    commit_seq: int
    event_time_us: int
    ingest_time_us: int
    source: str
    store_id: str | None
    amount: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Routed:
    """`reason` is set for exceptions, `posting_period` for the rest."""

    route: Route
    reason: Reason | None
    business_date: date
    period_id: str
    posting_period: str | None
    lateness_days: int
    is_correction: bool


def route(
    arrival: Arrival,
    *,
    business_date: date,
    period_id: str,
    days: StoreDays,
    state: PeriodState,
    policy: Policy,
    lock_exceptions: Iterable[LockException],
) -> Routed:
    """Route one event. All but the event are those known at its commit, that commit included."""
    ended_us = days.start_us(date.fromordinal(business_date.toordinal() + 1))
    initial_us = ended_us + policy.initial_grace_us
    late_us = max(arrival.ingest_time_us - initial_us, 0)
    reason = _reason(arrival, state, policy, late_us)
    if reason in ("too_late", "over_amount_cap", "period_soft_closed", "period_reopened"):
        covered = not (isinstance(state, SoftClosed) and state.sealed) and any(
            one.covers(
                period_id=period_id,
                source=arrival.source,
                store_id=arrival.store_id,
                amount=arrival.amount,
                commit_seq=arrival.commit_seq,
                ingest_time_us=arrival.ingest_time_us,
            )
            for one in lock_exceptions
        )
        reason = None if covered else reason
    return Routed(
        route="exception" if reason else "in_window",
        reason=reason,
        business_date=business_date,
        period_id=period_id,
        posting_period=None if reason else period_id,
        lateness_days=-(-late_us // DAY_US),
        is_correction=late_us > 0,
    )


def _reason(arrival: Arrival, state: PeriodState, policy: Policy, late_us: int) -> Reason | None:
    """Why the event must go to people, lock exceptions left aside."""
    match state:
        case Closed() | BeforeFirstClose():
            return "period_closed"
        case Reopened():
            return "period_reopened"
        case SoftClosed() if state.sealed or arrival.source not in policy.soft_close_sources:
            return "period_soft_closed"
    if late_us > policy.max_delay_us:
        return "too_late"
    return "over_amount_cap" if over_cap(arrival.amount, policy.amount_cap) else None
