"""What can be asked of an account.

Holds the commands, one type each. Holds no rule (`ledger.accounts.rules`) and no default for what
only the caller knows. Called by the command line, the saga, and the decider.
"""

from dataclasses import dataclass
from decimal import Decimal

from ledger.accounts.moments import Moment


@dataclass(frozen=True, kw_only=True)
class AccountCommand:
    """Of the account whose stream it is sent to. `at` is put there by the shell."""

    at: Moment


@dataclass(frozen=True, kw_only=True)
class OpenAccount(AccountCommand):
    """`overdraft_limit`: how far below zero withdrawals and holds may take what is available."""

    currency: str
    overdraft_limit: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class MoneyCommand(AccountCommand):
    """`currency` None: whatever the account is kept in."""

    amount: Decimal
    currency: str | None = None


@dataclass(frozen=True, kw_only=True)
class Deposit(MoneyCommand):
    """Money comes in."""


@dataclass(frozen=True, kw_only=True)
class Withdraw(MoneyCommand):
    """Money goes out."""


@dataclass(frozen=True, kw_only=True)
class Reserve(MoneyCommand):
    """Hold money back under a new id: less is available, the balance stays."""

    hold_id: str


@dataclass(frozen=True, kw_only=True)
class Release(AccountCommand):
    """Let all that is held under the id go."""

    hold_id: str


@dataclass(frozen=True, kw_only=True)
class Capture(MoneyCommand):
    """Pay out of the hold, all or part; the rest is free again. A hold is captured once."""

    hold_id: str


@dataclass(frozen=True, kw_only=True)
class Refund(MoneyCommand):
    """Give back of what was captured, in one or several parts."""

    hold_id: str


@dataclass(frozen=True, kw_only=True)
class ApplyCorrection(MoneyCommand):
    """Put a wrong balance right by a signed amount; may take it below what may be withdrawn."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class CloseAccount(AccountCommand):
    """Nothing moves any more."""
