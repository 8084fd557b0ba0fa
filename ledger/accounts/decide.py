"""The decider of accounts: which events a command causes, if the rules let it.

Holds `AccountDecider` and `ACCOUNTS`, its only value. Holds no rule (`ledger.accounts.rules`).
Called by the journal's handler, the saga's, and tests.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ledger.accounts import commands as co
from ledger.accounts import events as ev
from ledger.accounts import rules
from ledger.accounts.evolve import evolve
from ledger.accounts.state import Account
from ledger.deciding import Rejection


class AccountDecider:
    """The `Decider` of accounts; the stream's id is the account's."""

    def initial(self, stream_id: str) -> Account:
        return Account(account_id=stream_id)

    def decide(
        self, state: Account, command: co.AccountCommand
    ) -> tuple[ev.AccountEvent, ...] | Rejection:
        """The events, or the first broken rule."""
        broken, caused = _DECISIONS[type(command)]
        rejection = next(broken(state, command), None)
        return (caused(state, command),) if rejection is None else rejection

    def evolve(self, state: Account, event: ev.AccountEvent) -> Account:
        return evolve(state, event)


ACCOUNTS: Final = AccountDecider()


def _opened(state: Account, command: co.OpenAccount) -> ev.AccountEvent:
    return ev.AccountOpened(
        account_id=state.account_id,
        event_time_us=command.at.event_time_us,
        currency=command.currency,
        overdraft_limit=command.overdraft_limit,
    )


def _money(state: Account, command: co.MoneyCommand) -> dict[str, Any]:
    return {
        "account_id": state.account_id,
        "event_time_us": command.at.event_time_us,
        "currency": command.currency or state.currency,
        "amount": command.amount,
    }


def _deposited(state: Account, command: co.Deposit) -> ev.AccountEvent:
    return ev.FundsDeposited(**_money(state, command))


def _withdrawn(state: Account, command: co.Withdraw) -> ev.AccountEvent:
    return ev.FundsWithdrawn(**_money(state, command))


def _reserved(state: Account, command: co.Reserve) -> ev.AccountEvent:
    return ev.FundsReserved(**_money(state, command), hold_id=command.hold_id)


def _released(state: Account, command: co.Release) -> ev.AccountEvent:
    assert state.currency is not None  # the rules see to it
    return ev.FundsReleased(
        account_id=state.account_id,
        event_time_us=command.at.event_time_us,
        currency=state.currency,
        amount=state.holds[command.hold_id],
        hold_id=command.hold_id,
    )


def _captured(state: Account, command: co.Capture) -> ev.AccountEvent:
    rest = state.holds[command.hold_id] - command.amount
    return ev.FundsCaptured(**_money(state, command), hold_id=command.hold_id, released=rest)


def _refunded(state: Account, command: co.Refund) -> ev.AccountEvent:
    return ev.FundsRefunded(**_money(state, command), hold_id=command.hold_id)


def _corrected(state: Account, command: co.ApplyCorrection) -> ev.AccountEvent:
    return ev.CorrectionApplied(**_money(state, command), reason=command.reason)


def _closed(state: Account, command: co.CloseAccount) -> ev.AccountEvent:
    return ev.AccountClosed(account_id=state.account_id, event_time_us=command.at.event_time_us)


_Broken = Callable[[Account, Any], Iterator[Rejection]]
_Caused = Callable[[Account, Any], ev.AccountEvent]

_DECISIONS: Final[Mapping[type[co.AccountCommand], tuple[_Broken, _Caused]]] = {
    co.OpenAccount: (rules.open_account, _opened),
    co.Deposit: (rules.deposit, _deposited),
    co.Withdraw: (rules.withdraw, _withdrawn),
    co.Reserve: (rules.reserve, _reserved),
    co.Release: (rules.release, _released),
    co.Capture: (rules.capture, _captured),
    co.Refund: (rules.refund, _refunded),
    co.ApplyCorrection: (rules.correct, _corrected),
    co.CloseAccount: (rules.close, _closed),
}
