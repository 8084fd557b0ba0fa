"""The accounting calendar: which there is, and defining the next version of it.

Holds generating one by its kind and reading one's own table. Does not hold the rules (the choke
point keeps what is locked). Called by `calendar`.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ledger.calendar import Calendar, Period, generate
from ledger.control_events import CalendarDefined, PeriodDates
from ledger.errors import IncorrectInput
from orchestration.close import signing
from orchestration.close.signing import When
from orchestration.desk.known import read_known
from orchestration.home import Home

_COLUMNS = ("period_id", "first_date", "end_date")


@dataclass(frozen=True, kw_only=True)
class Defined:
    """The calendar in force; `new` is False when it was that already."""

    calendar_version: int
    kind: str
    periods: tuple[Period, ...]
    new: bool


def show_calendar(home: Home) -> Calendar:
    """The calendar in force; without periods of its own it is calendar months throughout."""
    return read_known(home).books.calendar


def generated(
    kind: str, *, first_date: date, until: date, years_of_53_weeks: Sequence[int] = ()
) -> tuple[Period, ...]:
    """Whole periods of a kind from `first_date` until `until` is covered."""
    return generate(kind, first_date, until, years_of_53_weeks=years_of_53_weeks)


def read_table(path: Path) -> tuple[Period, ...]:
    """Periods from a CSV with columns period_id, first_date, end_date (first day after it)."""
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
        return tuple(
            Period(
                date.fromisoformat(row["first_date"]),
                date.fromisoformat(row["end_date"]),
                row["period_id"],
            )
            for row in rows
        )
    except (KeyError, ValueError, TypeError, csv.Error, FileNotFoundError) as error:
        raise IncorrectInput(
            "calendar_table_must_be_csv",
            thing=f"calendar table {path}",
            expected=f"a CSV with columns {', '.join(_COLUMNS)}, dates as 2011-01-31",
            found=f"{type(error).__name__}: {error}",
        ) from None


def define(home: Home, kind: str, periods: Sequence[Period], *, when: When) -> Defined:
    """Record the next version. The same again changes nothing."""
    current = read_known(home).books.calendar
    if (current.kind, current.periods) == (kind, tuple(periods)):
        return Defined(
            calendar_version=current.version, kind=kind, periods=current.periods, new=False
        )
    event = CalendarDefined(
        calendar_version=current.version + 1,
        kind=kind,
        periods=tuple(
            PeriodDates(period_id=one.period_id, first_date=one.first_date, end_date=one.end_date)
            for one in periods
        ),
    )
    signing.record(home, [event], when)
    return Defined(
        calendar_version=event.calendar_version, kind=kind, periods=tuple(periods), new=True
    )
