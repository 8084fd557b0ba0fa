"""Given-When-Then for deciders: what has happened, what is asked, what follows.

Holds `given`. Holds nothing of any one decider. Called by the tests of every decider; how to write
one: docs/testing.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Generic, TypeVar

from ledger.deciding import Decider, Rejection

S = TypeVar("S")
C = TypeVar("C")
E = TypeVar("E")

STREAM = "A1"
"""The stream a scenario is about unless it says otherwise."""


def given(decider: Decider[S, C, E], *events: E, stream_id: str = STREAM) -> Given[S, C, E]:
    """A stream to which this has happened, oldest first. No event: a stream nobody began."""
    return Given(decider, reduce(decider.evolve, events, decider.initial(stream_id)))


@dataclass(frozen=True)
class Given(Generic[S, C, E]):
    """A decider and the state its events led to."""

    decider: Decider[S, C, E]
    state: S

    def when(self, command: C) -> When[S, C, E]:
        """Decide, twice: a rule that looks at anything but its arguments would show."""
        outcome = self.decider.decide(self.state, command)
        assert self.decider.decide(self.state, command) == outcome, "the decider is not pure"
        return When(self, outcome)

    def then_state(self, **parts: object) -> Given[S, C, E]:
        """The state has these attributes."""
        found = {name: getattr(self.state, name) for name in parts}
        assert found == parts, f"expected {parts}, found {found}"
        return self


@dataclass(frozen=True)
class When(Generic[S, C, E]):
    """What the decider answered to a command."""

    before: Given[S, C, E]
    outcome: tuple[E, ...] | Rejection

    def then(self, *events: E) -> Given[S, C, E]:
        """Exactly these events follow. Gives the stream they lead to, to go on from."""
        assert self.outcome == events, f"expected {events}, found {self.outcome}"
        decider = self.before.decider
        return Given(decider, reduce(decider.evolve, events, self.before.state))

    def then_rejected(self, rule: str, *, found: str | None = None) -> Given[S, C, E]:
        """The rule of this name is broken; with `found`, by exactly this. The stream stays."""
        outcome = self.outcome
        assert isinstance(outcome, Rejection), f"expected {rule}, found {outcome}"
        assert outcome.rule == rule, f"expected {rule}, found {outcome}"
        assert found in (None, outcome.found), f"expected {found!r}, found {outcome.found!r}"
        return self.before
