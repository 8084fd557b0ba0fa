"""When a statement may say it was signed, held against the lake's clock and what it builds on."""

from collections.abc import Callable
from typing import Any

import pytest

from audit.statement import sign_statement
from ledger import control_events as ev
from ledger.statement_times import LONGEST_WAIT_US, SKEW_US, untimely, utc
from tests.control.office import DAY_US, MINUTE_US, PLAN, altered, signer
from tests.ledger.paper_office import PaperOffice

FUTURE = "statement_must_not_be_signed_in_the_future"
FORGOTTEN = "statement_must_be_recorded_within_7_days"
UNKNOWN = "statement_must_be_signed_after_its_person_was_added"
TOO_EARLY = "answer_must_not_be_signed_before_its_request"
SUBJECT = {"period_id": "2011-03", "plan_sha256": PLAN}
LOCK: dict[str, Any] = {
    "lock_exception_id": "l",
    "period_id": "2011-03",
    "source": None,
    "store_id": None,
    "amount_cap": None,
}


def office(*, days: int = 30) -> PaperOffice:
    """Two people, added so many days ago."""
    made = PaperOffice().open_for_business()
    made.clock.now_us += days * DAY_US
    return made


def recorded_us(made: PaperOffice) -> int:
    """When the next commit is."""
    return made.clock.now_us + 1


@pytest.mark.parametrize(
    ("away_us", "rule"),
    [
        (SKEW_US, None),
        (SKEW_US + 1, FUTURE),
        (365 * DAY_US, FUTURE),
        (-LONGEST_WAIT_US, None),
        (-LONGEST_WAIT_US - 1, FORGOTTEN),
    ],
)
def test_a_request_is_signed_in_the_days_before_it_is_recorded(
    away_us: int, rule: str | None
) -> None:
    made = office()
    asked = made.asked("rita", "close_period", SUBJECT, at_us=recorded_us(made) + away_us)
    assert made.rejection(asked) == rule


@pytest.mark.parametrize(("away_us", "rule"), [(-SKEW_US, None), (-SKEW_US - 1, UNKNOWN)])
def test_nobody_signs_before_they_were_added(away_us: int, rule: str | None) -> None:
    made = office(days=1)
    added_us = made.books.people["rita"].added_us
    asked = made.asked("rita", "close_period", SUBJECT, at_us=added_us + away_us)
    assert made.rejection(asked) == rule


def test_what_was_signed_before_a_removal_counts_for_nothing_after_the_return() -> None:
    made = office(days=1)
    made.add("zoe", "requester", "approver")
    kept = made.asked("zoe", "close_period", SUBJECT)
    made.remove("zoe")
    made.clock.now_us += DAY_US
    made.add("zoe", "requester", "approver")
    assert made.rejection(kept) == UNKNOWN


Answer = Callable[[PaperOffice, ev.ActionRequested, int], list[ev.ControlEvent]]


def _revoked(made: PaperOffice, asked: ev.ActionRequested, at_us: int) -> list[ev.ControlEvent]:
    granted = ev.LockExceptionGranted(
        **LOCK,
        expires_at_us=made.books.requests[asked.request_id].subject["expires_at_us"],
        reason="",
        request_id=asked.request_id,
    )
    made.approve("adam", asked, granted)
    said = made.answer(
        "adam",
        asked,
        role="revoker",
        action="revoke_lock_exception",
        subject={"lock_exception_id": "l"},
        at_us=at_us,
    )
    note = sign_statement(said, signer("adam"))
    return [ev.LockExceptionRevoked(lock_exception_id="l", statement=note)]


ANSWERS: dict[str, Answer] = {
    "approval": lambda made, asked, at_us: [made.approval("adam", asked, at_us=at_us)],
    "refusal": lambda made, asked, at_us: [made.declined("adam", asked, at_us=at_us)],
    "revocation": _revoked,
}


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize(
    ("away_us", "rule"),
    [(0, None), (-SKEW_US, None), (-SKEW_US - 1, TOO_EARLY), (10 * MINUTE_US, FUTURE)],
)
def test_an_answer_is_signed_after_its_request(kind: str, away_us: int, rule: str | None) -> None:
    made = office()
    asked_us = made.clock.now_us
    lock = {**LOCK, "expires_at_us": asked_us + 60 * MINUTE_US}
    asked = (
        made.ask("rita", "grant_lock_exception", **lock)
        if kind == "revocation"
        else made.ask("rita", "close_period", **SUBJECT)
    )
    assert made.rejection(*ANSWERS[kind](made, asked, asked_us + away_us)) == rule


def test_a_date_changed_after_signing_breaks_the_signature() -> None:
    made = office()
    asked = made.asked("rita", "close_period", SUBJECT)
    date = f'"at_us":{made.clock.now_us}'
    assert date in asked.statement
    for other in (made.clock.now_us - 1, made.clock.now_us + 1, 0):
        forged = altered(asked, statement=asked.statement.replace(date, f'"at_us":{other}'))
        assert made.rejection(forged) == "signature_must_verify"


def test_a_refusal_names_the_times_and_what_to_do() -> None:
    [found] = untimely(2 * SKEW_US, latest_us=0)
    assert (found.rule, found.found) == (FUTURE, "signed at 1970-01-01T00:10:00Z")
    assert "1970-01-01T00:00:00Z" in found.expected and "clock" in found.remedy
    assert list(untimely(SKEW_US, latest_us=0, recorded_us=0, added_us=0, asked_us=0)) == []
    assert utc(10**30) == f"{10**30} us"
