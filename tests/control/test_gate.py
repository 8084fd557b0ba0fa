"""What the choke point lets in, and what it refuses by the name of the broken rule."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit.statement import sign_statement
from audit.verify_lake import verify_lake
from ingestion.control.books import load_books
from ledger import control_events as ev
from ledger.errors import IncorrectInput
from ledger.periods import BEFORE_FIRST_CLOSE, OPEN, Closed, Reopened, SoftClosed
from tests.control.office import (
    DAY_US,
    MINUTE_US,
    NOW_US,
    PLAN,
    Office,
    altered,
    person,
    reopened,
    request_id,
    signer,
)

MARCH, APRIL, FEBRUARY = "2011-03", "2011-04", "2011-02"
IN_MARCH_US = NOW_US - 15 * DAY_US
"""16 March: more than 5 days and 6 hours before the office's clock, so too late."""


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path).open_for_business()


def refused(office: Office, rule: str, act: Callable[[], object]) -> None:
    """The act breaks `rule`, and leaves the lake as it was."""
    before = office.events, office.lake.head.seq
    with pytest.raises(IncorrectInput) as error:
        act()
    assert error.value.rule == rule, error.value
    assert (office.events, office.lake.head.seq) == before


def not_decided(
    office: Office, rule: str, event_ids: list[str], decision: str, into: str | None
) -> None:
    asked = office.ask_to_decide(event_ids, decision)
    effects = office.decisions(event_ids, decision, into, asked)
    refused(office, rule, lambda: office.approve("adam", asked, *effects))


def soft(period_id: str, *, sealed: bool = False) -> ev.PeriodSoftClosed:
    return ev.PeriodSoftClosed(period_id=period_id, sealed=sealed, reason="clock")


def test_a_month_goes_from_open_to_closed_and_back_by_four_eyes(office: Office) -> None:
    assert office.books.state(MARCH) == OPEN
    office.record(soft(MARCH))
    assert isinstance(office.books.state(MARCH), SoftClosed)
    office.close(MARCH)
    state = office.books.state(MARCH)
    assert isinstance(state, Closed) and state.closed_edition == 1
    office.reopen(MARCH)
    assert office.books.state(MARCH) == Reopened(
        reason="late", requester="rita", approver="adam", closed_edition=1
    )
    office.close(MARCH, edition=2)
    assert [one.event_type for one in office.books.history(MARCH)] == [
        "PeriodSoftClosed",
        "PeriodSoftClosed",
        "PeriodClosed",
        "PeriodReopened",
        "PeriodSoftClosed",
        "PeriodClosed",
    ]
    assert verify_lake(office.folder / "lake").ok
    assert load_books(office.folder / "lake") == office.books


def test_doing_it_again_commits_nothing(office: Office) -> None:
    head = office.lake.head.seq
    for _ in range(2):
        result = office.record(person("adam", "requester", "approver"))
        assert (result.seq, result.duplicate) == (None, 1)
    assert office.record(soft(MARCH)).seq == head + 1
    assert office.record(soft(MARCH)).seq is None
    asked = office.ask("rita", "close_period", period_id=MARCH, plan_sha256=PLAN)
    assert office.record(asked).seq is None
    office.approve("adam", asked)
    office.record(soft(MARCH, sealed=True))
    done = office.closed(MARCH, asked)
    assert office.record(done).seq is not None
    assert office.record(done).seq is None


def test_the_same_soft_close_may_come_again_after_another_state(office: Office) -> None:
    failed = ev.CloseFailed(
        period_id=MARCH, run_id="r", step="gated", reason="no", controls=(), evidence_sha256=None
    )
    for _ in range(2):
        office.record(soft(MARCH, sealed=True))
        office.record(failed, soft(MARCH))
    assert [one.state.sealed for one in office.books.history(MARCH)] == [True, False] * 2


FORGERIES: dict[str, tuple[str, Callable[[Office, ev.ActionRequested], ev.ControlEvent]]] = {
    "the requester approves": (
        "requester_must_not_approve",
        lambda office, asked: office.approval("rita", asked),
    ),
    "signed with another key under the right name": (
        "note_must_be_signed_by_a_known_key",
        lambda office, asked: altered(
            office.approval("adam", asked),
            statement=sign_statement(office.answer("adam", asked), signer("adam", "stolen")),
        ),
    ),
    "somebody nobody added": (
        "note_must_be_signed_by_a_known_key",
        lambda office, asked: office.approval("mallory", asked),
    ),
    "an altered reason": (
        "signature_must_verify",
        lambda office, asked: altered(
            office.approval("adam", asked),
            statement=office.approval("adam", asked).statement.replace("because", "becausE"),
        ),
    ),
    "of another lake": (
        "statement_must_be_for_this_lake",
        lambda office, asked: office.approval("adam", asked, lake_id="0" * 32),
    ),
    "of another subject": (
        "statement_must_match_the_request",
        lambda office, asked: office.approval("adam", asked, subject={"period_id": FEBRUARY}),
    ),
    "of a request in other words": (
        "statement_must_match_the_request",
        lambda office, asked: office.approval("adam", asked, request_sha256="0" * 64),
    ),
    "signed ahead of the lake's clock": (
        "statement_must_not_be_signed_in_the_future",
        lambda office, asked: office.approval(
            "adam", asked, at_us=office.clock.now_us + 6 * MINUTE_US
        ),
    ),
    "signed long ago": (
        "statement_must_be_recorded_within_7_days",
        lambda office, asked: office.approval("adam", asked, at_us=NOW_US - 8 * DAY_US),
    ),
    "signed in time, and dated otherwise afterwards": (
        "signature_must_verify",
        lambda office, asked: altered(
            office.approval("adam", asked),
            statement=office.approval("adam", asked).statement.replace('"at_us":1', '"at_us":2'),
        ),
    ),
    "as a decliner": (
        "statement_must_match_the_event",
        lambda office, asked: office.approval("adam", asked, role="decliner"),
    ),
    "of another request": (
        "statement_must_match_the_event",
        lambda office, asked: office.approval("adam", asked, request_id=request_id(99)),
    ),
    "of another action": (
        "statement_must_match_the_event",
        lambda office, asked: office.approval("adam", asked, action="close_period"),
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_approval_is_refused_and_nothing_of_it_is_kept(office: Office, name: str) -> None:
    rule, forge = FORGERIES[name]
    office.close(MARCH)
    asked = office.ask("rita", "reopen_period", period_id=MARCH)
    forged = forge(office, asked)
    refused(office, rule, lambda: office.record(forged, reopened(MARCH, asked)))
    assert isinstance(office.books.state(MARCH), Closed)
    office.approve("adam", asked, reopened(MARCH, asked))
    assert isinstance(office.books.state(MARCH), Reopened)


def test_an_approval_is_good_for_its_request_once(office: Office) -> None:
    office.close(MARCH)
    asked = office.ask("rita", "reopen_period", period_id=MARCH)
    approval = office.approval("adam", asked)
    office.record(approval, reopened(MARCH, asked))
    office.close(MARCH, edition=2)
    head = office.lake.head.seq
    assert office.record(approval, reopened(MARCH, asked)).seq is None
    again = office.approval("adam", asked, reason="replayed")
    refused(office, "request_must_be_open", lambda: office.record(again, reopened(MARCH, asked)))
    other = office.ask("rita", "reopen_period", period_id=MARCH)
    replayed = altered(approval, request_id=other.request_id)
    refused(
        office,
        "statement_must_match_the_event",
        lambda: office.record(replayed, reopened(MARCH, other)),
    )
    assert office.lake.head.seq == head + 1


def test_an_approval_without_its_effect_or_an_effect_without_approval_is_refused(
    office: Office,
) -> None:
    office.close(MARCH)
    asked = office.ask("rita", "reopen_period", period_id=MARCH)
    approval = office.approval("adam", asked)
    refused(office, "approval_must_carry_out_the_request", lambda: office.record(approval))
    rule = "request_must_be_approved_in_this_commit"
    refused(office, rule, lambda: office.record(reopened(MARCH, asked)))
    refused(office, rule, lambda: office.record(reopened(MARCH, asked), approval))
    office.record(approval, reopened(MARCH, asked))
    office.close(MARCH, edition=2)
    refused(office, rule, lambda: office.record(altered(reopened(MARCH, asked), reason="again")))


def test_people_come_and_go_by_four_eyes(office: Office) -> None:
    refused(office, "person_must_be_approved", lambda: office.record(person("eve", "approver")))
    values = {
        "person": "olga",
        "verifier_key": signer("olga").verifier.to_text(),
        "roles": ["auditor"],
    }
    asked = office.ask("rita", "add_person", **values)
    wrong = person("olga", "approver", request=asked.request_id)
    approval = office.approval("adam", asked)
    rule = "effect_must_be_what_was_approved"
    refused(office, rule, lambda: office.record(approval, wrong))
    office.record(approval, person("olga", "auditor", request=asked.request_id))
    assert office.books.people["olga"].roles == ("auditor",)
    asked = office.asked("olga", "reopen_period", {"period_id": MARCH})
    refused(office, "person_must_have_role", lambda: office.record(asked))
    asked = office.ask("rita", "remove_person", person="rita")
    gone = ev.PersonRemoved(person="rita", request_id=asked.request_id)
    refused(
        office,
        "a_requester_and_another_approver_must_remain",
        lambda: office.approve("adam", asked, gone),
    )


def test_who_was_removed_cannot_sign_any_more(office: Office) -> None:
    new = {
        "person": "zoe",
        "verifier_key": signer("zoe").verifier.to_text(),
        "roles": ["requester", "approver"],
    }
    asked = office.ask("rita", "add_person", **new)
    office.approve("adam", asked, person("zoe", *new["roles"], request=asked.request_id))
    asked = office.ask("rita", "remove_person", person="adam")
    open_request = office.ask("rita", "close_period", period_id=MARCH, plan_sha256=PLAN)
    office.approve("zoe", asked, ev.PersonRemoved(person="adam", request_id=asked.request_id))
    refused(office, "person_must_be_active", lambda: office.approve("adam", open_request))
    mine = office.asked("adam", "reopen_period", {"period_id": MARCH})
    refused(office, "person_must_be_active", lambda: office.record(mine))
    refused(office, "person_must_be_approved", lambda: office.record(person("adam", "approver")))


def test_one_key_is_one_pair_of_eyes(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.record(person("rita", "requester", "approver"))
    twin = altered(signer("rita"), name="rita2").verifier.to_text()
    second = altered(person("rita2", "approver"), verifier_key=twin)
    refused(office, "key_must_belong_to_one_person", lambda: office.record(second))
    named = altered(person("bob", "approver"), verifier_key=signer("carl").verifier.to_text())
    refused(office, "key_must_be_named_after_its_person", lambda: office.record(named))
    broken = altered(person("bob", "approver"), verifier_key="bob+00000000+AAAA")
    refused(office, "verifier_key_must_be_well_formed", lambda: office.record(broken))
    refused(
        office,
        "person_must_differ_in_more_than_case",
        lambda: office.record(person("Rita", "approver")),
    )
    refused(
        office,
        "a_requester_and_another_approver_must_remain",
        lambda: office.record(person("bob", "auditor")),
    )


def test_a_request_is_taken_back_by_its_requester_or_declined_by_an_approver(
    office: Office,
) -> None:
    for by in ("rita", "adam"):
        asked = office.ask("rita", "close_period", period_id=MARCH, plan_sha256=PLAN)
        subject = dict(office.books.requests[asked.request_id].subject)
        said = office.answer(by, asked, role="decliner", subject=subject)
        note = sign_statement(said, signer(by))
        office.record(
            ev.ActionDeclined(request_id=asked.request_id, action=asked.action, statement=note)
        )
        assert office.books.requests[asked.request_id].state == "declined"
        refused(office, "request_must_be_open", lambda a=asked: office.approve("adam", a))


def test_periods_close_in_order_and_reopen_latest_first(office: Office) -> None:
    office.close(FEBRUARY)
    assert office.books.state("2011-01") == BEFORE_FIRST_CLOSE
    rule = "closed_period_must_be_reopened_first"
    refused(office, rule, lambda: office.record(soft("2011-01")))
    refused(office, rule, lambda: office.record(soft(FEBRUARY, sealed=True)))
    rule = "earlier_period_must_be_closed_first"
    refused(office, rule, lambda: office.record(soft(APRIL, sealed=True)))
    office.close(MARCH)
    asked = office.ask("rita", "reopen_period", period_id=FEBRUARY)
    refused(
        office,
        "later_period_must_be_reopened_first",
        lambda: office.approve("adam", asked, reopened(FEBRUARY, asked)),
    )
    office.reopen(MARCH)
    office.approve("adam", asked, reopened(FEBRUARY, asked))
    refused(
        office,
        "earlier_period_must_be_closed_first",
        lambda: office.record(soft(MARCH, sealed=True)),
    )
    refused(office, "reopened_period_must_be_sealed", lambda: office.record(soft(MARCH)))
    office.close(FEBRUARY, edition=2)
    office.close(MARCH, edition=2)


def test_a_close_is_approved_sealed_and_counted(office: Office) -> None:
    asked = office.ask("rita", "close_period", period_id=MARCH, plan_sha256=PLAN)
    done = office.closed(MARCH, asked)
    refused(office, "period_must_be_sealed_first", lambda: office.record(done))
    office.record(soft(MARCH, sealed=True))
    refused(office, "close_must_be_approved", lambda: office.record(done))
    refused(
        office,
        "statement_must_match_the_request",
        lambda: office.record(
            office.approval("adam", asked, subject={"period_id": MARCH, "plan_sha256": PLAN})
        ),
    )
    office.approve("adam", asked)
    rule = "closed_edition_must_follow_the_last"
    refused(office, rule, lambda: office.record(altered(done, closed_edition=2)))
    rule = "cut_off_must_be_in_the_lake"
    refused(office, rule, lambda: office.record(altered(done, cut_off_commit=99)))
    refused(office, "seal_must_be_lifted_by_a_failed_close", lambda: office.record(soft(MARCH)))
    office.record(done)
    office.reopen(MARCH)
    office.record(soft(MARCH, sealed=True))
    used = office.closed(MARCH, asked, edition=2)
    refused(office, "close_must_be_approved", lambda: office.record(used))


def test_late_events_are_decided_once_and_only_into_what_is_open(office: Office) -> None:
    office.sell("a", "b", at_us=IN_MARCH_US)
    office.sell("fresh", at_us=NOW_US - DAY_US)
    not_decided(office, "only_an_exception_can_be_decided", ["fresh"], "next_period", MARCH)
    not_decided(office, "next_period_must_be_the_first_open_one", ["a"], "next_period", APRIL)
    rule = "restated_needs_a_reopened_period"
    not_decided(office, rule, ["a"], "restated", MARCH)
    office.close(MARCH)
    rule = "posting_date_must_be_in_an_open_period"
    not_decided(office, rule, ["a"], "next_period", MARCH)
    office.decide(["a", "b"], "next_period", APRIL)
    assert office.books.decisions["a"].posting_period == APRIL
    rule = "exception_must_be_pending_or_undone"
    not_decided(office, rule, ["a"], "next_period", APRIL)
    office.decide(["b"], "pending", None)
    not_decided(office, rule, ["b"], "pending", None)
    office.decide(["b"], "rejected", None)
    office.close(APRIL)
    not_decided(office, "decision_target_must_be_open", ["a"], "rejected", None)


def test_a_restatement_posts_to_the_reopened_period_itself(office: Office) -> None:
    office.sell("a", at_us=IN_MARCH_US)
    office.close(MARCH)
    office.sell("b", at_us=NOW_US - DAY_US)
    office.reopen(MARCH)
    office.decide(["a", "b"], "restated", MARCH)
    office.decide(["b"], "pending", None)
    office.close(MARCH, edition=2)
    not_decided(office, "decision_target_must_be_open", ["a"], "rejected", None)


WRONG_ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "another row": ("event_must_be_in_the_lake", {"row_index": 0}),
    "a row beyond the lake": ("event_must_be_in_the_lake", {"row_index": 10_000}),
    "no such event": ("event_must_be_in_the_lake", {"event_id": "nobody"}),
    "another decision": ("effect_must_be_what_was_approved", {"decision": "rejected"}),
    "a decision nobody knows": ("decision_must_be_known", {"decision": "forgotten"}),
    "a previous decision nobody made": (
        "exception_must_be_pending_or_undone",
        {"previous_decision": "rejected"},
    ),
}


@pytest.mark.parametrize("name", WRONG_ROWS)
def test_a_decision_that_does_not_fit_its_event_refuses_all_of_them(
    office: Office, name: str
) -> None:
    rule, values = WRONG_ROWS[name]
    office.sell("a", "b", at_us=IN_MARCH_US)
    asked = office.ask_to_decide(["a", "b"], "next_period")
    good, bad = office.decisions(["a", "b"], "next_period", MARCH, asked)
    approval = office.approval("adam", asked)
    refused(office, rule, lambda: office.record(approval, good, altered(bad, **values)))
    refused(office, "approval_must_carry_out_the_request", lambda: office.record(approval, good))
    office.record(approval, good, bad)
