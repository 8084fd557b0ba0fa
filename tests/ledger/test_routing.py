"""Where an event goes: every state, reason, policy scope and lock exception, by what was known."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import control_events as ev
from ledger.books import StoreRegistered, evolve
from ledger.business_days import EPOCH, US, StoreDays
from ledger.calendar import MONTHS
from ledger.policies import PROPOSED, LockException, Policy, choose, over_cap
from ledger.routing import Arrival, Routed
from tests.control.office import DAY_US, MINUTE_US, NOW_US
from tests.ledger.paper_office import PaperOffice
from tests.models import booking_oracle

MARCH, APRIL = "2011-03", "2011-04"
IN_TIME, TOO_LATE = NOW_US - DAY_US, NOW_US - 15 * DAY_US


def office(**policy: Any) -> PaperOffice:
    made = PaperOffice().open_for_business()
    limits = {"max_delay_days": 5, "initial_grace_hours": 6} | policy
    made.record(ev.LatenessPolicySet(**limits))
    return made


def routed(made: PaperOffice, at_us: int, **values: Any) -> Routed:
    made.sell("x", at_us=at_us, **values)
    return made.books.route(made.arrivals["x"])


def said(made: PaperOffice, at_us: int, **values: Any) -> tuple[str, str | None, str | None]:
    found = routed(made, at_us, **values)
    return found.route, found.reason, found.posting_period


def soft(made: PaperOffice, *, sealed: bool) -> None:
    made.record(ev.PeriodSoftClosed(period_id=MARCH, sealed=sealed, reason=""))


def test_an_open_period_takes_what_is_in_time_and_under_the_cap() -> None:
    made = office(amount_cap=Decimal(100))
    assert said(made, IN_TIME, amount=100) == ("in_window", None, MARCH)
    assert said(made, IN_TIME, amount=101) == ("exception", "over_amount_cap", None)
    assert said(made, IN_TIME, amount=-101) == ("exception", "over_amount_cap", None)
    assert said(made, TOO_LATE, amount=101) == ("exception", "too_late", None)


def test_a_soft_closed_period_takes_its_named_sources_until_it_is_sealed() -> None:
    made = office(soft_close_sources=("till",))
    soft(made, sealed=False)
    assert said(made, IN_TIME) == ("in_window", None, MARCH)
    assert said(made, TOO_LATE) == ("exception", "too_late", None)
    assert said(made, IN_TIME, source="web") == ("exception", "period_soft_closed", None)
    soft(made, sealed=True)
    assert said(made, IN_TIME) == ("exception", "period_soft_closed", None)


def test_closed_and_reopened_periods_take_nothing() -> None:
    made = office()
    made.close(MARCH)
    assert said(made, IN_TIME) == ("exception", "period_closed", None)
    assert said(made, NOW_US - 40 * DAY_US) == ("exception", "period_closed", None)
    made.reopen(MARCH)
    assert said(made, IN_TIME) == ("exception", "period_reopened", None)


@pytest.mark.parametrize("state", ["open", "soft", "sealed", "closed", "reopened"])
def test_a_lock_exception_opens_all_but_what_is_sealed_or_closed(state: str) -> None:
    made = office()
    lock(made)
    if state == "soft":
        soft(made, sealed=False)
    elif state == "sealed":
        soft(made, sealed=True)
    elif state != "open":
        made.close(MARCH)
    if state == "reopened":
        made.reopen(MARCH)
    expected = "exception" if state in ("sealed", "closed") else "in_window"
    assert said(made, TOO_LATE)[0] == expected
    assert said(made, TOO_LATE, amount=51)[0] == "exception"
    assert said(made, TOO_LATE, source="web")[0] == "exception"
    made.clock.now_us += 60 * MINUTE_US
    assert said(made, TOO_LATE)[0] == "exception"


def test_a_lock_exception_lets_in_what_is_over_the_cap_of_the_policy_but_under_its_own() -> None:
    made = office(amount_cap=Decimal(20))
    lock(made)
    assert said(made, IN_TIME, amount=30) == ("in_window", None, MARCH)
    assert said(made, IN_TIME, amount=51) == ("exception", "over_amount_cap", None)


def test_a_policy_for_a_source_a_period_or_from_a_day_on_counts_for_these() -> None:
    made = office()
    assert said(made, TOO_LATE) == ("exception", "too_late", None)
    made.record(ev.LatenessPolicySet(max_delay_days=30, initial_grace_hours=6, source="till"))
    assert said(made, TOO_LATE) == ("in_window", None, MARCH)
    assert said(made, TOO_LATE, source="web") == ("exception", "too_late", None)
    made = office()
    made.record(ev.LatenessPolicySet(max_delay_days=30, initial_grace_hours=6, period_id=MARCH))
    assert said(made, TOO_LATE) == ("in_window", None, MARCH)
    made = office()
    day = (EPOCH + TOO_LATE * US).date()
    for first, route in ((day + timedelta(days=1), "exception"), (day, "in_window")):
        made.record(
            ev.LatenessPolicySet(max_delay_days=30, initial_grace_hours=6, effective_from=first)
        )
        assert said(made, TOO_LATE)[0] == route


def test_a_microsecond_after_its_grace_a_day_is_corrected() -> None:
    made = office()
    told = NOW_US // DAY_US * DAY_US + 6 * 60 * MINUTE_US
    for late_us in (0, 1):
        made.clock.now_us = told + late_us
        made.sell("x", at_us=told - DAY_US)
        arrival = replace(made.arrivals["x"], ingest_time_us=told + late_us)
        found = made.books.route(arrival)
        assert (found.is_correction, found.lateness_days) == (bool(late_us), late_us)


def lock(made: PaperOffice) -> None:
    scope = {
        "lock_exception_id": "l",
        "period_id": MARCH,
        "source": "till",
        "store_id": "s1",
        "amount_cap": "50",
        "expires_at_us": made.clock.now_us + 59 * MINUTE_US,
    }
    asked = made.ask("rita", "grant_lock_exception", **scope)
    grant = ev.LockExceptionGranted(
        **{**scope, "amount_cap": Decimal(50)}, reason="", request_id=asked.request_id
    )
    made.approve("adam", asked, grant)


def test_a_lock_exception_counts_from_its_own_commit_until_it_is_revoked() -> None:
    one = LockException(
        lock_exception_id="l",
        period_id=MARCH,
        source=None,
        store_id=None,
        amount_cap=None,
        expires_at_us=100,
        reason="",
        request_id="",
        granted_commit=5,
        revoked_commit=7,
    )
    scope: dict[str, Any] = {"period_id": MARCH, "source": "till", "store_id": None, "amount": None}
    covered = [seq for seq in range(10) if one.covers(**scope, commit_seq=seq, ingest_time_us=99)]
    assert covered == [5, 6]
    assert not one.covers(**scope, commit_seq=5, ingest_time_us=100)
    assert not one.covers(**{**scope, "period_id": APRIL}, commit_seq=5, ingest_time_us=99)


def test_what_was_known_at_the_event_s_own_commit_counts_for_ever() -> None:
    made = office()
    made.sell("before", at_us=IN_TIME)
    made.close(MARCH)
    made.record(ev.LatenessPolicySet(max_delay_days=0, initial_grace_hours=0))
    assert made.books.route(made.arrivals["before"]).route == "in_window"


def test_the_most_specific_policy_wins_then_the_latest_in_force_then_the_last_recorded() -> None:
    day = date(2011, 3, 15)
    known = [
        Policy(max_delay_days=1),
        Policy(max_delay_days=2, period_id=MARCH),
        Policy(max_delay_days=3, source="till"),
        Policy(max_delay_days=4, source="till", period_id=MARCH),
        Policy(max_delay_days=5, source="till", period_id=MARCH, effective_from=day),
        Policy(max_delay_days=6, source="till", period_id=MARCH),
        Policy(max_delay_days=7, source="web", effective_from=date(2011, 3, 16)),
        Policy(max_delay_days=8),
    ]

    def chosen(source: str, period_id: str, on: date = day) -> int:
        found = choose(known, source=source, business_date=on, period_id=period_id)
        return found.max_delay_days

    assert chosen("till", MARCH) == 5
    assert chosen("till", MARCH, date(2011, 3, 14)) == 6
    assert chosen("till", APRIL) == 3
    assert chosen("web", MARCH) == 2
    assert chosen("web", MARCH, date(2011, 3, 16)) == 7
    assert chosen("web", APRIL) == 8
    assert choose([], source="x", business_date=day, period_id=MARCH) == PROPOSED


def test_an_event_without_an_amount_is_over_no_cap() -> None:
    assert not over_cap(None, Decimal(0))
    assert not over_cap(Decimal(5), None)


def test_a_new_zone_moves_what_comes_after_it_only() -> None:
    made = office()
    midnight = int(datetime(2011, 3, 31, 20, tzinfo=UTC).timestamp()) * 1_000_000
    made.sell("utc", at_us=midnight)
    made._next_commit()
    taipei = StoreDays("Asia/Taipei", "00:00")
    registered = StoreRegistered(store_id="s1", days=taipei, commit_seq=made.commit)
    made.paper = evolve(made.paper, registered)
    made.sell("taipei", at_us=midnight)
    found = {one: made.books.route(made.arrivals[one]).period_id for one in ("utc", "taipei")}
    assert found == {"utc": MARCH, "taipei": APRIL}
    assert made.books.route(replace(made.arrivals["taipei"], store_id=None)).period_id == MARCH


ZONES = ("UTC", "Asia/Taipei", "Europe/London", "Australia/Lord_Howe", "Atlantic/Azores")


FIRST = datetime(2000, 1, 1, tzinfo=UTC)
TWENTY_DAYS, THIRTY_YEARS = timedelta(days=20), timedelta(days=10_958)


@settings(deadline=None)
@given(
    at=st.timedeltas(timedelta(0), THIRTY_YEARS).map(lambda after: FIRST + after),
    after=st.timedeltas(timedelta(0), TWENTY_DAYS),
    place=st.tuples(st.sampled_from(ZONES), st.sampled_from(("00:00", "02:00", "04:30"))),
    limits=st.tuples(st.integers(0, 9), st.integers(0, 40)),
)
def test_days_lateness_and_window_are_those_of_the_models_own_oracle(
    at: datetime, after: timedelta, place: tuple[str, str], limits: tuple[int, int]
) -> None:
    (zone, cut_off), (delay, grace) = place, limits
    expected = booking_oracle.book(
        at,
        at + after,
        booking_oracle.StoreDays(zone, cut_off),
        booking_oracle.Policy(delay, grace),
    )
    made = PaperOffice()
    made.record(ev.LatenessPolicySet(max_delay_days=delay, initial_grace_hours=grace))
    registered = StoreRegistered(store_id="s", days=StoreDays(zone, cut_off), commit_seq=2)
    books = evolve(made.books, registered)
    arrival = Arrival(
        event_id="x",
        row_index=1,
        commit_seq=3,
        event_time_us=(at - EPOCH) // US,
        ingest_time_us=(at + after - EPOCH) // US,
        source="till",
        store_id="s",
        amount=None,
    )
    found = books.route(arrival)
    assert (found.business_date, found.route) == (expected.business_date, expected.route)
    assert found.lateness_days == expected.lateness_days
    assert found.is_correction == expected.is_correction
    assert found.period_id == MONTHS.period_of(expected.business_date).period_id
