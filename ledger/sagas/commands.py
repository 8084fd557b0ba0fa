"""What can be told to a saga: begin, an answer, that time has passed, what a person decided.

Holds the commands and the three kinds of answer. Holds no rule. Called by the runner, the command
line and the decider.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, kw_only=True)
class Succeeded:
    """It is done. `reference`: what the other side calls it."""

    reference: str = ""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """It is not done and will not be, whatever is asked under this key."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """No clear answer: it may have been done, it may still be done."""

    reason: str


Result: TypeAlias = Succeeded | Refused | Unknown


@dataclass(frozen=True, kw_only=True)
class SagaCommand:
    """`at_us` is now, microseconds UTC, put there by the shell."""

    at_us: int


@dataclass(frozen=True, kw_only=True)
class Begin(SagaCommand):
    """Begin a saga of this kind."""

    saga: str
    details: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Report(SagaCommand):
    """What became of the try number `attempt` of a step."""

    step: str
    attempt: int
    result: Result


@dataclass(frozen=True, kw_only=True)
class Expire(SagaCommand):
    """The deadline has passed and nothing is under way."""


@dataclass(frozen=True, kw_only=True)
class Intervene(SagaCommand):
    """A person decides on a saga that waits for one: try the step again, turn back, or take note
    that it was put right by hand."""

    decision: Literal["retry", "turn_back", "settled"]
    by: str
    why: str
