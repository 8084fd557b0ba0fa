"""Interest algorithms, declared in one place: what they are made of, what they get wrong.

Holds `Algorithm` and the register. An algorithm whose figures were posted is never changed: what is
wrong with it is put right by the next one and a replay. Called by accruals and replays; how to add
one: docs/interest.md.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal

from ledger.currency import MINOR_DIGITS
from ledger.errors import IncorrectInput
from ledger.interest import day_count
from ledger.interest.rates import RateChange, Tier
from ledger.interest.rounding import Rounding

Rates = Mapping[str, tuple[RateChange, ...]]
"""By currency; a balance in another one earns nothing."""

FEWEST_ACCRUAL_DIGITS, MOST_ACCRUAL_DIGITS = 4, 10
"""The lake's amounts have 4. With 10, the largest amount it can hold times a day's rate still fits
the 128 bits that SQL computes in."""


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """All that decides what a balance earns.

    `rate_read`: the rate of each day, or that of the period's first day for all of it.
    `tiering`: the whole balance earns the rate of its tier (Regulation DD, method A), or each part
    of it the rate of the tier it lies in (method B). `compounding`: what earlier days of the period
    earned earns too, or only once it is posted. `daily_rounding` keeps `accrual_digits` decimals of
    each day's interest; `rounding` makes the period's sum an amount of the currency.
    """

    name: str
    says: str
    day_count: str
    rates: Rates
    rate_read: Literal["of_each_day", "of_the_first_day"] = "of_each_day"
    tiering: Literal["whole_balance", "each_part"] = "whole_balance"
    compounding: Literal["when_posted", "daily"] = "when_posted"
    accrual_digits: int = 8
    daily_rounding: Rounding = "half_even"
    rounding: Rounding = "half_even"

    def __post_init__(self) -> None:
        day_count.named(self.day_count)
        if not FEWEST_ACCRUAL_DIGITS <= self.accrual_digits <= MOST_ACCRUAL_DIGITS:
            raise IncorrectInput(
                "accrual_digits_must_fit",
                thing=f"algorithm {self.name}",
                expected=f"{FEWEST_ACCRUAL_DIGITS} to {MOST_ACCRUAL_DIGITS}",
                found=str(self.accrual_digits),
            )
        for currency in self.rates:
            if MINOR_DIGITS.get(currency) is None:
                raise IncorrectInput(
                    "currency_must_have_a_minor_unit",
                    thing=f"algorithm {self.name}",
                    expected="rates of currencies whose amounts can be rounded",
                    found=currency,
                )

    @property
    def sha256(self) -> str:
        """Of all that decides a figure: what a plan and a posted amount are bound to."""
        said = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "says"}
        said["rates"] = sorted(self.rates.items())
        return hashlib.sha256(repr(sorted(said.items())).encode()).hexdigest()


ASPECTS: Final = (
    *("day_count", "rates", "rate_read", "tiering", "compounding"),
    *("accrual_digits", "daily_rounding", "rounding"),
)
"""What two algorithms can differ in, in the order a difference is explained by."""


def steps(before: Algorithm, after: Algorithm) -> tuple[tuple[str, Algorithm], ...]:
    """From one to the other, one aspect at a time: (aspect, the algorithm with it changed).

    The differences of the steps add up to the whole, each amount being rounded as it would be.
    """
    found, at = [], before
    for aspect in ASPECTS:
        if getattr(at, aspect) != getattr(after, aspect):
            at = replace(at, **{aspect: getattr(after, aspect)})
            found.append((aspect, at))
    return tuple(found)


def get(name: str) -> Algorithm:
    """The algorithm of this name. IncorrectInput if there is none."""
    try:
        return ALGORITHMS[name]
    except KeyError:
        raise IncorrectInput(
            "algorithm_must_be_known",
            thing=f"interest algorithm {name!r}",
            expected=f"one of {', '.join(ALGORITHMS)}",
            found="none of that name",
            remedy="`ledgerlake interest algorithms` shows them.",
        ) from None


def _change(first: date, *tiers: tuple[str, str], overdraft: str = "0") -> RateChange:
    return RateChange(
        first_date=first,
        tiers=tuple(Tier(Decimal(balance), Decimal(percent)) for balance, percent in tiers),
        overdraft_percent=Decimal(overdraft),
    )


_OPENING, _RISE = date(2000, 1, 1), date(2026, 1, 16)

SAVINGS: Final[Rates] = MappingProxyType(
    {
        "EUR": (
            _change(_OPENING, ("0", "1.50"), ("10000", "1.75"), overdraft="9.00"),
            _change(_RISE, ("0", "1.90"), ("10000", "2.15"), overdraft="9.40"),
        ),
        "GBP": (
            _change(_OPENING, ("0", "2.00"), ("5000", "2.25"), overdraft="12.00"),
            _change(_RISE, ("0", "2.30"), ("5000", "2.60"), overdraft="12.00"),
        ),
        "USD": (
            _change(_OPENING, ("0", "1.80"), ("2500", "2.10"), ("15000", "2.40")),
            _change(_RISE, ("0", "2.05"), ("2500", "2.40"), ("15000", "2.75")),
        ),
        "TWD": (_change(_OPENING, ("0", "0.705")),),
        "JPY": (_change(_OPENING, ("0", "0.10")), _change(_RISE, ("0", "0.20"))),
    }
)
"""The rates as announced; the change of 2026-01-16 falls into the middle of a month."""

_DECLARED: Final = (
    Algorithm(
        name="v1",
        says="Wrong: keeps the rate of the period's first day, so that a change in the middle of a"
        " period is missed until the next one begins.",
        day_count="Act/365",
        rates=SAVINGS,
        rate_read="of_the_first_day",
    ),
    Algorithm(
        name="v2",
        says="Right: each day at its own rate.",
        day_count="Act/365",
        rates=SAVINGS,
    ),
)

ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType({one.name: one for one in _DECLARED})
"""By name, oldest first."""
