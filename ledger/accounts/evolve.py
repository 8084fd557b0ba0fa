"""How one more event changes an account. Total: every event that reached the lake is folded.

Holds `evolve`. Holds no rule: what other sources recorded is a fact, whether a command would have
been allowed it or not. Called by the decider.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, TypeAlias

from ledger.accounts import events as ev
from ledger.accounts.state import NOTHING, Account, Opening

_Changes: TypeAlias = dict[str, Any]


def evolve(state: Account, event: ev.AccountEvent) -> Account:
    """The account after the event. Order does not matter (see `ledger.accounts.state`)."""
    changes = _FOLDS[type(event)](state, event)
    return replace(state, event_count=state.event_count + 1, **changes)


def _added_to_balance(state: Account, event: ev.MoneyEvent) -> _Changes:
    return {"balances": _moved(state, event, event.amount)}


def _taken_from_balance(state: Account, event: ev.MoneyEvent) -> _Changes:
    return {"balances": _moved(state, event, -event.amount)}


def _held(state: Account, event: ev.FundsReserved) -> _Changes:
    holds = _settled(state.holds, event.hold_id, event.amount)
    return {"balances": _moved(state, event, NOTHING), "holds": holds}


def _released(state: Account, event: ev.FundsReleased) -> _Changes:
    holds = _settled(state.holds, event.hold_id, -event.amount)
    return {"balances": _moved(state, event, NOTHING), "holds": holds}


def _captured(state: Account, event: ev.FundsCaptured) -> _Changes:
    taken = event.amount + event.released
    return {
        "balances": _moved(state, event, -event.amount),
        "holds": _settled(state.holds, event.hold_id, -taken),
        "refundable": _settled(state.refundable, event.hold_id, event.amount),
    }


def _refunded(state: Account, event: ev.FundsRefunded) -> _Changes:
    return {
        "balances": _moved(state, event, event.amount),
        "refundable": _settled(state.refundable, event.hold_id, -event.amount),
    }


def _opened(state: Account, event: ev.AccountOpened) -> _Changes:
    opening = Opening(
        opened_us=event.event_time_us,
        currency=event.currency,
        overdraft_limit=event.overdraft_limit,
    )
    known = state.opening
    return {"opening": opening if known is None else min(known, opening, key=_rank)}


def _closed(state: Account, event: ev.AccountClosed) -> _Changes:
    at, known = event.event_time_us, state.closed_us
    return {"closed_us": at if known is None else min(known, at)}


def _moved(state: Account, event: ev.MoneyEvent, amount: Decimal) -> Mapping[str, Decimal]:
    """A balance of zero stays: it says which currency the account is kept in."""
    known = state.balances
    return {**known, event.currency: known.get(event.currency, NOTHING) + amount}


def _settled(known: Mapping[str, Decimal], hold_id: str, amount: Decimal) -> Mapping[str, Decimal]:
    """What is settled is dropped, so a state grows with what is open and not with its history."""
    total = known.get(hold_id, NOTHING) + amount
    if total:
        return {**known, hold_id: total}
    return {key: value for key, value in known.items() if key != hold_id}


def _rank(opening: Opening) -> tuple[int, str, Decimal]:
    return opening.opened_us, opening.currency or "", opening.overdraft_limit


_FOLDS: Final[Mapping[type[ev.AccountEvent], Callable[[Account, Any], _Changes]]] = {
    ev.AccountOpened: _opened,
    ev.FundsDeposited: _added_to_balance,
    ev.FundsWithdrawn: _taken_from_balance,
    ev.FundsReserved: _held,
    ev.FundsReleased: _released,
    ev.FundsCaptured: _captured,
    ev.FundsRefunded: _refunded,
    ev.InterestAccrued: _added_to_balance,
    ev.CorrectionApplied: _added_to_balance,
    ev.AccountClosed: _closed,
}
