"""Periods as partitions: one key per period that holds figures, added as they appear.

Dynamic for every calendar, months too: an event older than the first month, or a new calendar,
then needs no reload of the definitions. Called by `assets` and `sensors`.
"""

from collections.abc import Iterable
from datetime import date

from dagster import DynamicPartitionsDefinition

from ledger.calendar import Calendar

PERIODS = DynamicPartitionsDefinition(name="periods")


def period_ids(calendar: Calendar, days: Iterable[date]) -> list[str]:
    """The periods that `days` fall in, oldest first."""
    return [one.period_id for one in sorted({calendar.period_of(day) for day in days})]
