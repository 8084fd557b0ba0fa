"""How an event must be booked, told by Python's own zone rules and plain arithmetic.

Holds business days, routes and lateness of single events; independent of DuckDB and of the models.
Does not read a lake. Called by the tests of business days and of the laws.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


@dataclass(frozen=True)
class StoreDays:
    """Where a store keeps its days. Nobody registered it: UTC, midnight."""

    time_zone: str = "UTC"
    day_cut_off: str = "00:00"

    def start_of(self, day: date) -> datetime:
        """The instant at which the local clock first shows the cut-off of `day`.

        Of a time the clock shows twice, the first counts; a time it skips is moved on by the gap.
        """
        local = datetime.combine(day, time.fromisoformat(self.day_cut_off))
        return local.replace(tzinfo=ZoneInfo(self.time_zone), fold=0).astimezone(UTC)

    def business_date(self, at: datetime) -> date:
        day = at.astimezone(ZoneInfo(self.time_zone)).date() + 2 * DAY
        while self.start_of(day) > at:
            day -= DAY
        return day


@dataclass(frozen=True)
class Policy:
    """How long figures may move. Nobody set one: 5 days after 6 hours."""

    max_delay_days: int = 5
    initial_grace_hours: int = 6


@dataclass(frozen=True)
class Booking:
    """Where an event goes and how late it was."""

    business_date: date
    route: str
    is_correction: bool
    lateness_days: int


def book(event_time: datetime, ingest_time: datetime, days: StoreDays, policy: Policy) -> Booking:
    """Book one event by what was known at its own commit."""
    business_date = days.business_date(event_time)
    initial = days.start_of(business_date + DAY) + timedelta(hours=policy.initial_grace_hours)
    final = initial + timedelta(hours=24 * policy.max_delay_days)
    late = max(ingest_time - initial, timedelta())
    return Booking(
        business_date=business_date,
        route="in_window" if ingest_time <= final else "exception",
        is_correction=late > timedelta(),
        lateness_days=-(-late // DAY),
    )
