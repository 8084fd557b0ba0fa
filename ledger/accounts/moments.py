"""When a command is meant to take effect, and whether the books would still take it there.

Holds `Moment` and how the books give one. Holds no clock: the caller says what time it is.
Called by whoever makes a command, and by the rules of time.
"""

from dataclasses import dataclass
from decimal import Decimal

from ledger import origins
from ledger.books import Books
from ledger.routing import Arrival, Reason

SOURCE = origins.JOURNAL
"""Source under which commands reach the lake; policies and lock exceptions name it."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """`event_time_us` is when it happened, `now_us` when it is told: equal, or earlier if
    back-dated. `exception` says why the books would hand it to people; None: they would book it.
    Times in microseconds UTC."""

    now_us: int
    event_time_us: int
    period_id: str
    exception: Reason | None


def moment_of(
    books: Books, *, now_us: int, event_time_us: int, amount: Decimal | None = None
) -> Moment:
    """The moment of a command of this amount, by the periods, policies and locks of the books."""
    routed = books.route(
        Arrival(
            event_id="",
            row_index=-1,
            commit_seq=books.commit_seq,
            event_time_us=event_time_us,
            ingest_time_us=now_us,
            source=SOURCE,
            store_id=None,
            amount=amount,
        )
    )
    return Moment(
        now_us=now_us,
        event_time_us=event_time_us,
        period_id=routed.period_id,
        exception=routed.reason,
    )
