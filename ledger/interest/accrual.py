"""What a balance earns in a period: the reference engine, in whole numbers, one account at a time.

Holds `day_rates` (an algorithm's declaration as one row of whole numbers per day, which the SQL
engine is generated from too) and `accrue`. Day d earns on the balance at its beginning, so that a
deposit earns from the day after it, and what is posted on a period's last day earns from the next
period on. Called by tests and by explanations of single accounts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import lcm

from ledger.currency import minor_digits
from ledger.errors import IncorrectInput
from ledger.interest.algorithms import Algorithm
from ledger.interest.day_count import Terms, named
from ledger.interest.rates import RateChange, Tier, in_force
from ledger.interest.rounding import divide

BALANCE_DIGITS = 4
"""Decimals of the lake's amounts."""


@dataclass(frozen=True, kw_only=True)
class DayRates:
    """One day: its basis times a share, over the period's denominator, is its interest.

    The basis is in basis units, the interest in accrual units. `tiers` are (from this basis on,
    share), the lowest from 0.
    """

    day: date
    tiers: tuple[tuple[int, int], ...]
    overdraft: int


@dataclass(frozen=True, kw_only=True)
class PeriodRates:
    """All days of a period under one algorithm and currency, over one denominator."""

    algorithm: Algorithm
    currency: str
    denominator: int
    days: tuple[DayRates, ...]

    @property
    def basis_digits(self) -> int:
        """Decimals of what earns: those of balances, or of interest where that earns too."""
        return basis_digits(self.algorithm)

    @property
    def minor_unit(self) -> int:
        """Accrual units of one minor unit of the currency."""
        digits = minor_digits(self.currency)
        assert digits is not None, "an algorithm has rates of currencies with a minor unit only"
        return int(10 ** (self.algorithm.accrual_digits - digits))


@dataclass(frozen=True, kw_only=True)
class DayInterest:
    """How a day's interest came about; `interest` and `basis` in units of the currency."""

    day: date
    basis: Decimal
    interest: Decimal


@dataclass(frozen=True, kw_only=True)
class Accrual:
    """`minor` is the period's interest in minor units, what is posted."""

    minor: int
    amount: Decimal
    days: tuple[DayInterest, ...]


def period_rates(algorithm: Algorithm, currency: str, first: date, end: date) -> PeriodRates:
    """The declaration for the days from `first` until before `end`."""
    if not first < end:
        raise IncorrectInput(
            "period_must_have_a_day",
            thing="period of an accrual",
            expected=f"an end after {first}",
            found=str(end),
        )
    fractions = list(_fractions(algorithm, currency, first, end))
    denominator = lcm(*(f.denominator for day in fractions for f in (*day.shares, day.overdraft)))
    digits = basis_digits(algorithm)
    return PeriodRates(
        algorithm=algorithm,
        currency=currency,
        denominator=denominator,
        days=tuple(
            DayRates(
                day=one.day,
                tiers=tuple(
                    (_units(tier.balance, digits), int(share * denominator))
                    for tier, share in zip(one.change.tiers, one.shares, strict=True)
                ),
                overdraft=int(one.overdraft * denominator),
            )
            for one in fractions
        ),
    )


def basis_digits(algorithm: Algorithm) -> int:
    """Decimals of what earns under an algorithm."""
    return algorithm.accrual_digits if algorithm.compounding == "daily" else BALANCE_DIGITS


@dataclass(frozen=True, kw_only=True)
class _DayFractions:
    """`shares` by tier: accrual units that one basis unit earns on the day."""

    day: date
    change: RateChange
    shares: tuple[Fraction, ...]
    overdraft: Fraction


_NO_RATE = RateChange(first_date=date.min, tiers=(Tier(Decimal(0), Decimal(0)),))


def _fractions(
    algorithm: Algorithm, currency: str, first: date, end: date
) -> Iterator[_DayFractions]:
    """Of each day: percent a year times the part of a year that the day is."""
    count, terms = named(algorithm.day_count), Terms(reference=(first, end))
    scale = Fraction(10 ** (algorithm.accrual_digits - basis_digits(algorithm)), 100)
    before = Fraction(0)
    for number in range((end - first).days):
        day = first + timedelta(days=number)
        until = count(first, day + timedelta(days=1), terms)
        year, before = until - before, until
        read = day if algorithm.rate_read == "of_each_day" else first
        change = in_force(algorithm.rates.get(currency, ()), read) or _NO_RATE
        yield _DayFractions(
            day=day,
            change=change,
            shares=tuple(Fraction(tier.percent) * year * scale for tier in change.tiers),
            overdraft=Fraction(change.overdraft_percent) * year * scale,
        )


def accrue(rates: PeriodRates, opening: Sequence[Decimal]) -> Accrual:
    """The interest of a period whose days begin with these balances."""
    algorithm, days = rates.algorithm, []
    accrued = 0
    for day, balance in zip(rates.days, opening, strict=True):
        basis = _units(balance, rates.basis_digits)
        if algorithm.compounding == "daily":
            basis += accrued
        earned = divide(
            _weighted(basis, day, algorithm.tiering), rates.denominator, algorithm.daily_rounding
        )
        accrued += earned
        days.append(
            DayInterest(
                day=day.day,
                basis=_decimal(basis, rates.basis_digits),
                interest=_decimal(earned, algorithm.accrual_digits),
            )
        )
    minor = divide(accrued, rates.minor_unit, algorithm.rounding)
    digits = minor_digits(rates.currency) or 0
    return Accrual(minor=minor, amount=_decimal(minor, digits), days=tuple(days))


def _decimal(units: int, digits: int) -> Decimal:
    """Written, not divided: a division would keep 28 digits only."""
    return Decimal(f"{units}E-{digits}")


def _weighted(basis: int, day: DayRates, tiering: str) -> int:
    """The day's interest before it is divided by the denominator."""
    if basis < 0:
        return basis * day.overdraft
    if tiering == "whole_balance":
        return basis * [share for start, share in day.tiers if start <= basis][-1]
    ends = [start for start, _ in day.tiers[1:]] + [basis]
    return sum(
        max(min(basis, end) - start, 0) * share
        for (start, share), end in zip(day.tiers, ends, strict=True)
    )


def _units(balance: Decimal, digits: int) -> int:
    whole = Fraction(balance) * 10**digits
    if whole.denominator != 1:
        raise IncorrectInput(
            "balance_must_have_the_lakes_digits",
            thing="balance of a day or tier",
            expected=f"at most {digits} decimals",
            found=str(balance),
        )
    return int(whole)
