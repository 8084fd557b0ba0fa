"""Taiwan, May 2021: late cases booked back to their day, as announced at 14:00 each day.

All 16 series as known on 16 days, all 16 x 3 announced totals, and the announcement that was wrong
for three hours come out of the marts as published. Source: tests/data/cases.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from tests.models.event_frames import from_rows, signed_sales
from tests.models.warehouse import CREATED, Warehouse, open_warehouse

CASE = json.loads(
    (Path(__file__).parents[1] / "data" / "cases" / "tw_correction_regression.json").read_text()
)
TAIPEI = ZoneInfo("Asia/Taipei")
PRESS_CONFERENCE, REPLACED = time(14), time(17)
RETRACTED = CASE["retracted_announcement"]
RETRACTED_DAY = date.fromisoformat(RETRACTED["knowledge_date"])

Series = Mapping[date, Decimal]

VERSIONS_AS_OF = """
select business_date, arg_max(amount, commit_seq)
from daily_sales_versions where known_from <= $known_as_of group by business_date
"""
DELTAS_AS_OF = """
select business_date, sum(amount)
from intermediate.int_sales__deltas where ingest_time <= $known_as_of group by business_date
"""

AS_OF_MACRO = "select business_date, amount from daily_sales_as_of(date '2021-06-08', $known_as_of)"


def _announced(day: date, at: time = PRESS_CONFERENCE) -> datetime:
    return datetime.combine(day, at, TAIPEI)


def _series(published: Mapping[str, int]) -> dict[date, Decimal]:
    return {date.fromisoformat(day): Decimal(cases) for day, cases in published.items()}


def _differences(before: Series, after: Series) -> dict[date, Decimal]:
    return {day: after[day] - before.get(day, 0) for day in after if after[day] != before.get(day)}


def _open_health_ministry(folder: Path) -> Warehouse:
    """One store in Taipei whose days are reported as they end, and may change for 60 more."""
    made = open_warehouse(folder)
    made.register_store("taiwan", TAIPEI.key, CREATED + timedelta(days=1))
    made.set_policy(max_delay_days=60, initial_grace_hours=0, at=CREATED + timedelta(days=2))
    return made


def _announce(made: Warehouse, at: datetime, cases: Mapping[date, Decimal]) -> None:
    rows = signed_sales(_rows(cases))
    made.commit(rows, at, source="press-conference")


def _rows(cases: Mapping[date, Decimal]) -> pl.DataFrame:
    return from_rows(
        {
            "event_time": datetime.combine(day, time(12), TAIPEI),
            "store_id": "taiwan",
            "currency": "XXX",
            "delta": number,
        }
        for day, number in cases.items()
    )


def _events_by_announcement() -> Iterable[tuple[date, dict[date, Decimal]]]:
    ordered = sorted(CASE["events"], key=lambda event: event["knowledge_date"])
    for known, events in groupby(ordered, key=lambda event: event["knowledge_date"]):
        yield (
            date.fromisoformat(known),
            {date.fromisoformat(one["event_date"]): Decimal(one["delta"]) for one in events},
        )


@pytest.fixture(scope="module")
def taiwan(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    made = _open_health_ministry(tmp_path_factory.mktemp("taiwan"))
    for known, cases in _events_by_announcement():
        _announce(made, _announced(known), cases)
    made.build()
    return made


def _as_of(made: Warehouse, query: str, known_as_of: datetime) -> Series:
    return {
        day: amount
        for day, amount in made.rows(query, known_as_of=known_as_of)
        if isinstance(day, date) and isinstance(amount, Decimal)
    }


@pytest.mark.parametrize(
    "query", [VERSIONS_AS_OF, DELTAS_AS_OF, AS_OF_MACRO], ids=["versions", "deltas", "macro"]
)
def test_all_series_are_known_as_they_were_published(taiwan: Warehouse, query: str) -> None:
    published = {one["knowledge_date"]: _series(one["as_of"]) for one in CASE["expected"]}
    assert len(published) == 16
    found = {day: _as_of(taiwan, query, _announced(date.fromisoformat(day))) for day in published}
    assert found == published


def test_announced_totals_are_the_days_figure_plus_its_corrections(taiwan: Warehouse) -> None:
    published = [
        (
            date.fromisoformat(one["knowledge_date"]),
            Decimal(one["published_headline"]),
            Decimal(one["published_same_day"]),
            Decimal(one["published_correction_total"]),
        )
        for one in CASE["expected"]
    ]
    found = taiwan.rows(
        """
        with announcements as (
            select known_from, sum(delta_amount) as headline,
                sum(delta_amount) filter (where not is_correction) as same_day
            from daily_sales_versions group by known_from
        ), corrections as (
            select known_from, sum(amount_delta) as correction_total
            from sales_corrections group by known_from
        )
        select cast(timezone('Asia/Taipei', known_from) as date), headline, same_day,
            correction_total
        from announcements inner join corrections using (known_from)
        order by known_from
        """
    )
    assert found == published
    assert all(headline == day + late for _, headline, day, late in published)


def test_days_stand_as_reported_plus_corrections(taiwan: Warehouse) -> None:
    newest = _series(CASE["expected"][-1]["as_of"])
    reported = {
        date.fromisoformat(one["event_date"]): Decimal(one["delta"])
        for one in CASE["events"]
        if one["kind"] == "original"
    }
    found = taiwan.rows(
        "select business_date, amount, reported_amount, correction_amount, is_adjusted"
        " from daily_sales order by business_date"
    )
    assert found == [
        (day, newest[day], first, newest[day] - first, _was_corrected(day))
        for day, first in sorted(reported.items())
    ]


def _was_corrected(day: date) -> bool:
    return any(
        one["kind"] == "correction" and one["event_date"] == day.isoformat()
        for one in CASE["events"]
    )


def test_corrections_are_the_published_differences_in_order(taiwan: Warehouse) -> None:
    wanted = [
        (
            date.fromisoformat(one["knowledge_date"]),
            date.fromisoformat(one["event_date"]),
            Decimal(one["delta"]),
        )
        for one in CASE["events"]
        if one["kind"] == "correction"
    ]
    found = taiwan.rows(
        "select correction_seq, cast(timezone('Asia/Taipei', known_from) as date),"
        " business_date, amount_delta, amount_after - amount_before = amount_delta"
        " from sales_corrections order by correction_seq"
    )
    assert [row[0] for row in found] == list(range(1, 134))
    assert [row[1:4] for row in found] == sorted(wanted)
    assert all(row[4] for row in found)


def test_a_wrong_announcement_is_what_was_known_until_it_was_replaced(tmp_path: Path) -> None:
    made = _open_health_ministry(tmp_path)
    for known, cases in _events_by_announcement():
        if known < RETRACTED_DAY:
            _announce(made, _announced(known), cases)
    day_before = _series(CASE["expected"][6]["as_of"])
    wrong, right = (_series(RETRACTED[name]) for name in ("erroneous_as_of", "corrected_as_of"))
    _announce(made, _announced(RETRACTED_DAY), _differences(day_before, wrong))
    _announce(made, _announced(RETRACTED_DAY, REPLACED), _differences(wrong, right))
    made.build()
    found = {
        at: _as_of(made, VERSIONS_AS_OF, _announced(RETRACTED_DAY, time.fromisoformat(at)))
        for at in ("13:59", "14:00", "16:59", "17:00", "23:59")
    }
    assert found == {
        "13:59": day_before,
        "14:00": wrong,
        "16:59": wrong,
        "17:00": right,
        "23:59": right,
    }
    replaced = made.rows(
        "select cast(business_date as varchar) from sales_corrections"
        " where known_from = $at order by all",
        at=_announced(RETRACTED_DAY, REPLACED),
    )
    assert [day for (day,) in replaced] == RETRACTED["differs_on"]
