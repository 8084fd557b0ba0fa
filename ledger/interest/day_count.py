"""Day counts: which part of a year lies between two dates, as an exact fraction.

Holds the conventions of ISDA 2006 section 4.16 and their cousins, and `year_fraction`. Does not
know rates. Called by `ledger.interest.accrual`. Published results: tests/data/cases.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from ledger.errors import IncorrectInput


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What some conventions ask beside the two dates.

    `reference`: the whole coupon period (Act/Act ICMA). `termination`: the last day of the
    contract (30E/360 ISDA treats its February otherwise).
    """

    reference: tuple[date, date] | None = None
    termination: date | None = None


NO_TERMS: Final = Terms()
Convention = Callable[[date, date, Terms], Fraction]


def year_fraction(convention: str, start: date, end: date, *, terms: Terms = NO_TERMS) -> Fraction:
    """Years from `start` to `end`; negative where `end` comes first."""
    return named(convention)(start, end, terms)


def named(convention: str) -> Convention:
    """The convention of this name. IncorrectInput if there is none."""
    try:
        return CONVENTIONS[convention]
    except KeyError:
        raise IncorrectInput(
            "day_count_must_be_known",
            thing=f"day count {convention!r}",
            expected=f"one of {', '.join(CONVENTIONS)}",
            found="none of that name",
        ) from None


def _actual(start: date, end: date) -> int:
    return (end - start).days


def _last_of_february(day: date) -> bool:
    return day.month == 2 and (day + timedelta(days=1)).month == 3


def _days_360(start: date, end: date, first_day: int, last_day: int) -> Fraction:
    months = (end.year - start.year) * 12 + end.month - start.month
    return Fraction(months * 30 + last_day - first_day, 360)


def _bond_basis(start: date, end: date, _terms: Terms) -> Fraction:
    """A 31st is a 30th; at the end only when the start was one too."""
    first = min(start.day, 30)
    return _days_360(start, end, first, min(end.day, 30) if first == 30 else end.day)


def _us(start: date, end: date, _terms: Terms) -> Fraction:
    """As the bond basis, and the last of February is a 30th too."""
    february = _last_of_february(start)
    first = 30 if february else min(start.day, 30)
    is_30th = (first == 30 and end.day == 31) or (february and _last_of_february(end))
    return _days_360(start, end, first, 30 if is_30th else end.day)


def _eurobond(start: date, end: date, _terms: Terms) -> Fraction:
    return _days_360(start, end, min(start.day, 30), min(end.day, 30))


def _e_isda(start: date, end: date, terms: Terms) -> Fraction:
    """The last of February is a 30th, but for the contract's own last day."""
    first = 30 if _last_of_february(start) else min(start.day, 30)
    ends_february = _last_of_february(end) and end != terms.termination
    return _days_360(start, end, first, 30 if ends_february else min(end.day, 30))


def _over(year: Fraction) -> Convention:
    return lambda start, end, _terms: _actual(start, end) / year


def _is_leap(year: int) -> bool:
    return (date(year, 3, 1) - date(year, 2, 28)).days == 2


def _actual_isda(start: date, end: date, terms: Terms) -> Fraction:
    """Each day over the length of its own year."""
    if end < start:
        return -_actual_isda(end, start, terms)
    total, at = Fraction(0), start
    while at < end:
        until = min(end, date(at.year + 1, 1, 1))
        total += Fraction(_actual(at, until), 366 if _is_leap(at.year) else 365)
        at = until
    return total


def _actual_icma(start: date, end: date, terms: Terms) -> Fraction:
    """Each day over the length of its coupon period, times coupon periods in a year.

    Without a reference, start to end is the coupon period. Days outside of it lie in coupon
    periods of the same number of months before or after it.
    """
    if end < start:
        return -_actual_icma(end, start, terms)
    first, last = terms.reference or (start, end)
    if start == end:
        return Fraction(0)
    months = round(Fraction(12 * _actual(first, last), 365))
    if months == 0:
        raise IncorrectInput(
            "reference_period_must_last_a_month",
            thing=f"coupon period {first} to {last}",
            expected="about a month or more",
            found=f"{_actual(first, last)} days",
        )
    total, moved = Fraction(0), 0
    while _moved(first, moved * months) > start:
        moved -= 1
    while (begins := _moved(first, moved * months)) < end:
        ends = last if moved == 0 else _moved(first, (moved + 1) * months)
        inside = _actual(max(start, begins), min(end, ends))
        total += max(inside, 0) * Fraction(months, 12 * _actual(begins, ends))
        moved += 1
    return total


def _moved(day: date, months: int) -> date:
    """The same day some months on, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year, (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - timedelta(days=1)).day))


def _actual_afb(start: date, end: date, terms: Terms) -> Fraction:
    """Whole years counted back from the end; the rest over 366 if it holds a 29 February."""
    if end < start:
        return -_actual_afb(end, start, terms)
    years = 0
    while _years_before(end, years + 1) >= start:
        years += 1
    rest = _years_before(end, years)
    leaps = any(
        start <= date(year, 2, 29) < rest for year in (start.year, rest.year) if _is_leap(year)
    )
    return years + Fraction(_actual(start, rest), 366 if leaps else 365)


def _years_before(day: date, years: int) -> date:
    """The same day some years back; from the last of February to the last of February."""
    if years and _last_of_february(day):
        return date(day.year - years, 2, 29 if _is_leap(day.year - years) else 28)
    return date(day.year - years, day.month, day.day)


CONVENTIONS: Final[Mapping[str, Convention]] = MappingProxyType(
    {
        "30/360 Bond Basis": _bond_basis,
        "30/360 US": _us,
        "30E/360 Eurobond Basis": _eurobond,
        "30E/360 ISDA": _e_isda,
        "Act/360": _over(Fraction(360)),
        "Act/365": _over(Fraction(365)),
        "Act/365.25": _over(Fraction(1461, 4)),
        "Act/366": _over(Fraction(366)),
        "Act/Act ISDA": _actual_isda,
        "Act/Act ICMA": _actual_icma,
        "Act/Act AFB": _actual_afb,
    }
)
"""By the name the published cases use; Act/365 is Act/365 Fixed."""
