"""How one more event changes an account. Total: every event that reached the lake is folded.

Holds `evolve`. Holds no rule: what other sources recorded is a fact, whether a command would have
been allowed it or not. Called by the decider.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from ledger.accounts import events as ev
from ledger.accounts.state import NOTHING, Account, Opening


def evolve(state: Account, event: ev.AccountEvent) -> Account:
    """The account after the event. Order does not matter (see `ledger.accounts.state`)."""
    return _FOLDS[type(event)](state, event)


def _deposited(state: Account, event: ev.MoneyEvent) -> Account:
    return _with(state, balances=_moved(state, event, event.amount))


def _withdrawn(state: Account, event: ev.MoneyEvent) -> Account:
    return _with(state, balances=_moved(state, event, -event.amount))


def _reserved(state: Account, event: ev.FundsReserved) -> Account:
    holds = _settled(state.holds, event.hold_id, event.amount)
    return _with(state, balances=_moved(state, event, NOTHING), holds=holds)


def _released(state: Account, event: ev.FundsReleased) -> Account:
    holds = _settled(state.holds, event.hold_id, -event.amount)
    return _with(state, balances=_moved(state, event, NOTHING), holds=holds)


def _captured(state: Account, event: ev.FundsCaptured) -> Account:
    taken = event.amount + event.released
    return _with(
        state,
        balances=_moved(state, event, -event.amount),
        holds=_settled(state.holds, event.hold_id, -taken),
        refundable=_settled(state.refundable, event.hold_id, event.amount),
    )


def _refunded(state: Account, event: ev.FundsRefunded) -> Account:
    return _with(
        state,
        balances=_moved(state, event, event.amount),
        refundable=_settled(state.refundable, event.hold_id, -event.amount),
    )


def _opened(state: Account, event: ev.AccountOpened) -> Account:
    opening = Opening(
        opened_us=event.event_time_us,
        currency=event.currency,
        overdraft_limit=event.overdraft_limit,
    )
    known = state.opening
    return _with(state, opening=opening if known is None else min(known, opening, key=_rank))


def _closed(state: Account, event: ev.AccountClosed) -> Account:
    at, known = event.event_time_us, state.closed_us
    return _with(state, closed_us=at if known is None else min(known, at))


def _with(
    state: Account,
    *,
    opening: Opening | None = None,
    closed_us: int | None = None,
    balances: Mapping[str, Decimal] | None = None,
    holds: Mapping[str, Decimal] | None = None,
    refundable: Mapping[str, Decimal] | None = None,
) -> Account:
    """One event more, and these parts new. Written out, as `dataclasses.replace` takes twice as
    long and a replay of 10,000 events is made of it."""
    return Account(
        account_id=state.account_id,
        opening=state.opening if opening is None else opening,
        closed_us=state.closed_us if closed_us is None else closed_us,
        balances=state.balances if balances is None else balances,
        holds=state.holds if holds is None else holds,
        refundable=state.refundable if refundable is None else refundable,
        event_count=state.event_count + 1,
    )


def _moved(state: Account, event: ev.MoneyEvent, amount: Decimal) -> Mapping[str, Decimal]:
    """A balance of zero stays: it says which currency the account is kept in."""
    known = state.balances
    return {**known, event.currency: known.get(event.currency, NOTHING) + amount}


def _settled(known: Mapping[str, Decimal], hold_id: str, amount: Decimal) -> Mapping[str, Decimal]:
    """What is settled is dropped, so a state grows with what is open and not with its history."""
    after = dict(known)
    total = after.pop(hold_id, NOTHING) + amount
    if total:
        after[hold_id] = total
    return after


def _rank(opening: Opening) -> tuple[int, str, Decimal]:
    return opening.opened_us, opening.currency or "", opening.overdraft_limit


_FOLDS: Final[Mapping[type[ev.AccountEvent], Callable[[Account, Any], Account]]] = {
    ev.AccountOpened: _opened,
    ev.FundsDeposited: _deposited,
    ev.FundsWithdrawn: _withdrawn,
    ev.FundsReserved: _reserved,
    ev.FundsReleased: _released,
    ev.FundsCaptured: _captured,
    ev.FundsRefunded: _refunded,
    ev.InterestAccrued: _deposited,
    ev.CorrectionApplied: _deposited,
    ev.AccountClosed: _closed,
}
