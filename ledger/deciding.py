"""How rules are written down: a decider, and the rejection a broken rule gives.

Holds the `Decider` protocol, `Rejection` and `no`. Holds no rule and knows no stream. Called by
every kind of stream (`ledger.accounts`), the rules of the books, and whoever runs commands.
"""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from ledger.errors import IncorrectInput

S = TypeVar("S")
C_contra = TypeVar("C_contra", contravariant=True)
E = TypeVar("E")


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """A broken rule, named, and what would have been right."""

    rule: str
    thing: str
    expected: str
    found: str
    remedy: str = ""

    def error(self) -> IncorrectInput:
        return IncorrectInput(
            self.rule,
            thing=self.thing,
            expected=self.expected,
            found=self.found,
            remedy=self.remedy,
        )


def no(rule: str, thing: str, expected: str, found: str, remedy: str = "") -> Rejection:
    """A rejection, short to write down."""
    return Rejection(rule=rule, thing=thing, expected=expected, found=found, remedy=remedy)


class Decider(Protocol[S, C_contra, E]):
    """The rules of one kind of stream: pure, so one command on one state gives the same events.

    What a command must know of the world (the time, the locks of the books) is in the command.
    `evolve` takes every event there is, also those that came by other ways than a command.
    """

    def initial(self, stream_id: str) -> S: ...

    def decide(self, state: S, command: C_contra) -> tuple[E, ...] | Rejection: ...

    def evolve(self, state: S, event: E) -> S: ...
