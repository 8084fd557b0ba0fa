"""Periods as partitions: one key per period that holds figures, added as they appear.

Dynamic for every calendar, months too: an event older than the first month, or a new calendar,
then needs no reload of the definitions. Called by `assets` and `sensors`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from dagster import DynamicPartitionsDefinition

PERIODS = DynamicPartitionsDefinition(name="periods")


@dataclass(frozen=True)
class Period:
    """Business days [first_date, end_date)."""

    period_id: str
    first_date: date
    end_date: date


def period_of(period_id: str) -> Period:
    """The month of that name."""
    first = date.fromisoformat(f"{period_id}-01")
    return Period(period_id, first, date(first.year + first.month // 12, first.month % 12 + 1, 1))


def period_ids(days: Iterable[date]) -> list[str]:
    """The periods that `days` fall in, oldest first."""
    return sorted({f"{day:%Y-%m}" for day in days})
