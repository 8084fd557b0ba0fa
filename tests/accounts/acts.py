"""Short words for accounts in tests: commands and events of account A1, in EUR, at one time.

Holds no test. Called by the tests of accounts.
"""

from decimal import Decimal
from typing import Any, TypeVar

from ledger import accounts
from ledger.accounts import AccountCommand, AccountEvent, Moment

NOW_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""

AT = Moment(now_us=NOW_US, event_time_us=NOW_US, period_id="2026-01", exception=None)

MAKE = TypeVar("MAKE", AccountCommand, AccountEvent)


def D(text: str | int) -> Decimal:
    return Decimal(text)


def opened(**values: Any) -> accounts.AccountOpened:
    return _event(accounts.AccountOpened, {"currency": "EUR"} | values)


def money(kind: type[AccountEvent], amount: str | int, **values: Any) -> Any:
    """An event that moves or holds money."""
    return _event(kind, {"currency": "EUR", "amount": D(amount)} | values)


def deposited(amount: str | int, **values: Any) -> accounts.FundsDeposited:
    found: accounts.FundsDeposited = money(accounts.FundsDeposited, amount, **values)
    return found


def withdrawn(amount: str | int, **values: Any) -> accounts.FundsWithdrawn:
    found: accounts.FundsWithdrawn = money(accounts.FundsWithdrawn, amount, **values)
    return found


def reserved(amount: str | int, hold_id: str = "h1", **values: Any) -> accounts.FundsReserved:
    found: accounts.FundsReserved = money(accounts.FundsReserved, amount, hold_id=hold_id, **values)
    return found


def released(amount: str | int, hold_id: str = "h1") -> accounts.FundsReleased:
    found: accounts.FundsReleased = money(accounts.FundsReleased, amount, hold_id=hold_id)
    return found


def captured(
    amount: str | int, rest: str | int = 0, hold_id: str = "h1", **values: Any
) -> accounts.FundsCaptured:
    found: accounts.FundsCaptured = money(
        accounts.FundsCaptured, amount, hold_id=hold_id, released=D(rest), **values
    )
    return found


def refunded(amount: str | int, hold_id: str = "h1") -> accounts.FundsRefunded:
    found: accounts.FundsRefunded = money(accounts.FundsRefunded, amount, hold_id=hold_id)
    return found


def closed(**values: Any) -> accounts.AccountClosed:
    return _event(accounts.AccountClosed, values)


def ask(kind: type[MAKE], amount: str | int | None = None, **values: Any) -> MAKE:
    """A command; `amount` as text or a whole number."""
    if amount is not None:
        values["amount"] = D(amount)
    return kind(**({"at": AT} | values))


def _event(kind: type[MAKE], values: dict[str, Any]) -> MAKE:
    return kind(**({"account_id": "A1", "event_time_us": NOW_US} | values))
