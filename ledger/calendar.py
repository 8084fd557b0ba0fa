"""Accounting calendars: which period a business date belongs to.

Holds `Calendar`, the default of calendar months, and `generate` for the other kinds. Every date
lies in exactly one period: outside a calendar's own, calendar months go on, cut where it begins.
Does not hold states or business days. Called by `ledger.books`, the close and `calendar define`.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from ledger.errors import IncorrectInput

Kind = Literal["month", "day", "iso_week", "4-4-5", "4-5-4", "5-4-4", "table"]
KINDS: tuple[str, ...] = ("month", "day", "iso_week", "4-4-5", "4-5-4", "5-4-4", "table")
WEEKS_OF_QUARTER = {"4-4-5": (4, 4, 5), "4-5-4": (4, 5, 4), "5-4-4": (5, 4, 4)}

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
_MONTH_ID = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_PART_ID = re.compile(r"([0-9]{4}-(?:0[1-9]|1[0-2]))-(before|after)")


@dataclass(frozen=True, order=True)
class Period:
    """Business dates from `first_date` up to, not including, `end_date`."""

    first_date: date
    end_date: date
    period_id: str

    def holds(self, day: date) -> bool:
        return self.first_date <= day < self.end_date


@dataclass(frozen=True)
class Calendar:
    """`periods` follow each other without gap; none at all means calendar months throughout."""

    version: int = 0
    kind: str = "month"
    periods: tuple[Period, ...] = ()
    _by_id: dict[str, Period] = field(init=False, repr=False, compare=False)
    _starts: list[date] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {one.period_id: one for one in self.periods})
        object.__setattr__(self, "_starts", [one.first_date for one in self.periods])

    def period_of(self, day: date) -> Period:
        """The one period that holds a business date."""
        if self.periods and self.periods[0].first_date <= day < self.periods[-1].end_date:
            return self.periods[bisect_right(self._starts, day) - 1]
        return self._cut(month_of(day))

    def get(self, period_id: str) -> Period:
        """The period of this id; IncorrectInput when the calendar has none."""
        found = self.find(period_id)
        if found is None:
            example = self.periods[0].period_id if self.periods else "2011-03"
            raise IncorrectInput(
                "period_must_be_in_the_calendar",
                thing=f"period {period_id!r}",
                expected=f"a period of the {self.kind} calendar, such as {example}",
                found="no such period",
                remedy="`ledgerlake calendar show` lists them.",
            )
        return found

    def find(self, period_id: str) -> Period | None:
        """As `get`, None when there is none."""
        if period_id in self._by_id:
            return self._by_id[period_id]
        match = _MONTH_ID.fullmatch(period_id) or _PART_ID.fullmatch(period_id)
        if match is None or period_id.startswith("0000"):
            return None
        first = date(int(period_id[:4]), int(period_id[5:7]), 1)
        days = (first, month_of(first).end_date - DAY)
        found = [one for one in map(self.period_of, days) if one.period_id == period_id]
        return found[0] if found else None

    def after(self, period: Period) -> Period:
        return self.period_of(period.end_date)

    def before(self, period: Period) -> Period:
        return self.period_of(period.first_date - DAY)

    def between(self, first: date, end: date) -> Iterator[Period]:
        """Periods that hold a day of [first, end), in order."""
        day = first
        while day < end:
            period = self.period_of(day)
            yield period
            day = period.end_date

    def _cut(self, month: Period) -> Period:
        """A calendar month outside the calendar's own periods, without the part they take."""
        if not self.periods:
            return month
        first, end = self.periods[0].first_date, self.periods[-1].end_date
        if month.first_date < first < month.end_date:
            return Period(month.first_date, first, f"{month.period_id}-before")
        if month.first_date < end < month.end_date:
            return Period(end, month.end_date, f"{month.period_id}-after")
        return month


MONTHS = Calendar()
"""The calendar of a lake that defined none."""


def month_of(day: date) -> Period:
    """The calendar month, id `2011-03`."""
    first = day.replace(day=1)
    if first.year == date.max.year and first.month == 12:
        return Period(first, date.max, f"{first:%Y-%m}")
    return Period(first, (first + 31 * DAY).replace(day=1), f"{day.year:04d}-{day.month:02d}")


def generate(
    kind: str,
    first_date: date,
    until: date,
    *,
    years_of_53_weeks: Sequence[int] = (),
    year_starts_near: tuple[int, int] | None = None,
) -> tuple[Period, ...]:
    """Whole periods from the one that starts on `first_date` until `until` is covered.

    4-4-5 and its kin: `first_date` is the first day of a fiscal year, which is named by the
    calendar year that holds its middle. A long year gets its 53rd week in its last period. Long
    are the years in `years_of_53_weeks`; without that list, those that make the next year start
    as near as weeks allow to (month, day) `year_starts_near`, by default that of `first_date`.
    Example: the retail calendar is 4-5-4 from 2010-01-31, near (2, 1).
    """
    step = _steps().get(kind)
    if step is not None:
        return tuple(_walk(step, _started(kind, step, first_date), until))
    if kind in WEEKS_OF_QUARTER:
        near = year_starts_near or (first_date.month, first_date.day)
        rule = _LongYears(frozenset(years_of_53_weeks), _nearest(near, first_date))
        return tuple(_fiscal_years(kind, first_date, until, rule))
    raise IncorrectInput(
        "calendar_kind_must_be_known",
        thing="calendar",
        expected="one of month, day, iso_week, 4-4-5, 4-5-4, 5-4-4",
        found=kind,
        remedy="A table of your own is given with its dates, not generated.",
    )


def _steps() -> dict[str, Callable[[date], Period]]:
    return {"month": month_of, "day": _day, "iso_week": _iso_week}


def _day(day: date) -> Period:
    return Period(day, day + DAY, day.isoformat())


def _iso_week(day: date) -> Period:
    year, week, weekday = day.isocalendar()
    monday = day - (weekday - 1) * DAY
    return Period(monday, monday + WEEK, f"{year:04d}-W{week:02d}")


def _started(kind: str, step: Callable[[date], Period], first_date: date) -> date:
    if step(first_date).first_date != first_date:
        raise IncorrectInput(
            "calendar_must_begin_with_a_whole_period",
            thing=f"{kind} calendar",
            expected=f"the first day of a {kind.replace('_', ' ')}, such as "
            f"{step(first_date).first_date}",
            found=str(first_date),
        )
    return first_date


def _walk(step: Callable[[date], Period], day: date, until: date) -> Iterator[Period]:
    while day < until:
        yield step(day)
        day = step(day).end_date


@dataclass(frozen=True)
class _LongYears:
    """Which fiscal years have 53 weeks: those named, or those that keep near an anniversary."""

    named: frozenset[int]
    anniversary: date

    def holds(self, year: int, start: date, nth: int) -> bool:
        if self.named:
            return year in self.named
        near = _on(self.anniversary.year + nth, self.anniversary.month, self.anniversary.day)
        return near - (start + 52 * WEEK) > 3 * DAY


def _fiscal_years(
    kind: str, first_date: date, until: date, long_years: _LongYears
) -> Iterator[Period]:
    start, nth = first_date, 0
    while start < until:
        nth += 1
        year = (start + 26 * WEEK).year
        weeks = [*WEEKS_OF_QUARTER[kind] * 4]
        weeks[-1] += int(long_years.holds(year, start, nth))
        for number, count in enumerate(weeks, 1):
            yield Period(start, start + count * WEEK, f"FY{year:04d}-P{number:02d}")
            start += count * WEEK


def _nearest(month_and_day: tuple[int, int], day: date) -> date:
    """The anniversary nearest to a date: 1 January is near the 30 December before it."""
    around = [_on(day.year + years, *month_and_day) for years in (-1, 0, 1)]
    return min(around, key=lambda one: abs(one - day))


def _on(year: int, month: int, day: int) -> date:
    """A day of a year; 29 February is the 28th where there is none."""
    return date(year, month, 28 if (month, day) == (2, 29) else day)
