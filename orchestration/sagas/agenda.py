"""The sagas that have something to do, by when it is due.

Holds `Agenda` and `Planned`. Reads no journal and makes no call. Called by the runner.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ledger.sagas import Action, Saga


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What to do next, and the version of the saga that said so."""

    action: Action
    version: int

    def is_expired(self, now_us: int) -> bool:
        return self.action.deadline_us is not None and now_us >= self.action.deadline_us


@dataclass
class Agenda:
    """Own steps and calls stand in lines of their own, so that full threads hold up no own step."""

    is_own: Callable[[Action], bool]
    waiting: set[str] = field(default_factory=set)
    ended: Counter[str] = field(default_factory=Counter)
    _planned: dict[str, Planned] = field(default_factory=dict)
    _own: list[tuple[int, str]] = field(default_factory=list)
    _calls: list[tuple[int, str]] = field(default_factory=list)

    @property
    def open(self) -> int:
        """How many sagas have something to do."""
        return len(self._planned)

    def put(self, saga: Saga, version: int) -> None:
        """Take note of how a saga stands."""
        self._planned.pop(saga.saga_id, None)
        self.waiting.discard(saga.saga_id)
        action = saga.action
        if action is not None:
            self._planned[saga.saga_id] = Planned(action=action, version=version)
            line = self._own if self.is_own(action) else self._calls
            heapq.heappush(line, (action.due_us, saga.saga_id))
        elif saga.status == "waiting":
            self.waiting.add(saga.saga_id)
        elif saga.ended:
            self.ended[saga.status] += 1

    def next_due_us(self) -> int | None:
        """When the next is due."""
        return min((line[0][0] for line in (self._own, self._calls) if line), default=None)

    def due(self, now_us: int, limit: int, *, own: bool) -> Iterator[Planned]:
        """Take out what is due, at most so many. What a saga planned before it moved on is gone."""
        line = self._own if own else self._calls
        while line and line[0][0] <= now_us and limit > 0:
            due_us, saga_id = heapq.heappop(line)
            planned = self._planned.get(saga_id)
            if planned is None or planned.action.due_us != due_us:
                continue
            if self.is_own(planned.action) is own:
                del self._planned[saga_id]
                limit -= 1
                yield planned
