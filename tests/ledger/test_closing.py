"""Closing and reopening on paper: what breaks each rule, and what is just allowed."""

import pytest

from ledger import control_events as ev
from ledger.books import Versioned
from ledger.periods import BEFORE_FIRST_CLOSE, OPEN, Closed, Reopened, SoftClosed
from tests.control.office import PLAN, altered, reopened
from tests.ledger.paper_office import PaperOffice

JANUARY, FEBRUARY, MARCH, APRIL = "2011-01", "2011-02", "2011-03", "2011-04"
ORDER = "earlier_period_must_be_closed_first"
APPROVED = "close_must_be_approved"
REOPEN = "only_a_closed_period_can_be_reopened"
LATER = "later_period_must_be_reopened_first"


@pytest.fixture
def office() -> PaperOffice:
    return PaperOffice().open_for_business()


def soft(period_id: str, *, sealed: bool = False) -> ev.PeriodSoftClosed:
    return ev.PeriodSoftClosed(period_id=period_id, sealed=sealed, reason="clock")


def failed(period_id: str, run_id: str = "r") -> ev.CloseFailed:
    return ev.CloseFailed(
        period_id=period_id, run_id=run_id, step="s", reason="", controls=(), evidence_sha256=None
    )


def to_close(made: PaperOffice, period_id: str) -> ev.ActionRequested:
    """An approved request to close it."""
    asked = made.ask("rita", "close_period", period_id=period_id, plan_sha256=PLAN)
    made.approve("adam", asked)
    return asked


def reopening(made: PaperOffice, period_id: str) -> str | None:
    asked = made.ask("rita", "reopen_period", period_id=period_id)
    return made.rejection(made.approval("adam", asked), reopened(period_id, asked))


def test_the_states_of_a_period_say_what_was_known_from_which_commit_on(
    office: PaperOffice,
) -> None:
    office.record(soft(MARCH))
    softly = office.commit
    office.close(MARCH)
    closed = office.commit
    office.reopen(MARCH)
    at = office.commit
    books = office.books
    march = books.calendar.get(MARCH)
    assert books.state_at(march, softly - 1) == OPEN
    assert books.state_at(march, softly) == SoftClosed(
        cut_off_commit=softly, sealed=False, reason="clock", closed_edition=0
    )
    assert books.state_at(march, closed) == Closed(
        cut_off_commit=closed - 2,
        certificate_sha256="cd" * 32,
        closed_edition=1,
        published_edition=1,
    )
    again = Reopened(reason="late", requester="rita", approver="adam", closed_edition=1)
    assert books.state(MARCH) == again
    assert [one.event_type for one in books.history(MARCH)] == [
        *("PeriodSoftClosed", "PeriodSoftClosed", "PeriodClosed", "PeriodReopened"),
    ]
    assert books.history(MARCH)[-1] == Versioned(
        commit_seq=at,
        ingest_time_us=office.clock.now_us,
        state=again,
        event_type="PeriodReopened",
    )
    assert books.history(APRIL) == ()
    february = books.calendar.get(FEBRUARY)
    assert books.state_at(february, closed - 1) == OPEN
    assert books.state_at(february, closed) == BEFORE_FIRST_CLOSE
    assert [one.event.event_type for one in books.closes] == ["PeriodClosed"]
    assert books.failures == ()


def test_the_first_period_ever_closed_and_the_last_are_kept(office: PaperOffice) -> None:
    office.close(MARCH)
    books = office.books
    [(commit, first)] = books.first_closed
    assert (commit, first.period_id) == (office.commit, MARCH)
    assert books.last_closed == first
    office.close(APRIL)
    assert office.books.first_closed == books.first_closed
    assert office.books.last_closed == books.calendar.get(APRIL)
    office.reopen(APRIL)
    office.reopen(MARCH)
    office.close(MARCH, edition=2)
    assert office.books.last_closed == books.calendar.get(APRIL), "the last ever closed"


def test_a_closed_period_is_not_soft_closed_nor_one_before_it(office: PaperOffice) -> None:
    office.close(MARCH)
    rule = "closed_period_must_be_reopened_first"
    for period_id in (MARCH, FEBRUARY):
        for sealed in (False, True):
            assert office.rejection(soft(period_id, sealed=sealed)) == rule
    office.reopen(MARCH)
    assert office.rejection(soft(MARCH)) == "reopened_period_must_be_sealed"
    assert office.rejection(soft(MARCH, sealed=True)) is None


def test_a_seal_is_lifted_by_a_close_that_failed_after_it(office: PaperOffice) -> None:
    rule = "seal_must_be_lifted_by_a_failed_close"
    office.record(failed(MARCH), soft(MARCH))
    office.record(soft(MARCH, sealed=True))
    assert office.rejection(soft(MARCH)) == rule, "it failed before the seal"
    assert office.rejection(failed(APRIL), soft(MARCH)) == rule, "another one failed"
    assert office.rejection(soft(MARCH, sealed=True)) is None
    assert office.rejection(failed(MARCH, "r2"), soft(MARCH)) is None
    assert len(office.books.failures) == 2


def test_a_close_that_fails_in_the_commit_of_its_seal_lifts_it(office: PaperOffice) -> None:
    office.record(soft(MARCH, sealed=True), failed(MARCH), soft(MARCH))
    state = office.books.state(MARCH)
    assert isinstance(state, SoftClosed) and not state.sealed


def test_periods_are_sealed_in_order(office: PaperOffice) -> None:
    office.record(soft(FEBRUARY))
    assert office.rejection(soft(APRIL, sealed=True)) == ORDER
    assert office.rejection(soft(JANUARY, sealed=True)) is None, "none before it was touched"
    office = PaperOffice().open_for_business()
    office.close(MARCH)
    office.record(soft(APRIL))
    assert office.rejection(soft("2011-05", sealed=True)) == ORDER
    office.reopen(MARCH)
    assert office.rejection(soft(APRIL, sealed=True)) == ORDER
    assert office.rejection(soft(MARCH, sealed=True)) is None


def test_the_latest_period_that_was_touched_is_the_one_to_close_first(
    office: PaperOffice,
) -> None:
    office.record(soft(JANUARY), soft(FEBRUARY))
    assert office.rejection(soft(APRIL, sealed=True)) == ORDER
    office.record(ev.CalendarDefined(calendar_version=1, kind="month", periods=two_months()))
    assert office.rejection(soft(MARCH, sealed=True)) == ORDER


def two_months() -> tuple[ev.PeriodDates, ...]:
    months = PaperOffice().books.calendar
    found = (months.get(one) for one in (JANUARY, FEBRUARY))
    return tuple(
        ev.PeriodDates(period_id=p.period_id, first_date=p.first_date, end_date=p.end_date)
        for p in found
    )


def test_a_close_is_sealed_in_order_of_the_next_edition_and_of_what_is_in_the_lake(
    office: PaperOffice,
) -> None:
    asked = to_close(office, MARCH)
    sealed_first = "period_must_be_sealed_first"
    assert office.rejection(office.closed(MARCH, asked)) == sealed_first
    office.record(soft(MARCH))
    assert office.rejection(office.closed(MARCH, asked)) == sealed_first
    office.record(soft(MARCH, sealed=True))
    done = office.closed(MARCH, asked)
    edition, cut_off = "closed_edition_must_follow_the_last", "cut_off_must_be_in_the_lake"
    assert office.rejection(altered(done, closed_edition=2)) == edition
    assert office.rejection(altered(done, closed_edition=0)) == edition
    assert office.rejection(altered(done, cut_off_commit=-1)) == cut_off
    office.record(soft(FEBRUARY))
    assert office.rejection(done) == ORDER
    office = PaperOffice().open_for_business()
    asked = to_close(office, MARCH)
    office.record(soft(MARCH, sealed=True))
    done = altered(office.closed(MARCH, asked), cut_off_commit=office.commit + 1)
    assert office.rejection(done) == cut_off
    assert office.rejection(altered(done, cut_off_commit=0)) is None


def test_a_close_is_approved_for_this_period_and_once(office: PaperOffice) -> None:
    other = to_close(office, APRIL)
    asked = to_close(office, MARCH)
    office.record(soft(MARCH, sealed=True))
    done = office.closed(MARCH, asked)
    assert office.rejection(altered(done, request_id="f" * 32)) == APPROVED
    assert office.rejection(altered(done, request_id=other.request_id)) == APPROVED
    opening = office.ask("rita", "reopen_period", period_id=MARCH)
    assert office.rejection(altered(done, request_id=opening.request_id)) == APPROVED
    unanswered = office.ask("rita", "close_period", period_id=MARCH, plan_sha256=PLAN)
    assert office.rejection(altered(done, request_id=unanswered.request_id)) == APPROVED
    office.record(done)
    assert office.books.requests[asked.request_id].used_commit == office.commit
    office.reopen(MARCH)
    office.record(soft(MARCH, sealed=True))
    assert office.rejection(office.closed(MARCH, asked, edition=2)) == APPROVED


def test_an_approval_of_the_commit_that_ended_the_last_close_is_spent(
    office: PaperOffice,
) -> None:
    office.record(soft(MARCH, sealed=True))
    asked = office.ask("rita", "close_period", period_id=MARCH, plan_sha256=PLAN)
    office.record(office.approval("adam", asked), failed(MARCH))
    assert office.rejection(office.closed(MARCH, asked)) == APPROVED
    later = to_close(office, MARCH)
    office.record(failed(APRIL))
    assert office.rejection(office.closed(MARCH, later)) is None, "another one failed"


def test_only_what_is_closed_is_reopened_the_latest_first(office: PaperOffice) -> None:
    assert reopening(office, MARCH) == REOPEN
    office.record(soft(MARCH))
    assert reopening(office, MARCH) == REOPEN
    office.record(soft(MARCH, sealed=True))
    assert reopening(office, MARCH) == REOPEN
    office.close(MARCH)
    assert reopening(office, FEBRUARY) == REOPEN
    office.record(soft(APRIL))
    assert reopening(office, MARCH) is None, "a later one may be soft-closed"
    assert reopening(office, MARCH) == REOPEN


def test_a_later_period_that_is_sealed_or_closed_is_reopened_first(office: PaperOffice) -> None:
    office.close(MARCH)
    office.record(soft(APRIL, sealed=True))
    assert reopening(office, MARCH) == LATER
    office.close(APRIL)
    assert reopening(office, MARCH) == LATER
    assert reopening(office, APRIL) is None
    assert reopening(office, MARCH) is None


def test_after_a_failed_close_of_its_next_edition_a_period_is_reopened_again(
    office: PaperOffice,
) -> None:
    office.close(MARCH)
    office.reopen(MARCH)
    office.record(soft(MARCH, sealed=True))
    assert reopening(office, MARCH) == REOPEN
    office.record(failed(MARCH), soft(MARCH))
    assert reopening(office, MARCH) is None
    state = office.books.state(MARCH)
    assert isinstance(state, Reopened) and state.closed_edition == 1


def test_what_is_late_goes_to_the_first_open_period_after_every_close(
    office: PaperOffice,
) -> None:
    def target(period_id: str) -> str:
        return office.books.first_open(office.books.calendar.get(period_id)).period_id

    assert target(JANUARY) == JANUARY
    office.close(FEBRUARY)
    assert (target(JANUARY), target(FEBRUARY), target(MARCH)) == (MARCH, MARCH, MARCH)
    office.record(soft(MARCH))
    assert (target(FEBRUARY), target(MARCH), target("2011-06")) == (APRIL, APRIL, "2011-06")
    office.reopen(FEBRUARY)
    assert target(JANUARY) == APRIL
