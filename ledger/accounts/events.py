"""What happened to an account.

Holds the events, one type each, named like their contracts. Holds no bytes: the codec of the
journal writes and reads them. Called by the decider, and by whoever folds accounts.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, kw_only=True)
class AccountEvent:
    """`event_time_us` is when it happened, microseconds UTC."""

    account_id: str
    event_time_us: int


@dataclass(frozen=True, kw_only=True)
class AccountOpened(AccountEvent):
    """`currency` None: whoever opened it elsewhere did not say."""

    currency: str | None
    overdraft_limit: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class MoneyEvent(AccountEvent):
    """`amount` in units of the currency, at most 4 decimals."""

    currency: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class FundsDeposited(MoneyEvent):
    pass


@dataclass(frozen=True, kw_only=True)
class FundsWithdrawn(MoneyEvent):
    pass


@dataclass(frozen=True, kw_only=True)
class FundsReserved(MoneyEvent):
    """Lowers what is available, not the balance."""

    hold_id: str


@dataclass(frozen=True, kw_only=True)
class FundsReleased(MoneyEvent):
    hold_id: str


@dataclass(frozen=True, kw_only=True)
class FundsCaptured(MoneyEvent):
    """Lowers the balance. `released` is what else had been held: free again."""

    hold_id: str
    released: Decimal


@dataclass(frozen=True, kw_only=True)
class FundsRefunded(MoneyEvent):
    hold_id: str


@dataclass(frozen=True, kw_only=True)
class InterestAccrued(MoneyEvent):
    """Signed: earned or charged."""


@dataclass(frozen=True, kw_only=True)
class CorrectionApplied(MoneyEvent):
    """Signed. `reason` is empty where another source gave none."""

    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class AccountClosed(AccountEvent):
    pass


EVENTS: Final[tuple[type[AccountEvent], ...]] = (
    *(AccountOpened, FundsDeposited, FundsWithdrawn, FundsReserved, FundsReleased),
    *(FundsCaptured, FundsRefunded, InterestAccrued, CorrectionApplied, AccountClosed),
)
"""Every type there is."""
