"""Rates: what a balance earns a year, by tier, and from which day on.

Holds `Tier`, `RateChange` and which change is in force on a day. Does not hold which algorithm
reads them how. Called by `ledger.interest.algorithms` and `ledger.interest.accrual`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from ledger.errors import IncorrectInput


@dataclass(frozen=True)
class Tier:
    """From this balance on (in units of the currency), this many percent a year."""

    balance: Decimal
    percent: Decimal


@dataclass(frozen=True, kw_only=True)
class RateChange:
    """Rates of the days from `first_date` on, until the next change.

    `tiers` start at 0. A balance below 0 is charged `overdraft_percent`.
    """

    first_date: date
    tiers: tuple[Tier, ...]
    overdraft_percent: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        starts = [one.balance for one in self.tiers]
        if not starts or starts[0] != 0 or any(low >= high for low, high in pairwise(starts)):
            raise IncorrectInput(
                "tiers_must_rise_from_zero",
                thing=f"rates from {self.first_date}",
                expected="tiers whose balances start at 0 and rise",
                found=", ".join(map(str, starts)) or "no tier",
            )


def in_force(changes: Sequence[RateChange], day: date) -> RateChange | None:
    """The newest change that begins on or before the day; None before the first."""
    begun = [one for one in changes if one.first_date <= day]
    return max(begun, key=lambda one: one.first_date, default=None)
