"""Rules of calendars and lateness policies.

A new calendar may redraw only what lies behind every event and what nobody has locked or posted to.
Called by `ledger.rules.batch`.
"""

import re
from collections.abc import Sequence
from datetime import date

from ledger import control_events as ev
from ledger.books import Books
from ledger.business_days import DAY_US, EPOCH
from ledger.calendar import KINDS, Calendar, Period, month_of
from ledger.deciding import no
from ledger.rules.rejection import Case, Rejections

MAX_DELAY_DAYS = 36_500
INITIAL_GRACE_HOURS = 8760


def defined(case: Case, event: ev.CalendarDefined) -> Rejections:
    books = case.books
    thing = f"calendar version {event.calendar_version}"
    wanted = books.calendar.version + 1
    if event.calendar_version != wanted:
        rule = "calendar_version_must_follow_the_last"
        yield no(rule, thing, f"version {wanted}", f"version {event.calendar_version}")
    if event.kind not in KINDS:
        yield no("calendar_kind_must_be_known", thing, f"one of {', '.join(KINDS)}", event.kind)
    yield from _partition(event.periods, thing)
    periods = tuple(Period(p.first_date, p.end_date, p.period_id) for p in event.periods)
    new = Calendar(event.calendar_version, event.kind, periods)
    for kept in locked_periods(books):
        found = new.find(kept.period_id)
        if found != kept:
            yield no(
                "calendar_must_keep_locked_periods",
                thing,
                _dates(kept),
                _dates(found) if found else f"no {kept.period_id}",
                "Periods that were closed, soft-closed or posted to keep their dates.",
            )
    if case.evidence.newest_event_us is not None:
        yield from _keeps_periods_with_events(
            books.calendar, new, _latest_business_date(case.evidence.newest_event_us), thing
        )


def _latest_business_date(event_time_us: int) -> date:
    """In the zone furthest ahead of UTC it is tomorrow already."""
    ordinal = EPOCH.toordinal() + event_time_us // DAY_US + 1
    return date.fromordinal(min(ordinal, date.max.toordinal()))


def _keeps_periods_with_events(old: Calendar, new: Calendar, last: date, thing: str) -> Rejections:
    """The same periods up to the one that holds `last`. Before both calendars there are months."""
    first = month_of(min(one.periods[0].first_date for one in (old, new) if one.periods)).first_date
    end = old.period_of(last).end_date
    pairs = zip(old.between(first, end), new.between(first, end), strict=False)
    moved = next((pair for pair in pairs if pair[0] != pair[1]), None)
    if moved is not None:
        yield no(
            "calendar_must_keep_periods_with_events",
            thing,
            _dates(moved[0]),
            _dates(moved[1]),
            f"There are events up to {last} (a day for zones ahead of UTC included), booked by"
            f" the periods of then: give every period before {end} as it is, and begin with"
            " new ones there.",
        )


def _partition(periods: Sequence[ev.PeriodDates], thing: str) -> Rejections:
    """Ascending, without gap or overlap, each of a day at least, each id once."""
    if not periods:
        yield no("calendar_must_have_periods", thing, "one period or more", "none")
    first, end = periods[0].first_date, periods[-1].end_date
    expected, seen = first, set[str]()
    for one in periods:
        if one.first_date != expected or one.end_date <= one.first_date:
            found = f"{one.period_id} from {one.first_date} to {one.end_date}"
            rule = "calendar_periods_must_follow_each_other"
            yield no(rule, thing, f"a period of a day or more from {expected}", found)
        if not one.period_id or one.period_id in seen:
            yield no("period_id_must_be_unique", thing, "another id", repr(one.period_id))
        if _is_another_month(one.period_id, first, end):
            found = f"{one.period_id}, which is the calendar month outside this calendar"
            yield no("period_id_must_not_name_another_month", thing, "another id", found)
        seen.add(one.period_id)
        expected = one.end_date


def _is_another_month(period_id: str, first: date, end: date) -> bool:
    """Months go on outside a calendar's own periods, so their ids are taken there."""
    if re.search(r"-(before|after)$", period_id):
        return True
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}", period_id):
        return False
    return not f"{first:%Y-%m}" <= period_id <= f"{end:%Y-%m}"


def locked_periods(books: Books) -> list[Period]:
    """Periods that were ever put into a state, or that a decision posted to."""
    posted = {one.posting_period for one in books.decisions.values() if one.posting_period}
    ids = sorted(posted | set(books.periods))
    found = (books.calendar.find(one) for one in ids)
    return sorted(one for one in found if one is not None)


def policy_set(case: Case, event: ev.LatenessPolicySet) -> Rejections:
    books = case.books
    thing = "lateness policy"
    limits = (
        ("max_delay_days", event.max_delay_days, MAX_DELAY_DAYS),
        ("initial_grace_hours", event.initial_grace_hours, INITIAL_GRACE_HOURS),
    )
    for name, value, most in limits:
        if not 0 <= value <= most:
            yield no(f"{name}_must_be_within_range", thing, f"0 to {most}", str(value))
    if event.amount_cap is not None and event.amount_cap < 0:
        yield no("amount_cap_must_not_be_negative", thing, "0 or more", str(event.amount_cap))
    if event.period_id is not None and books.calendar.find(event.period_id) is None:
        found = f"{event.period_id!r}"
        yield no("period_must_be_in_the_calendar", thing, "a period of the calendar", found)


def _dates(period: Period) -> str:
    return f"{period.period_id} from {period.first_date} to {period.end_date}"
