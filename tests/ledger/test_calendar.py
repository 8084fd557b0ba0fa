"""Calendars cut time into periods: every date in exactly one, whatever the kind."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.calendar import DAY, MONTHS, WEEKS_OF_QUARTER, Calendar, Period, generate
from ledger.errors import IncorrectInput
from ledger.periods import BEFORE_FIRST_CLOSE, OPEN, name_of

DATES = st.dates(date(1990, 1, 1), date(2060, 12, 31))
STARTS = {
    "month": date(2010, 12, 1),
    "day": date(2011, 2, 27),
    "iso_week": date(2009, 12, 28),
    "4-4-5": date(2010, 1, 31),
    "4-5-4": date(2010, 1, 31),
    "5-4-4": date(2010, 1, 31),
}


def calendar(kind: str, until: date = date(2031, 1, 1)) -> Calendar:
    return Calendar(1, kind, generate(kind, STARTS[kind], until))


CALENDARS = {kind: calendar(kind) for kind in STARTS} | {
    "default": MONTHS,
    "table": Calendar(
        1,
        "table",
        (
            Period(date(2011, 3, 5), date(2011, 3, 20), "A"),
            Period(date(2011, 3, 20), date(2011, 5, 9), "B"),
        ),
    ),
}


@pytest.mark.parametrize("name", CALENDARS)
@settings(deadline=None)
@given(day=DATES)
def test_every_date_lies_in_one_period_and_its_neighbours_touch_it(name: str, day: date) -> None:
    one = CALENDARS[name]
    period = one.period_of(day)
    assert period.holds(day)
    assert one.get(period.period_id) == period
    assert one.after(period).first_date == period.end_date
    assert one.before(period).end_date == period.first_date
    assert one.before(one.after(period)) == period
    assert one.period_of(period.first_date) == one.period_of(period.end_date - DAY) == period


@pytest.mark.parametrize("name", CALENDARS)
def test_ids_are_unique_over_fifty_years(name: str) -> None:
    periods = list(CALENDARS[name].between(date(1990, 1, 1), date(2040, 1, 1)))
    assert len({one.period_id for one in periods}) == len(periods)
    assert all(a.end_date == b.first_date for a, b in pairwise(periods))


@pytest.mark.parametrize("kind", WEEKS_OF_QUARTER)
def test_a_fiscal_year_has_its_weeks_and_sometimes_one_more(kind: str) -> None:
    periods = CALENDARS[kind].periods
    years: dict[str, list[int]] = {}
    for one in periods:
        weeks = (one.end_date - one.first_date).days / 7
        years.setdefault(one.period_id[:6], []).append(int(weeks))
        assert weeks == int(weeks)
    first, second, third = WEEKS_OF_QUARTER[kind]
    for weeks_of_year in years.values():
        assert weeks_of_year[:11] == [first, second, third] * 3 + [first, second]
        assert weeks_of_year[11] in (third, third + 1)


def test_the_retail_calendar_has_53_weeks_in_the_years_the_trade_knows() -> None:
    """National Retail Federation, 4-5-4: fiscal 2012, 2017 and 2023 have 53 weeks."""
    periods = generate("4-5-4", date(2010, 1, 31), date(2030, 1, 1), year_starts_near=(2, 1))
    long = {
        one.period_id[2:6]
        for one in periods
        if one.period_id.endswith("P12") and (one.end_date - one.first_date).days == 35
    }
    assert long == {"2012", "2017", "2023", "2028"}
    starts = {one.period_id[2:6]: one.first_date for one in periods if one.period_id[-3:] == "P01"}
    assert starts["2013"] == date(2013, 2, 3)
    assert starts["2018"] == date(2018, 2, 4)
    assert starts["2024"] == date(2024, 2, 4)


def test_years_of_53_weeks_can_be_named() -> None:
    periods = generate("4-4-5", date(2011, 1, 2), date(2012, 6, 1), years_of_53_weeks=[2011])
    (last,) = [one for one in periods if one.period_id == "FY2011-P12"]
    assert (last.end_date - last.first_date).days == 6 * 7
    (last,) = [one for one in periods if one.period_id == "FY2012-P12"]
    assert (last.end_date - last.first_date).days == 5 * 7


@settings(deadline=None)
@given(day=DATES)
def test_iso_weeks_are_those_of_the_standard(day: date) -> None:
    year, week, _ = day.isocalendar()
    monday = day - timedelta(days=day.weekday())
    (period,) = generate("iso_week", monday, monday + DAY)
    assert period == Period(monday, monday + 7 * DAY, f"{year}-W{week:02d}")


def test_a_period_holds_its_first_day_and_not_the_day_after_its_last() -> None:
    a = CALENDARS["table"].get("A")
    held = [a.holds(date(2011, 3, day)) for day in (4, 5, 19, 20)]
    assert held == [False, True, True, False]


def test_days_are_periods_of_their_own() -> None:
    first = date(2011, 2, 28)
    assert generate("day", first, first + 2 * DAY) == (
        Period(first, first + DAY, "2011-02-28"),
        Period(first + DAY, first + 2 * DAY, "2011-03-01"),
    )


def test_a_year_of_53_iso_weeks() -> None:
    weeks = generate("iso_week", date(2014, 12, 29), date(2016, 1, 4))
    assert len(weeks) == 53
    assert (weeks[0].period_id, weeks[-1].period_id) == ("2015-W01", "2015-W53")


def test_calendar_months_go_on_outside_a_calendar_and_are_cut_where_it_begins_and_ends() -> None:
    table = CALENDARS["table"]
    ids = [one.period_id for one in table.between(date(2011, 2, 1), date(2011, 7, 1))]
    assert ids == ["2011-02", "2011-03-before", "A", "B", "2011-05-after", "2011-06"]
    assert table.get("2011-03-before") == Period(
        date(2011, 3, 1), date(2011, 3, 5), "2011-03-before"
    )
    assert table.get("2011-05-after").first_date == date(2011, 5, 9)


@pytest.mark.parametrize(
    ("calendar_name", "period_id"),
    [
        ("default", "2011-13"),
        ("default", "2011-3"),
        ("default", "0000-01"),
        ("default", "march"),
        ("default", "2011-03-before"),
        ("table", "2011-03"),
        ("table", "2011-04"),
        ("month", "FY2011-P01"),
    ],
)
def test_an_id_no_period_has_is_refused(calendar_name: str, period_id: str) -> None:
    one = CALENDARS[calendar_name]
    assert one.find(period_id) is None
    with pytest.raises(IncorrectInput) as error:
        one.get(period_id)
    assert error.value.rule == "period_must_be_in_the_calendar"
    example = {"default": "2011-03", "table": "A", "month": "2010-12"}[calendar_name]
    assert str(error.value) == (
        f"period {period_id!r}: expected a period of the {one.kind} calendar, such as {example},"
        " found no such period. `ledgerlake calendar show` lists them."
    )


@pytest.mark.parametrize(
    ("kind", "day", "word", "example"),
    [("month", 2, "month", "2011-03-01"), ("iso_week", 1, "iso week", "2011-02-28")],
)
def test_a_calendar_begins_with_a_whole_period(
    kind: str, day: int, word: str, example: str
) -> None:
    with pytest.raises(IncorrectInput) as error:
        generate(kind, date(2011, 3, day), date(2012, 1, 1))
    assert error.value.rule == "calendar_must_begin_with_a_whole_period"
    assert str(error.value) == (
        f"{kind} calendar: expected the first day of a {word}, such as {example},"
        f" found 2011-03-0{day}."
    )


def test_a_table_is_not_generated() -> None:
    with pytest.raises(IncorrectInput) as error:
        generate("table", date(2011, 3, 1), date(2012, 1, 1))
    assert error.value.rule == "calendar_kind_must_be_known"
    assert str(error.value) == (
        "calendar: expected one of month, day, iso_week, 4-4-5, 4-5-4, 5-4-4, found table."
        " A table of your own is given with its dates, not generated."
    )


def test_the_last_month_of_all_can_be_named() -> None:
    assert MONTHS.period_of(date(9999, 12, 5)) == Period(date(9999, 12, 1), date.max, "9999-12")
    assert MONTHS.period_of(date(9999, 11, 5)).end_date == date(9999, 12, 1)
    assert MONTHS.period_of(date(12, 12, 5)) == Period(date(12, 12, 1), date(13, 1, 1), "0012-12")
    assert MONTHS.get("0012-12").first_date == date(12, 12, 1)


def test_fiscal_years_are_named_by_their_middle_and_their_periods_by_number() -> None:
    first = date(2010, 1, 31)
    periods = generate("4-5-4", first, first + timedelta(weeks=9))
    assert len(periods) == 12, "whole years"
    assert periods[:2] == (
        Period(first, first + timedelta(weeks=4), "FY2010-P01"),
        Period(first + timedelta(weeks=4), first + timedelta(weeks=9), "FY2010-P02"),
    )
    assert len(generate("4-5-4", first, first + timedelta(weeks=52))) == 12
    assert len(generate("4-5-4", first, first + timedelta(weeks=52, days=1))) == 24
    early = generate("4-4-5", date(912, 7, 3), date(912, 7, 4))
    assert early[-1].period_id == "FY0913-P12"


def test_a_year_is_long_where_the_next_would_begin_more_than_three_days_early() -> None:
    """Near its own first day by default: 364 days after 3 January is four days before it."""
    years = generate("4-4-5", date(2011, 1, 3), date(2017, 1, 1))
    starts = [one.first_date for one in years if one.period_id.endswith("P01")]
    assert starts == [date(2011, 1, 3), date(2012, 1, 2), date(2012, 12, 31), date(2014, 1, 6),
                      date(2015, 1, 5), date(2016, 1, 4)]  # fmt: skip


def test_a_year_that_begins_near_new_year_keeps_to_it_from_both_sides() -> None:
    for first in (date(2010, 12, 30), date(2012, 2, 29), date(2011, 1, 2)):
        near = (1, 1) if first.month != 2 else (2, 29)
        periods = generate("4-4-5", first, date(2040, 1, 1), year_starts_near=near)
        starts = [one.first_date for one in periods if one.period_id.endswith("P01")]
        ids = [one.period_id for one in periods]
        assert len(set(ids)) == len(ids)
        for day in starts:
            around = [date(day.year + n, near[0], min(near[1], 28)) for n in (-1, 0, 1)]
            assert min(abs((day - one).days) for one in around) <= 3


def test_a_year_that_begins_on_the_last_of_a_month_keeps_its_anniversary() -> None:
    periods = generate("4-4-5", date(2010, 1, 31), date(2016, 1, 1))
    starts = [one.first_date for one in periods if one.period_id.endswith("P01")]
    assert all(abs((day - date(day.year, 1, 31)).days) <= 4 for day in starts)


def test_a_year_may_begin_after_the_day_it_keeps_near_of_the_year_before() -> None:
    periods = generate("4-4-5", date(2012, 1, 2), date(2030, 1, 1), year_starts_near=(12, 31))
    starts = [one.first_date for one in periods[::12]]
    new_years = [date(2012 + number, 1, 1) for number in range(len(starts))]
    assert all(
        abs(start - new_year).days <= 4 for start, new_year in zip(starts, new_years, strict=True)
    )


def test_a_fiscal_year_is_named_by_the_year_that_holds_its_middle() -> None:
    first, *_ = generate("4-4-5", date(2010, 7, 1), date(2011, 1, 1))
    later, *_ = generate("4-4-5", date(2010, 7, 5), date(2011, 1, 1))
    assert (first.period_id, later.period_id) == ("FY2010-P01", "FY2011-P01")


def test_months_beside_a_calendar_of_whole_months_are_whole() -> None:
    table = Calendar(1, "own", (Period(date(2011, 3, 1), date(2011, 4, 1), "A"),))
    days = (date(2011, 2, 28), date(2011, 3, 1), date(2011, 4, 1))
    assert [table.period_of(day).period_id for day in days] == ["2011-02", "A", "2011-04"]


def test_a_period_before_the_first_ever_closed_is_called_closed() -> None:
    assert [name_of(one) for one in (BEFORE_FIRST_CLOSE, OPEN)] == ["Closed", "Open"]
