"""Which decisions about late events may come: only of exceptions, only into what is open."""

from typing import Any

import pytest

from ledger import control_events as ev
from tests.control.office import DAY_US, NOW_US, altered
from tests.ledger.paper_office import PaperOffice

MARCH, APRIL, MAY = "2011-03", "2011-04", "2011-05"
UNDONE = "exception_must_be_pending_or_undone"
TAKEN_BACK = "decision_target_must_be_open"


@pytest.fixture
def office() -> PaperOffice:
    """March is closed; two sales of it came too late."""
    made = PaperOffice().open_for_business()
    made.sell("late", "later", at_us=NOW_US - 15 * DAY_US)
    made.close(MARCH)
    return made


def decided(made: PaperOffice, decision: str, into: str | None, **values: Any) -> str | None:
    """What the decision of the first sale breaks; None if it was recorded."""
    asked = made.ask_to_decide(["late"], decision)
    [one] = made.decisions(["late"], decision, into, asked)
    return made.rejection(made.approval("adam", asked), altered(one, **values))


def soft(period_id: str, *, sealed: bool = False) -> ev.PeriodSoftClosed:
    return ev.PeriodSoftClosed(period_id=period_id, sealed=sealed, reason="")


def test_a_late_event_goes_into_the_first_open_period(office: PaperOffice) -> None:
    first = "posting_date_must_be_in_an_open_period"
    assert decided(office, "next_period", MARCH) == first
    assert decided(office, "next_period", None) == first
    assert decided(office, "next_period", MAY) == "next_period_must_be_the_first_open_one"
    assert decided(office, "next_period", APRIL) is None
    made = office.books.decisions["late"]
    assert (made.decision, made.posting_period, made.row_index) == (
        "next_period",
        APRIL,
        office.arrivals["late"].row_index,
    )
    assert (made.commit_seq, made.event_id) == (office.commit, "late")
    assert office.books.requests[made.request_id].state == "approved"


def test_a_restatement_goes_into_its_own_period_while_that_is_reopened(
    office: PaperOffice,
) -> None:
    rule = "restated_needs_a_reopened_period"
    assert decided(office, "restated", MARCH) == rule
    office.reopen(MARCH)
    assert decided(office, "restated", APRIL) == rule
    assert decided(office, "restated", MARCH) is None
    assert decided(office, "pending", None) is None
    assert decided(office, "restated", MARCH) is None
    office.close(MARCH, edition=2)
    assert decided(office, "pending", None) == TAKEN_BACK


def test_a_posting_is_taken_back_only_while_its_period_is_open(office: PaperOffice) -> None:
    office.decide(["late"], "next_period", APRIL)
    office.record(soft(APRIL))
    assert decided(office, "pending", None) == TAKEN_BACK
    assert decided(office, "next_period", MAY) == TAKEN_BACK


def test_a_decision_changes_something_and_builds_on_the_one_before(office: PaperOffice) -> None:
    assert decided(office, "pending", None) == UNDONE
    office.decide(["late"], "rejected", None)
    assert decided(office, "rejected", None) == UNDONE
    assert decided(office, "next_period", APRIL, previous_decision=None) == UNDONE
    assert decided(office, "next_period", APRIL, previous_posting_period=APRIL) == UNDONE
    assert decided(office, "pending", None) is None
    assert decided(office, "pending", None) == UNDONE
    assert decided(office, "next_period", APRIL) is None
    assert decided(office, "next_period", APRIL) == UNDONE


def test_only_what_was_too_late_is_decided_and_by_the_row_it_has(office: PaperOffice) -> None:
    unknown = "event_must_be_in_the_lake"
    assert decided(office, "rejected", None, row_index=7) == unknown
    office.sell("in time", at_us=office.clock.now_us)
    asked = office.ask_to_decide(["in time"], "rejected")
    effects = office.decisions(["in time"], "rejected", None, asked)
    approval = office.approval("adam", asked)
    assert office.rejection(approval, *effects) == "only_an_exception_can_be_decided"
    asked = office.ask_to_decide(["late"], "rejected")
    effects = office.decisions(["late"], "rejected", None, asked)
    approval = office.approval("adam", asked)
    del office.arrivals["late"]
    assert office.rejection(approval, *effects) == unknown


def test_there_are_four_decisions(office: PaperOffice) -> None:
    assert decided(office, "forgotten", None) == "decision_must_be_known"


def test_an_approval_carries_out_the_decision_it_is_about_and_all_of_it(
    office: PaperOffice,
) -> None:
    asked = office.ask_to_decide(["late", "later"], "rejected")
    first, second = office.decisions(["late", "later"], "rejected", None, asked)
    approval = office.approval("adam", asked)
    rule = "effect_must_be_what_was_approved"
    assert office.rejection(approval, first, altered(second, decision="pending")) == rule
    rule = "approval_must_carry_out_the_request"
    assert office.rejection(approval, first) == rule
    assert office.rejection(approval, first, first) == "control_event_must_be_recorded_once"
    assert office.rejection(approval, second, first) is None
    undone = office.ask_to_decide(["late"], "pending")
    [one] = office.decisions(["late"], "pending", None, undone)
    of_another = altered(one, request_id=asked.request_id)
    rule = "request_must_be_approved_in_this_commit"
    assert office.rejection(office.approval("adam", undone), of_another) == rule
