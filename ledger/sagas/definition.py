"""What a saga is made of: steps in order, what undoes each, how often each is tried.

Holds `SagaDefinition`, `Step`, `Retry` and the keys of calls. Decides nothing and performs nothing.
Called by each saga (`ledger.payments`), the decider and the runner.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ledger.deciding import Rejection

SECOND_US: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often a call without a clear answer is made, and how long to wait in between."""

    tries: int
    first_wait_us: int = SECOND_US
    longest_wait_us: int = 300 * SECOND_US

    def wait_us(self, attempt: int, *, lot: str) -> int:
        """After the try number `attempt` (from 1): twice as long each time, less a part by lot, so
        that sagas which failed together do not come back together. The same lot, the same wait."""
        longest = min(self.longest_wait_us, self.first_wait_us << min(attempt - 1, 40))
        drawn = int.from_bytes(hashlib.sha256(f"{lot}/{attempt}".encode()).digest()[:4])
        return longest - (longest * drawn >> 33)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call in another's hands, made again with the same key until its answer is clear.

    `undone_by` names the step that takes it back, also when nobody knows whether it was done.
    `else_`: what becomes of the saga when no clear answer came in time.
    """

    name: str
    retry: Retry
    undone_by: "Step | None" = None
    else_: Literal["turn_back", "ask_a_person"] = "turn_back"


def _anything(_details: Mapping[str, str]) -> Rejection | None:
    return None


@dataclass(frozen=True, kw_only=True)
class SagaDefinition:
    """`begun_by` is the type of the event a saga begins with, `details` what that event tells.

    `deadline_us`: so long after its beginning a saga turns back instead of trying once more.
    """

    name: str
    begun_by: str
    details: tuple[str, ...]
    steps: tuple[Step, ...]
    deadline_us: int
    check: Callable[[Mapping[str, str]], Rejection | None] = field(default=_anything)

    def step(self, name: str) -> Step | None:
        """The step or undoing step of this name; None if this definition has none (any more)."""
        undoing = (one.undone_by for one in self.steps if one.undone_by is not None)
        return next((one for one in (*self.steps, *undoing) if one.name == name), None)


def key_of(saga_id: str, step: str, *, key_round: int = 0) -> str:
    """The idempotency key of a call: the same at every try, so that it is done once.

    A clear no may be asked anew on a person's word: that is another call, of the next round.
    """
    again = f"/{key_round}" if key_round else ""
    return f"saga/{saga_id}/{step}{again}"
