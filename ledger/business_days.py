"""Which business day an instant falls on, told by a store's zone and day cut-off.

The pure twin of the SQL in dbt_project/macros/deltas/business_days.sql; a test holds them equal.
Does not know events or periods. Called by `ledger.routing`.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
US = timedelta(microseconds=1)
DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class StoreDays:
    """Where a store keeps its days. Nobody registered it: UTC, midnight."""

    time_zone: str = "UTC"
    day_cut_off: str = "00:00"

    def start_us(self, day: date) -> int:
        """The instant at which the local clock first shows the cut-off of `day`, microseconds UTC.

        Of a time the clock shows twice the first counts; a time it skips is moved on by the gap.
        """
        return _start_us(self.time_zone, self.day_cut_off, day)

    def business_date(self, at_us: int) -> date:
        day = (EPOCH + at_us * US).astimezone(ZoneInfo(self.time_zone)).date() + 2 * DAY
        while self.start_us(day) > at_us:
            day -= DAY
        return day


UTC_DAYS = StoreDays()


@lru_cache(maxsize=65_536)
def _start_us(time_zone: str, day_cut_off: str, day: date) -> int:
    local = datetime.combine(day, time.fromisoformat(day_cut_off), ZoneInfo(time_zone))
    return (local.replace(fold=0).astimezone(UTC) - EPOCH) // US
