"""Which calendars and policies may be recorded, and what each refusal is called."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ledger import control_events as ev
from ledger.calendar import generate
from ledger.errors import IncorrectInput
from ledger.periods import name_of
from tests.control.office import DAY_US, NOW_US, altered
from tests.ledger.paper_office import PaperOffice

MARCH, APRIL = "2011-03", "2011-04"


def dates(period_id: str, first: tuple[int, int, int], end: tuple[int, int, int]) -> ev.PeriodDates:
    return ev.PeriodDates(period_id=period_id, first_date=date(*first), end_date=date(*end))


def table(*periods: ev.PeriodDates, version: int = 1, kind: str = "table") -> ev.CalendarDefined:
    return ev.CalendarDefined(calendar_version=version, kind=kind, periods=periods)


A = dates("A", (2011, 3, 5), (2011, 4, 2))
B = dates("B", (2011, 4, 2), (2011, 5, 7))

WRONG: dict[str, list[ev.CalendarDefined]] = {
    "calendar_version_must_follow_the_last": [table(A, version=0), table(A, version=2)],
    "calendar_kind_must_be_known": [table(A, kind="lunar")],
    "calendar_must_have_periods": [table()],
    "calendar_periods_must_follow_each_other": [
        table(B, A),
        table(A, altered(B, first_date=date(2011, 4, 3))),
        table(A, altered(B, first_date=date(2011, 4, 1))),
        table(altered(A, end_date=date(2011, 3, 5))),
    ],
    "period_id_must_be_unique": [
        table(A, altered(B, period_id="A")),
        table(altered(A, period_id="")),
    ],
    "period_id_must_not_name_another_month": [
        table(altered(A, period_id="2012-01")),
        table(altered(A, period_id="x-before")),
    ],
}


@pytest.mark.parametrize("rule", WRONG)
def test_a_calendar_that_does_not_cut_time_into_periods_is_refused(rule: str) -> None:
    for calendar in WRONG[rule]:
        assert PaperOffice().rejection(calendar) == rule


def test_a_calendar_may_keep_the_ids_of_the_months_it_covers() -> None:
    assert PaperOffice().rejection(table(altered(A, period_id=MARCH))) is None


def test_a_calendar_is_free_before_the_first_event_and_holds_from_its_own_commit_on() -> None:
    office = PaperOffice()
    office.record(table(A, B))
    office.record(table(altered(A, period_id="C"), B, version=2))
    office.sell("after", at_us=NOW_US)
    books = office.books
    assert books.route(office.arrivals["after"]).period_id == "C"
    assert [books.calendar_at(seq).version for seq in range(4)] == [0, 1, 2, 2]


KEEPS_EVENTS = "calendar_must_keep_periods_with_events"
MONTHS = {
    number: dates(f"2011-{number:02d}", (2011, number, 1), (2011, number + 1, 1))
    for number in range(1, 12)
}


def test_a_new_calendar_begins_behind_the_period_of_the_newest_event() -> None:
    office = PaperOffice()
    office.sell("newest", at_us=NOW_US - 10 * DAY_US)
    office.sell("older", at_us=NOW_US - 90 * DAY_US)
    assert office.rejection(table(A, B)) == KEEPS_EVENTS
    assert office.rejection(table(dates("Q1", (2011, 1, 1), (2011, 4, 1)))) == KEEPS_EVENTS
    long_ago = dates("Y", (1999, 1, 1), (2000, 1, 1))
    assert office.rejection(table(long_ago)) == KEEPS_EVENTS
    halves = dates("A1", (2011, 4, 1), (2011, 4, 16)), dates("A2", (2011, 4, 16), (2011, 5, 1))
    assert office.rejection(table(*halves)) is None
    rest = dates("rest", (2011, 4, 16), (2011, 6, 1))
    office.sell("in the first half", at_us=NOW_US + 3 * DAY_US)
    assert office.rejection(table(altered(halves[0], period_id="X"), version=2)) == KEEPS_EVENTS
    assert office.rejection(table(rest, version=2)) == KEEPS_EVENTS
    assert office.rejection(table(halves[0], rest, version=2)) is None


def test_a_period_with_events_keeps_its_id_as_well_as_its_dates() -> None:
    office = PaperOffice()
    office.sell("newest", at_us=NOW_US - 10 * DAY_US)
    renamed = altered(MONTHS[3], period_id="March")
    assert office.rejection(table(MONTHS[2], renamed, MONTHS[4])) == KEEPS_EVENTS
    assert (
        office.rejection(table(MONTHS[2], MONTHS[3], dates("Q", (2011, 4, 1), (2011, 7, 1))))
        is None
    )


@pytest.mark.parametrize(("days", "rule"), [(-1, None), (0, KEEPS_EVENTS)])
def test_an_event_of_the_last_day_of_a_month_binds_the_next_one_too(
    days: int, rule: str | None
) -> None:
    """Its store may keep its days ahead of UTC, or be moved there later."""
    office = PaperOffice()
    office.sell("newest", at_us=NOW_US + (days - 1) * DAY_US)
    april = dates("new", (2011, 4, 1), (2011, 4, 20))
    assert office.rejection(table(april)) == rule


def test_the_refusal_says_which_day_binds_and_from_when_on_it_is_free() -> None:
    office = PaperOffice()
    office.sell("newest", at_us=NOW_US - 10 * DAY_US)
    with pytest.raises(IncorrectInput) as error:
        office.record(table(A, B))
    assert "up to 2011-03-23" in error.value.remedy
    assert "every period before 2011-04-01" in error.value.remedy
    assert error.value.expected == "2011-03 from 2011-03-01 to 2011-04-01"
    assert error.value.found == "2011-03-before from 2011-03-01 to 2011-03-05"


def test_what_was_closed_soft_closed_or_posted_to_keeps_its_dates() -> None:
    office = PaperOffice().open_for_business()
    office.sell("late", at_us=NOW_US - 15 * DAY_US)
    office.close(MARCH)
    office.decide(["late"], "next_period", APRIL)
    rule = "calendar_must_keep_locked_periods"
    assert office.rejection(table(A, B)) == rule
    march = dates(MARCH, (2011, 3, 1), (2011, 4, 1))
    short = dates(APRIL, (2011, 4, 1), (2011, 4, 9))
    assert office.rejection(table(march, short)) == rule
    april = dates(APRIL, (2011, 4, 1), (2011, 5, 1))
    halves = dates("M1", (2011, 5, 1), (2011, 5, 15)), dates("M2", (2011, 5, 15), (2011, 6, 1))
    assert office.rejection(table(march, april, *halves)) is None
    assert name_of(office.books.state(MARCH)) == "Closed"
    assert office.books.calendar.version == 1


def test_a_fiscal_calendar_is_closed_period_by_period() -> None:
    office = PaperOffice().open_for_business()
    made = generate("4-4-5", date(2011, 1, 30), date(2012, 1, 1))
    periods = [
        ev.PeriodDates(period_id=p.period_id, first_date=p.first_date, end_date=p.end_date)
        for p in made
    ]
    office.record(table(*periods, kind="4-4-5"))
    office.close("FY2011-P01")
    office.close("FY2011-P02")
    early = ev.PeriodSoftClosed(period_id="FY2011-P04", sealed=True, reason="")
    assert office.rejection(early) == "earlier_period_must_be_closed_first"


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ("max_delay_days_must_be_within_range", {"max_delay_days": -1}),
        ("max_delay_days_must_be_within_range", {"max_delay_days": 36501}),
        ("initial_grace_hours_must_be_within_range", {"initial_grace_hours": 8761}),
        ("amount_cap_must_not_be_negative", {"amount_cap": Decimal(-1)}),
        ("period_must_be_in_the_calendar", {"period_id": "march"}),
    ],
)
def test_a_policy_out_of_range_is_refused(rule: str, values: dict[str, Any]) -> None:
    policy = ev.LatenessPolicySet(max_delay_days=5, initial_grace_hours=6, period_id=MARCH)
    office = PaperOffice()
    assert office.rejection(altered(policy, **values)) == rule
    assert office.rejection(policy) is None


UNKNOWN = "march"


def test_a_period_the_calendar_does_not_have_is_refused_everywhere() -> None:
    office = PaperOffice().open_for_business()
    asked = office.ask("rita", "reopen_period", period_id=UNKNOWN)
    scope: dict[str, Any] = {
        "lock_exception_id": "l",
        "period_id": UNKNOWN,
        "source": None,
        "store_id": None,
        "amount_cap": None,
        "expires_at_us": NOW_US + DAY_US // 2,
    }
    lock = office.ask("rita", "grant_lock_exception", **scope)
    events: list[list[ev.ControlEvent]] = [
        [ev.PeriodSoftClosed(period_id=UNKNOWN, sealed=False, reason="")],
        [
            ev.CloseFailed(
                period_id=UNKNOWN, run_id="", step="", reason="", controls=(), evidence_sha256=None
            )
        ],
        [office.closed(UNKNOWN, asked)],
        [
            office.approval("adam", asked),
            ev.PeriodReopened(period_id=UNKNOWN, request_id=asked.request_id, reason=""),
        ],
        [
            office.approval("adam", lock),
            ev.LockExceptionGranted(**scope, reason="", request_id=lock.request_id),
        ],
    ]
    for batch in events:
        assert office.rejection(*batch) == "period_must_be_in_the_calendar"
