"""Business days of stores all over the world, on days of 23, 24, 25 and no hours.

Compared with Python's zoneinfo event by event, a microsecond before and after each boundary.
"""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.models.booking_oracle import DAY, Policy, StoreDays, book
from tests.models.event_frames import from_rows, instant
from tests.models.warehouse import CREATED, Warehouse, open_warehouse

STORES = {
    "london": StoreDays("Europe/London"),
    "london-night": StoreDays("Europe/London", "01:30"),
    "new-york": StoreDays("America/New_York"),
    "new-york-night": StoreDays("America/New_York", "02:30"),
    "lord-howe": StoreDays("Australia/Lord_Howe", "01:45"),
    "taipei": StoreDays("Asia/Taipei", "04:00"),
    "azores": StoreDays("Atlantic/Azores"),
    "cairo": StoreDays("Africa/Cairo"),
    "apia": StoreDays("Pacific/Apia"),
    "kiritimati": StoreDays("Pacific/Kiritimati"),
    "niue": StoreDays("Pacific/Niue", "23:59"),
    "nobody-registered-it": StoreDays(),
}
"""Half-hour changes, a midnight that comes twice, one that is skipped, a day that never was."""

FIRST, LAST = date(2011, 1, 1), date(2026, 6, 30)
SEED = 20_260_101
RANDOM_INSTANTS = 200
MICROSECOND = timedelta(microseconds=1)
AROUND = (-2 * DAY, -timedelta(hours=1), -MICROSECOND, timedelta(), timedelta(minutes=30), DAY)


def _changes(zone: ZoneInfo) -> Iterator[datetime]:
    """Instants at which the zone's offset changes, to the second."""
    day = datetime.combine(FIRST, datetime.min.time(), UTC)
    while day.date() < LAST:
        low, high = day, day + DAY
        if low.astimezone(zone).utcoffset() != high.astimezone(zone).utcoffset():
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                same = middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            yield high.replace(microsecond=0)
        day += DAY


def _instants(days: StoreDays, chance: random.Random) -> Iterator[datetime]:
    """Around every change of the clock, around the day starts next to it, and anywhere."""
    for change in _changes(ZoneInfo(days.time_zone)):
        local_day = change.astimezone(ZoneInfo(days.time_zone)).date()
        starts = [days.start_of(local_day + n * DAY) for n in (-1, 0, 1, 2)]
        for around in (change, *starts):
            yield from (around + shift for shift in AROUND)
    span = int((LAST - FIRST) / DAY) * 86_400_000_000
    midnight = datetime.combine(FIRST, datetime.min.time(), UTC)
    for _ in range(RANDOM_INSTANTS):
        yield midnight + chance.randrange(span) * MICROSECOND
        yield days.start_of(FIRST + chance.randrange(5_000) * DAY) - MICROSECOND


@pytest.fixture(scope="module")
def events() -> list[tuple[str, datetime]]:
    """(store, event time); an event's number in the list is its category."""
    chance = random.Random(SEED)
    return [(store, at) for store, days in STORES.items() for at in _instants(days, chance)]


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, datetime]]
) -> Warehouse:
    made = open_warehouse(tmp_path_factory.mktemp("world"))
    for number, (store, days) in enumerate(STORES.items()):
        if days != StoreDays():
            opened = CREATED + timedelta(days=number + 1)
            made.register_store(store, days.time_zone, opened, day_cut_off=days.day_cut_off)
    rows = (
        {
            "event_type": "SaleRecorded",
            "event_time": at,
            "store_id": store,
            "category": str(number),
            "currency": "EUR",
            "amount": 1,
        }
        for number, (store, at) in enumerate(events)
    )
    made.commit(from_rows(rows), instant("2026-08-01T00:00:00+00:00"))
    made.build(select=("+int_sales__deltas",))
    return made


def test_every_event_lies_on_the_business_day_that_zoneinfo_gives(
    world: Warehouse, events: list[tuple[str, datetime]]
) -> None:
    found = {
        row[0]: row[1]
        for row in world.rows(
            "select cast(category as bigint), business_date from intermediate.int_sales__deltas"
        )
    }
    assert len(found) == len(events) > 5_000
    wrong = [
        f"{store} {at.isoformat()}: expected {expected}, found {found[number]}"
        for number, (store, at) in enumerate(events)
        if (expected := STORES[store].business_date(at)) != found[number]
    ]
    assert not wrong, f"seed {SEED}: {len(wrong)} events, among them\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize(
    ("store", "day"),
    [
        ("london", date(2025, 3, 30)),
        ("london", date(2025, 10, 26)),
        ("new-york", date(2025, 3, 9)),
        ("lord-howe", date(2025, 4, 6)),
        ("taipei", date(2025, 5, 14)),
    ],
)
def test_cut_offs_follow_the_end_of_the_local_day(tmp_path: Path, store: str, day: date) -> None:
    """Arrivals at both cut-offs, and a microsecond later, of a day whose clock changes."""
    days, policy = STORES[store], Policy()
    made = open_warehouse(tmp_path)
    made.register_store(
        store, days.time_zone, CREATED + timedelta(days=1), day_cut_off=days.day_cut_off
    )
    happened = days.start_of(day)
    initial = days.start_of(day + DAY) + timedelta(hours=policy.initial_grace_hours)
    final = initial + policy.max_delay_days * DAY
    arrivals = [initial, initial + MICROSECOND, initial + DAY, final, final + MICROSECOND]
    for number, arrived in enumerate(arrivals):
        row = {"event_type": "SaleRecorded", "event_time": happened, "store_id": store}
        sale = from_rows([{**row, "category": str(number), "currency": "EUR", "amount": 1}])
        made.commit(sale, arrived)
    made.build(select=("+int_sales__deltas",))
    found = made.rows(
        "select business_date, route, is_correction, lateness_days"
        " from intermediate.int_sales__deltas order by commit_seq"
    )
    assert found == [
        (day, "in_window", False, 0),
        (day, "in_window", True, 1),
        (day, "in_window", True, 1),
        (day, "in_window", True, 5),
        (day, "exception", True, 6),
    ]
    oracle = [book(happened, arrived, days, policy) for arrived in arrivals]
    assert found == [
        (one.business_date, one.route, one.is_correction, one.lateness_days) for one in oracle
    ]
