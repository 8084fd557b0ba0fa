"""What a saga's events add up to, and what is to be done next.

Holds `Saga` and `Action`. Does not fold (`evolve`) or decide. Called by both, the runner and the
command line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ledger.sagas.definition import key_of

STATE_FORMAT: Final = "saga/1"
"""Names this way of folding and its bytes; whoever changes either gives it a new number."""

Status = Literal["unknown", "running", "undoing", "waiting", "completed", "compensated", "settled"]
"""`unknown`: nobody began it. `waiting`: for a person. The last three are ends."""

ENDS: Final = ("completed", "compensated", "settled")


@dataclass(frozen=True, kw_only=True)
class Action:
    """The call to make next, not before `due_us`. From `deadline_us` on it is not made any more:
    the saga expires. None: it must be made, however late."""

    saga_id: str
    saga: str
    step: str
    attempt: int
    key: str
    due_us: int
    deadline_us: int | None
    details: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Saga:
    """`pending`: steps still to do, the first of them next. `done` and `unsure`: steps forward that
    were done, or that nobody can tell of. `undoing`: it has turned back. `allowed_us`: how long it
    had until its deadline, and has again after a person said to go on."""

    saga_id: str
    saga: str = ""
    status: Status = "unknown"
    details: Mapping[str, str] = field(default_factory=dict)
    pending: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    undoing: bool = False
    attempt: int = 1
    key_round: int = 0
    due_us: int = 0
    begun_us: int = 0
    deadline_us: int = 0
    allowed_us: int = 0
    problem: str = ""
    refused: bool = False

    @property
    def ended(self) -> bool:
        return self.status in ENDS

    @property
    def action(self) -> Action | None:
        """What to call next; None when it has ended, or waits for a person."""
        if self.status not in ("running", "undoing") or not self.pending:
            return None
        step = self.pending[0]
        return Action(
            saga_id=self.saga_id,
            saga=self.saga,
            step=step,
            attempt=self.attempt,
            key=key_of(self.saga_id, step, key_round=self.key_round),
            due_us=self.due_us,
            deadline_us=None if self.undoing else self.deadline_us,
            details=self.details,
        )
