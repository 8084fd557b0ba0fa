"""A calendar over a real lake: what its newest event allows, looked at in the commit's step."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from ingestion.control.check import check_control
from ingestion.control.write import append_control
from ingestion.lake import Lake
from ledger import control_events as ev
from ledger.errors import IncorrectInput
from tests.control.office import DAY_US, NOW_US, Office
from tests.events import batch, deposits

RULE = "calendar_must_keep_periods_with_events"


def quarter(version: int = 1) -> ev.CalendarDefined:
    """The first quarter of 2011 as one period."""
    period = ev.PeriodDates(period_id="Q1", first_date=date(2011, 1, 1), end_date=date(2011, 4, 1))
    return ev.CalendarDefined(calendar_version=version, kind="table", periods=(period,))


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(IncorrectInput) as error:
        act()
    return error.value.rule


def test_a_calendar_before_the_first_sale_is_free_and_one_after_it_is_not(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.record(ev.LatenessPolicySet(max_delay_days=5, initial_grace_hours=6))
    office.record(quarter())
    office.sell("a", at_us=NOW_US - 40 * DAY_US)
    months = ev.CalendarDefined(
        calendar_version=2,
        kind="month",
        periods=(
            ev.PeriodDates(
                period_id="2011-01", first_date=date(2011, 1, 1), end_date=date(2011, 2, 1)
            ),
        ),
    )
    assert refused(lambda: office.record(months)) == RULE
    assert check_control(tmp_path / "lake") is None


def test_account_events_bind_as_sales_do(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.lake.append(batch(deposits(0, 1)))
    assert refused(lambda: office.record(quarter())) == RULE


def test_the_newest_event_is_known_again_after_the_index_was_lost(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.sell("a", at_us=NOW_US - 40 * DAY_US)
    office.sell("older", at_us=NOW_US - 300 * DAY_US)
    other = Office(tmp_path, index="index-2", clock=office.clock)
    assert refused(lambda: other.record(quarter())) == RULE


def test_a_sale_that_wins_the_race_binds_the_calendar(tmp_path: Path) -> None:
    """It is committed between the look at the rules and the commit of the calendar."""
    office = Office(tmp_path)
    slow = Lake.open(tmp_path / "lake", tmp_path / "index-2", now=office.clock)
    beaten: list[str] = []

    def step(name: str) -> None:
        if name == "before_commit" and not beaten:
            beaten.append(name)
            office.sell("a", at_us=NOW_US - 40 * DAY_US)

    slow._step = step
    rule = refused(lambda: append_control(slow, [quarter()], now_us=office.clock.now_us))
    assert (rule, beaten) == (RULE, ["before_commit"])
