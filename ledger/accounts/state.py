"""What an account's events add up to.

Holds `Account`, its questions and its digest. Every part is a sum, a least or a greatest, so events
give the same account in whatever order they are folded: a past moment is a sum of those known and
valid then, a snapshot plus the rest equals all. Does not fold (`ledger.accounts.evolve`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

from ledger.business_days import DAY_US

NOTHING: Final = Decimal(0)

DIGEST_FORMAT: Final = "account/1"
"""Names this way of folding and the lines of the digest; a snapshot of another name is refused."""
STATE_FORMAT: Final = "account/2"
"""Names this way of folding and the bytes the journal keeps. Whoever changes either gives it a new
number: a state kept under another name is refused and folded anew."""
PLACES: Final = 4
"""Decimals an amount has at most, as in the lake."""
RECENT_DAYS: Final = 62
"""Days of changes kept to look back over when a command is dated back. The books take one 5 days
late unless a policy says more; further back than this, days are not looked at. Each day with events
costs a state 20 bytes, which is written with every command."""

Status = Literal["unopened", "open", "closed"]


@dataclass(frozen=True, kw_only=True)
class Opening:
    """The first of an account's openings counts; there is one unless sources disagree."""

    opened_us: int
    currency: str | None
    overdraft_limit: Decimal


@dataclass(frozen=True, kw_only=True)
class Account:
    """`balances` by currency: more than one only where other sources booked another currency.

    `holds`: what is held back per hold, `refundable`: what was captured and not given back per
    hold; neither has a zero. `event_count` counts the events folded in.

    `recent`, by currency and day since 1970, is how each of the newest days changed what is
    available, in units of 0.0001: as whole numbers it is quick to keep. Commands need it; a past
    state has none, and it is in no digest.
    """

    account_id: str
    opening: Opening | None = None
    closed_us: int | None = None
    balances: Mapping[str, Decimal] = field(default_factory=dict)
    holds: Mapping[str, Decimal] = field(default_factory=dict)
    refundable: Mapping[str, Decimal] = field(default_factory=dict)
    event_count: int = 0
    recent: Mapping[str, Mapping[int, int]] = field(default_factory=dict, compare=False)

    @property
    def status(self) -> Status:
        if self.closed_us is not None:
            return "closed"
        return "unopened" if self.opening is None else "open"

    @property
    def currency(self) -> str | None:
        """That of the opening; if it named none, the one money was booked in, if it is one."""
        if self.opening is not None and self.opening.currency is not None:
            return self.opening.currency
        return next(iter(self.balances)) if len(self.balances) == 1 else None

    @property
    def balance(self) -> Decimal:
        """In the account's currency."""
        return self.balances.get(self.currency or "", NOTHING)

    @property
    def held(self) -> Decimal:
        return sum(self.holds.values(), NOTHING)

    @property
    def available(self) -> Decimal:
        """What may still be withdrawn or held back, the overdraft included."""
        limit = NOTHING if self.opening is None else self.opening.overdraft_limit
        return self.balance - self.held + limit

    def least_available(self, since_us: int) -> tuple[Decimal, int | None]:
        """The least that was available at the end of a day from that of `since_us` on, and that
        day; None for now."""
        changes = self.recent.get(self.currency or "", {})
        left = self.available
        least, on = left, None
        for day in sorted(changes, reverse=True):
            if day <= since_us // DAY_US:
                break
            left -= Decimal(changes[day]).scaleb(-PLACES)
            if left < least:
                least, on = left, day - 1
        return least, on

    @property
    def digest(self) -> str:
        """SHA-256, hex, over the lines of the state. The twin in SQL is the model
        `account_snapshots`; ids are in hex, so no id can look like a line."""
        opening = self.opening
        lines = [DIGEST_FORMAT, f"account {self.account_id.encode().hex()}"]
        if opening is not None:
            limit = f"{opening.overdraft_limit:.4f}"
            lines.append(f"opened {opening.opened_us} {opening.currency or '-'} {limit}")
        if self.closed_us is not None:
            lines.append(f"closed {self.closed_us}")
        for word, amounts in (
            ("balance", self.balances),
            ("hold", self.holds),
            ("refundable", self.refundable),
        ):
            keys = {key.encode().hex(): amount for key, amount in amounts.items()}
            lines += [f"{word} {key} {keys[key]:.4f}" for key in sorted(keys)]
        lines.append(f"events {self.event_count}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
