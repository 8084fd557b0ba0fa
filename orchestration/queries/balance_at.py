"""The balance of an account at an instant, as the lake knew it at another.

Holds the form of the answer, which has the keys of `asof.BalanceAsOf`; `accounts.past` finds the
state. Called by `ledgerlake asof balance`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from ledger.accounts import Account
from ledger.currency import as_written
from ledger.instants import to_us
from orchestration.accounts.past import Past
from orchestration.home import Home


@dataclass(frozen=True, kw_only=True)
class BalanceAt:
    """An account's balances with what had happened by `valid_as_of` and the lake knew at
    `known_as_of`, both included: one row per currency, none if it knew no event.

    `commit_seq` is the newest commit known then, -1 before the first. `event_count` counts all
    events of the account, as `account show` does; rows have none of their own. The lake answers, so
    `edition` is None. `snapshots_refused` names the rule that left snapshots aside, if any.
    """

    edition: None = field(default=None, init=False)
    account: str
    valid_as_of: datetime
    valid_as_of_is: Literal["instant"] = field(default="instant", init=False)
    known_as_of: datetime
    commit_seq: int
    event_count: int
    snapshots_refused: str | None
    balances: list[dict[str, Any]]


def balance_at(
    home: Home, *, account: str, valid_as_of: datetime, known_as_of: datetime
) -> BalanceAt:
    """The balances of an account at an instant. IncorrectInput if there is no lake."""
    past = Past(home)
    found = past.state_at(account, valid_us=to_us(valid_as_of), known_us=to_us(known_as_of))
    return BalanceAt(
        account=account,
        valid_as_of=valid_as_of,
        known_as_of=known_as_of,
        commit_seq=found.commit,
        event_count=found.account.event_count,
        snapshots_refused=past.refused.rule if past.refused else None,
        balances=_rows(found.account),
    )


def _rows(state: Account) -> list[dict[str, Any]]:
    """An account in which nothing moved yet has its own currency's zero."""
    own = {} if state.currency is None else {state.currency: state.balance}
    return [_row(state, code, amount) for code, amount in sorted({**own, **state.balances}.items())]


def _row(state: Account, currency: str, balance: Decimal) -> dict[str, Any]:
    """The columns of `account_balance_as_of`; a state does not keep those that are None."""
    return {
        "account_id": state.account_id,
        "currency": currency,
        "balance": as_written(balance, currency),
        "event_count": None,
        "last_business_date": None,
        "known_from": None,
    }
