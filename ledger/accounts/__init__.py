"""Accounts: money in, money out, money held back. What may happen, and what it adds up to.

Holds commands, events, the state they add up to, the rules by name, and `ACCOUNTS`, the decider.
Holds no files, no clock, no SQL. Called by the account commands of the command line, the payment
saga, and the codec that stores accounts in the journal.
"""

from ledger.accounts.commands import (
    AccountCommand,
    ApplyCorrection,
    Capture,
    CloseAccount,
    Deposit,
    OpenAccount,
    Refund,
    Release,
    Reserve,
    Withdraw,
)
from ledger.accounts.decide import ACCOUNTS, AccountDecider
from ledger.accounts.events import (
    EVENTS,
    AccountClosed,
    AccountEvent,
    AccountOpened,
    CorrectionApplied,
    FundsCaptured,
    FundsDeposited,
    FundsRefunded,
    FundsReleased,
    FundsReserved,
    FundsWithdrawn,
    InterestAccrued,
)
from ledger.accounts.evolve import SIGNS, Moved, fold
from ledger.accounts.moments import Moment, moment_of
from ledger.accounts.state import Account

__all__ = [
    "ACCOUNTS",
    "EVENTS",
    "SIGNS",
    "Account",
    "AccountClosed",
    "AccountCommand",
    "AccountDecider",
    "AccountEvent",
    "AccountOpened",
    "ApplyCorrection",
    "Capture",
    "CloseAccount",
    "CorrectionApplied",
    "Deposit",
    "FundsCaptured",
    "FundsDeposited",
    "FundsRefunded",
    "FundsReleased",
    "FundsReserved",
    "FundsWithdrawn",
    "InterestAccrued",
    "Moment",
    "Moved",
    "OpenAccount",
    "Refund",
    "Release",
    "Reserve",
    "Withdraw",
    "fold",
    "moment_of",
]
