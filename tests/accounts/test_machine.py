"""Commands in any order: the decider allows exactly what a plain dictionary model allows."""

from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ledger.accounts import (
    ACCOUNTS,
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
from ledger.deciding import Rejection
from tests.accounts.acts import ask

CENTS = st.integers(-1, 12)
HOLD = st.sampled_from(("h1", "h2", "h3"))


class Accounts(RuleBasedStateMachine):
    """The model counts cents: `holds` and `paid` per hold id; None for an account not there."""

    def __init__(self) -> None:
        super().__init__()
        self.state = ACCOUNTS.initial("A1")
        self.phase, self.limit, self.cents, self.events = "unopened", 0, 0, 0
        self.holds: dict[str, int] = {}
        self.paid: dict[str, int] = {}

    def send(self, kind: Any, allowed: bool, cents: int | None = None, **values: Any) -> bool:
        """Whether it was allowed, which must be what the model says."""
        if cents is not None:
            values["amount"] = Decimal(cents) / 100
        command: AccountCommand = ask(kind, **values)
        outcome = ACCOUNTS.decide(self.state, command)
        assert isinstance(outcome, tuple) == allowed, outcome
        if isinstance(outcome, Rejection):
            return False
        for event in outcome:
            self.state = ACCOUNTS.evolve(self.state, event)
            self.events += 1
        return True

    @property
    def available(self) -> int:
        return self.cents - sum(self.holds.values()) + self.limit

    @property
    def is_open(self) -> bool:
        return self.phase == "open"

    @rule(limit=st.integers(-1, 5))
    def open(self, limit: int) -> None:
        allowed = self.phase == "unopened" and limit >= 0
        if self.send(OpenAccount, allowed, currency="EUR", overdraft_limit=Decimal(limit) / 100):
            self.phase, self.limit = "open", limit

    @rule(cents=CENTS)
    def deposit(self, cents: int) -> None:
        if self.send(Deposit, self.is_open and cents > 0, cents):
            self.cents += cents

    @rule(cents=CENTS)
    def withdraw(self, cents: int) -> None:
        if self.send(Withdraw, self.is_open and 0 < cents <= self.available, cents):
            self.cents -= cents

    @rule(cents=CENTS, hold=HOLD)
    def reserve(self, cents: int, hold: str) -> None:
        new = hold not in self.holds and hold not in self.paid
        if self.send(
            Reserve, self.is_open and new and 0 < cents <= self.available, cents, hold_id=hold
        ):
            self.holds[hold] = cents

    @rule(hold=HOLD)
    def release(self, hold: str) -> None:
        if self.send(Release, self.is_open and hold in self.holds, hold_id=hold):
            del self.holds[hold]

    @rule(cents=CENTS, hold=HOLD)
    def capture(self, cents: int, hold: str) -> None:
        allowed = self.is_open and 0 < cents <= self.holds.get(hold, 0)
        if self.send(Capture, allowed, cents, hold_id=hold):
            del self.holds[hold]
            self.cents -= cents
            self.paid[hold] = cents

    @rule(cents=CENTS, hold=HOLD)
    def refund(self, cents: int, hold: str) -> None:
        allowed = self.is_open and 0 < cents <= self.paid.get(hold, 0)
        if self.send(Refund, allowed, cents, hold_id=hold):
            self.cents += cents
            self.paid[hold] -= cents
            if not self.paid[hold]:
                del self.paid[hold]

    @rule(cents=CENTS)
    def correct(self, cents: int) -> None:
        if self.send(ApplyCorrection, self.is_open and cents != 0, cents, reason="r"):
            self.cents += cents

    @rule()
    def close(self) -> None:
        if self.send(CloseAccount, self.is_open and not self.holds and not self.cents):
            self.phase = "closed"

    @invariant()
    def same(self) -> None:
        state = self.state
        found = (state.status, state.balance * 100, state.available * 100, state.event_count)
        assert found == (self.phase, self.cents, self.available, self.events)
        assert {key: value * 100 for key, value in state.holds.items()} == self.holds
        assert {key: value * 100 for key, value in state.refundable.items()} == self.paid


TestAccounts = Accounts.TestCase
TestAccounts.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
