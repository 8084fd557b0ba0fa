"""Lateness policies and lock exceptions: who may still book what, and until when.

Holds both records and the choice of the policy that applies. Does not route (`ledger.routing`).
Called by `ledger.books` and routing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ledger.business_days import DAY_US, HOUR_US


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How long figures may move; None in `source`, `period_id`, `effective_from` means all."""

    max_delay_days: int = 5
    initial_grace_hours: int = 6
    source: str | None = None
    period_id: str | None = None
    effective_from: date | None = None
    soft_close_sources: tuple[str, ...] = ()
    amount_cap: Decimal | None = None
    commit_seq: int = -1

    @property
    def initial_grace_us(self) -> int:
        return self.initial_grace_hours * HOUR_US

    @property
    def max_delay_us(self) -> int:
        return self.max_delay_days * DAY_US

    def covers(self, source: str, business_date: date, period_id: str) -> bool:
        return (
            self.source in (None, source)
            and self.period_id in (None, period_id)
            and (self.effective_from is None or self.effective_from <= business_date)
        )


PROPOSED = Policy()
"""In force while a lake has none: what `ledgerlake init` proposes."""


def choose(known: Iterable[Policy], *, source: str, business_date: date, period_id: str) -> Policy:
    """The policy for an event: of `known` (in order of recording), the most specific scope, then
    the latest `effective_from`, then the latest recorded."""
    best, best_rank = PROPOSED, (-1, date.min)
    for one in known:
        if one.covers(source, business_date, period_id):
            specific = 2 * (one.source is not None) + (one.period_id is not None)
            rank = (specific, one.effective_from or date.min)
            if rank >= best_rank:
                best, best_rank = one, rank
    return best


@dataclass(frozen=True, kw_only=True)
class LockException:
    """An approved hole in a lock: period x source x store x amount cap, until it expires.

    `granted_commit` and `revoked_commit` say when it was known; None in a scope means any.
    """

    lock_exception_id: str
    period_id: str
    source: str | None
    store_id: str | None
    amount_cap: Decimal | None
    expires_at_us: int
    reason: str
    request_id: str
    granted_commit: int
    revoked_commit: int | None = None
    revoked_by: str | None = None

    def covers(
        self,
        *,
        period_id: str,
        source: str,
        store_id: str | None,
        amount: Decimal | None,
        commit_seq: int,
        ingest_time_us: int,
    ) -> bool:
        """Did it let an event of this commit in? Half-open: not at `expires_at_us` itself."""
        in_force = self.granted_commit <= commit_seq and (
            self.revoked_commit is None or commit_seq < self.revoked_commit
        )
        return (
            in_force
            and ingest_time_us < self.expires_at_us
            and self.period_id == period_id
            and self.source in (None, source)
            and self.store_id in (None, store_id)
            and not over_cap(amount, self.amount_cap)
        )


def over_cap(amount: Decimal | None, cap: Decimal | None) -> bool:
    """An event without an amount is over no cap."""
    return amount is not None and cap is not None and abs(amount) > cap
