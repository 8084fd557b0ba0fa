"""Rules that no story of an office breaks, each broken once; and what a broken rule makes moot."""

from typing import Any

import pytest

from ledger import control_events as ev
from ledger.books import EMPTY, evolve
from ledger.rules.batch import _RULES
from ledger.rules.rejection import Case
from tests.control.office import DAY_US, MINUTE_US, NOW_US, altered, person
from tests.ledger.paper_office import PaperOffice

MARCH, APRIL, NOWHERE = "2011-03", "2011-04", "nowhere"
NOBODY = "f" * 32
"""A request that nobody made."""


@pytest.fixture
def office() -> PaperOffice:
    made = PaperOffice().open_for_business()
    made.sell("late", at_us=NOW_US - 15 * DAY_US)
    made.close(MARCH)
    return made


def lock(asked: str, lock_id: str = "l", period_id: str = APRIL) -> ev.LockExceptionGranted:
    return ev.LockExceptionGranted(**_scope(lock_id, period_id), reason="", request_id=asked)


def _scope(lock_id: str, period_id: str = APRIL) -> dict[str, Any]:
    anyone = dict.fromkeys(("source", "store_id", "amount_cap"))
    until = NOW_US + 60 * MINUTE_US
    return {
        "lock_exception_id": lock_id,
        "period_id": period_id,
        "expires_at_us": until,
        **anyone,
    }


def grant(office: PaperOffice, lock_id: str = "l") -> str | None:
    asked = office.ask("rita", "grant_lock_exception", **_scope(lock_id))
    return office.rejection(office.approval("adam", asked), lock(asked.request_id, lock_id))


def revocation(office: PaperOffice, **values: Any) -> ev.LockExceptionRevoked:
    asked = office.recorded_request(office.books.lock_exceptions["l"].request_id)
    note = office.approval("rita", asked, role="revoker", **values).statement
    return ev.LockExceptionRevoked(lock_exception_id="l", statement=note)


def test_nobody_is_added_who_is_there_or_in_a_role_there_is_not(office: PaperOffice) -> None:
    assert office.rejection(person("rita", "requester")) == "person_must_not_be_added_twice"
    assert office.rejection(person("zoe", "owner")) == "role_must_be_known"
    assert office.rejection(person("zoe")) == "role_must_be_known"


def test_the_id_of_a_lock_exception_is_used_once(office: PaperOffice) -> None:
    assert grant(office) is None
    assert grant(office) == "lock_exception_id_must_be_new"


def test_a_revocation_signed_for_another_lake_revokes_nothing(office: PaperOffice) -> None:
    grant(office)
    foreign = revocation(office, lake_id="ab" * 16)
    assert office.rejection(foreign) == "statement_must_be_for_this_lake"


def test_what_is_rejected_is_posted_nowhere(office: PaperOffice) -> None:
    asked = office.ask_to_decide(["late"], "rejected")
    [decided] = office.decisions(["late"], "rejected", None, asked)
    posted = altered(decided, posting_period=APRIL)
    rule = office.rejection(office.approval("adam", asked), posted)
    assert rule == "posting_period_must_not_be_given"


def test_books_take_a_close_whose_request_they_do_not_have(office: PaperOffice) -> None:
    """Facts are facts, also in a lake of other rules."""
    asked = office.ask("rita", "close_period", period_id=APRIL, plan_sha256="ab" * 32)
    [closed] = office.batch(office.closed(APRIL, asked))
    assert [one.event for one in evolve(EMPTY, closed).closes] == [closed.event]


def moot(office: PaperOffice) -> list[tuple[ev.ControlEvent, str]]:
    """Events that leave nothing to ask about once this rule is broken."""
    grant(office)
    asked = office.ask("rita", "reopen_period", period_id=MARCH)
    used = next(one for one in office.books.requests.values() if one.action == "close_period")
    closed = office.closed(APRIL, office.recorded_request(used.request_id))
    approval = office.approval("adam", asked)
    decided = ev.LateEventDecided(
        event_id="unknown",
        row_index=7,
        decision="rejected",
        posting_period=None,
        previous_decision=None,
        previous_posting_period=None,
        request_id=NOBODY,
    )
    revoked = revocation(office, subject={"lock_exception_id": "l"})
    gone = ev.PersonRemoved(person="nobody", request_id=NOBODY)
    soft = ev.PeriodSoftClosed(period_id=NOWHERE, sealed=False, reason="")
    again = ev.PeriodReopened(period_id=NOWHERE, request_id=NOBODY, reason="")
    return [
        (decided, "event_must_be_in_the_lake"),
        (lock(NOBODY, "new", NOWHERE), "period_must_be_in_the_calendar"),
        (altered(revoked, lock_exception_id="unknown"), "lock_exception_must_be_in_force"),
        (altered(revoked, statement=""), "note_must_be_well_formed"),
        (gone, "person_must_be_active"),
        (soft, "period_must_be_in_the_calendar"),
        (altered(closed, period_id=NOWHERE), "period_must_be_in_the_calendar"),
        (altered(closed, request_id=NOBODY), "close_must_be_approved"),
        (closed, "close_must_be_approved"),
        (again, "period_must_be_in_the_calendar"),
        (altered(asked, statement=""), "note_must_be_well_formed"),
        (altered(approval, request_id=NOBODY), "request_must_be_open"),
        (altered(approval, statement=""), "note_must_be_well_formed"),
    ]


def test_after_a_rule_that_leaves_nothing_to_ask_about_nothing_is_asked(
    office: PaperOffice,
) -> None:
    """Read to the end, which the check of a batch never does, a rule ends there, and does not fall
    over what is not there."""
    for event, rule in moot(office):
        [at] = office.batch(event)
        case = Case(books=office.books, at=at, evidence=office.evidence)
        rules = [one.rule for one in _RULES[type(event)](case, event)]
        assert rules[-1] == rule, (event, rules)
