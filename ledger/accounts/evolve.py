"""How events change an account. Total: every event that reached the lake is folded.

Holds `evolve`, for one event, and `fold`, for many at once. Holds no rule: what other sources
recorded is a fact, whether a command would have been allowed it or not. Called by the decider, and
by whoever asks for a past state.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ledger.accounts import events as ev
from ledger.accounts.state import NOTHING, PLACES, RECENT_DAYS, Account, Opening
from ledger.business_days import DAY_US

SIGNS: Final[Mapping[type[ev.MoneyEvent], int]] = {
    ev.FundsDeposited: 1,
    ev.FundsWithdrawn: -1,
    ev.InterestAccrued: 1,
    ev.CorrectionApplied: 1,
}
"""The events that move the balance and nothing else, and in which direction."""


@dataclass(frozen=True, kw_only=True)
class Moved:
    """`events` events of one type in `SIGNS`, whose amounts add up to `amount`."""

    kind: type[ev.MoneyEvent]
    currency: str
    amount: Decimal
    events: int


def evolve(state: Account, event: ev.AccountEvent) -> Account:
    """The account after the event. Order does not matter (see `ledger.accounts.state`)."""
    return fold(state, (event,))


def fold(state: Account, events: Iterable[ev.AccountEvent], moved: Iterable[Moved] = ()) -> Account:
    """The account after all of them: as `evolve` one by one, without an account for each. What is
    in `moved` is in no recent day."""
    parts = _Parts(
        opening=state.opening,
        closed_us=state.closed_us,
        balances=dict(state.balances),
        holds=dict(state.holds),
        refundable=dict(state.refundable),
        event_count=state.event_count,
        recent={currency: dict(days) for currency, days in state.recent.items()},
    )
    for event in events:
        _TAKEN[type(event)](parts, event)
        parts.event_count += 1
    parts.recent = {currency: _newest(days) for currency, days in parts.recent.items()}
    for one in moved:
        parts.move(one.currency, SIGNS[one.kind] * one.amount)
        parts.event_count += one.events
    return Account(account_id=state.account_id, **vars(parts))


@dataclass(kw_only=True)
class _Parts:
    """An account while events are folded into it."""

    opening: Opening | None
    closed_us: int | None
    balances: dict[str, Decimal]
    holds: dict[str, Decimal]
    refundable: dict[str, Decimal]
    event_count: int
    recent: dict[str, dict[int, int]]

    def change(self, event: ev.MoneyEvent, available: Decimal) -> None:
        """A day without a change in sum stays: it says which days are the newest."""
        days = self.recent.setdefault(event.currency, {})
        day = event.event_time_us // DAY_US
        days[day] = days.get(day, 0) + int(available.scaleb(PLACES))

    def move(self, currency: str, amount: Decimal) -> None:
        """A balance of zero stays: it says which currency the account is kept in."""
        self.balances[currency] = self.balances.get(currency, NOTHING) + amount


def _moved(parts: _Parts, event: ev.MoneyEvent) -> None:
    amount = SIGNS[type(event)] * event.amount
    parts.move(event.currency, amount)
    parts.change(event, amount)


def _reserved(parts: _Parts, event: ev.FundsReserved) -> None:
    parts.move(event.currency, NOTHING)
    _settle(parts.holds, event.hold_id, event.amount)
    parts.change(event, -event.amount)


def _released(parts: _Parts, event: ev.FundsReleased) -> None:
    parts.move(event.currency, NOTHING)
    _settle(parts.holds, event.hold_id, -event.amount)
    parts.change(event, event.amount)


def _captured(parts: _Parts, event: ev.FundsCaptured) -> None:
    parts.move(event.currency, -event.amount)
    _settle(parts.holds, event.hold_id, -event.amount - event.released)
    _settle(parts.refundable, event.hold_id, event.amount)
    parts.change(event, event.released)


def _refunded(parts: _Parts, event: ev.FundsRefunded) -> None:
    parts.move(event.currency, event.amount)
    _settle(parts.refundable, event.hold_id, -event.amount)
    parts.change(event, event.amount)


def _opened(parts: _Parts, event: ev.AccountOpened) -> None:
    opening = Opening(
        opened_us=event.event_time_us,
        currency=event.currency,
        overdraft_limit=event.overdraft_limit,
    )
    known = parts.opening
    parts.opening = opening if known is None else min(known, opening, key=_rank)


def _closed(parts: _Parts, event: ev.AccountClosed) -> None:
    at, known = event.event_time_us, parts.closed_us
    parts.closed_us = at if known is None else min(known, at)


def _settle(amounts: dict[str, Decimal], hold_id: str, amount: Decimal) -> None:
    """What is settled is dropped, so a state grows with what is open and not with its history."""
    total = amounts.pop(hold_id, NOTHING) + amount
    if total:
        amounts[hold_id] = total


def _newest(days: Mapping[int, int]) -> dict[int, int]:
    """In whatever order events come, those left are whole: a day once too old stays so."""
    after = max(days) - RECENT_DAYS
    return {day: change for day, change in days.items() if day > after}


def _rank(opening: Opening) -> tuple[int, str, Decimal]:
    return opening.opened_us, opening.currency or "", opening.overdraft_limit


_TAKEN: Final[Mapping[type[ev.AccountEvent], Callable[[_Parts, Any], None]]] = {
    ev.AccountOpened: _opened,
    ev.FundsReserved: _reserved,
    ev.FundsReleased: _released,
    ev.FundsCaptured: _captured,
    ev.FundsRefunded: _refunded,
    ev.AccountClosed: _closed,
    **dict.fromkeys(SIGNS, _moved),
}
