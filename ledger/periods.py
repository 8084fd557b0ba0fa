"""The states of an accounting period: a sealed union, so that no impossible state has a form.

Holds the states and which events lead to them. Does not hold rules about who may cause one
(`ledger.rules.periods`). Called by `ledger.books` and everyone who asks whether a period is locked.
"""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True)
class Open:
    """Books what is inside its window."""


@dataclass(frozen=True, kw_only=True)
class SoftClosed:
    """Named sources may still book; `sealed`: nobody, a close is under way.

    `cut_off_commit` is the commit that made it so. `closed_edition` counts earlier closes.
    """

    cut_off_commit: int
    sealed: bool
    reason: str
    closed_edition: int


@dataclass(frozen=True, kw_only=True)
class Closed:
    """Nothing books. `closed_edition` 1 is the first close."""

    cut_off_commit: int
    certificate_sha256: str
    closed_edition: int
    published_edition: int


@dataclass(frozen=True, kw_only=True)
class Reopened:
    """Takes approved restatements only, until it is closed again as the next edition."""

    reason: str
    requester: str
    approver: str
    closed_edition: int


@dataclass(frozen=True, kw_only=True)
class BeforeFirstClose:
    """Lies before the first period ever closed: locked with it, as its opening would move."""


PeriodState: TypeAlias = Open | SoftClosed | Closed | Reopened | BeforeFirstClose

OPEN = Open()
BEFORE_FIRST_CLOSE = BeforeFirstClose()


def name_of(state: PeriodState) -> str:
    """Open, SoftClosed, Closed or Reopened: the four names readers see."""
    return "Closed" if isinstance(state, BeforeFirstClose) else type(state).__name__


def closed_edition_of(state: PeriodState) -> int:
    """How often the period has been closed so far."""
    return 0 if isinstance(state, Open | BeforeFirstClose) else state.closed_edition
