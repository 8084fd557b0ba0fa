"""Who performs the steps of one kind of saga.

Holds `Hands`. Performs nothing. Called by the runner; made by each kind (`orchestration.payments`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.sagas import Action, Result


@dataclass(frozen=True, kw_only=True)
class Hands:
    """`calls`: steps in others' hands, each called in a thread of its own; a call returns within
    bounded time. `own`: steps in our journal, performed many at once. `perform` answers them in the
    order given. All may be performed again with the same key, and are done once."""

    calls: Mapping[str, Callable[[Action], Result]] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    perform: Callable[[Sequence[Action]], Sequence[Result]] = lambda _actions: ()
