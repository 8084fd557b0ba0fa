"""Four eyes for every action: who asks never approves, whatever roles they hold."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from audit.statement import events_sha256, sign_statement
from ledger import control_events as ev
from ledger.books import EMPTY
from ledger.people import ACTIONS
from ledger.rules import Evidence, Rejection, check
from ledger.rules.requests import SUBJECTS
from tests.control.office import DAY_US, MINUTE_US, NOW_US, PLAN, altered, person, signer
from tests.control.test_gate import FORGERIES
from tests.ledger.paper_office import PaperOffice

MARCH, APRIL = "2011-03", "2011-04"
ALL_ROLES = ("requester", "approver", "auditor")
"""What an administrator would hold."""


def office() -> PaperOffice:
    """Two administrators, a closed March, a sale too late for it."""
    made = PaperOffice()
    made.record(person("rita", *ALL_ROLES))
    made.record(person("adam", *ALL_ROLES))
    made.sell("late", at_us=NOW_US - 15 * DAY_US)
    made.close(MARCH)
    return made


Effects = Callable[[PaperOffice, ev.ActionRequested], list[ev.ControlEvent]]

LOCK: dict[str, Any] = {
    "lock_exception_id": "l",
    "period_id": APRIL,
    "source": None,
    "store_id": None,
    "amount_cap": None,
    "expires_at_us": NOW_US + 60 * MINUTE_US,
}
ZOE: dict[str, Any] = {
    "person": "zoe",
    "verifier_key": signer("zoe").verifier.to_text(),
    "roles": list(ALL_ROLES),
}
CASES: dict[str, tuple[dict[str, Any], Effects]] = {
    "decide_exceptions": (
        {"decision": "rejected", "event_count": 1, "events_sha256": events_sha256(["late"])},
        lambda made, asked: list(made.decisions(["late"], "rejected", None, asked)),
    ),
    "reopen_period": (
        {"period_id": MARCH},
        lambda _made, asked: [
            ev.PeriodReopened(period_id=MARCH, request_id=asked.request_id, reason="")
        ],
    ),
    "grant_lock_exception": (
        LOCK,
        lambda _made, asked: [
            ev.LockExceptionGranted(**LOCK, reason="", request_id=asked.request_id)
        ],
    ),
    "close_period": ({"period_id": APRIL, "plan_sha256": PLAN}, lambda _made, _asked: []),
    "add_person": (ZOE, lambda _made, asked: [person("zoe", *ALL_ROLES, request=asked.request_id)]),
    "remove_person": (
        {"person": "zoe"},
        lambda _made, asked: [ev.PersonRemoved(person="zoe", request_id=asked.request_id)],
    ),
    "replay_interest": (
        {
            "period_id": MARCH,
            "from_algorithm": "v1",
            "to_algorithm": "v2",
            "corrections": 3,
            "plan_sha256": PLAN,
        },
        lambda _made, _asked: [],
    ),
}
CARRIED_OUT_LATER = ("close_period", "replay_interest")


def asked_for(action: str) -> tuple[PaperOffice, ev.ActionRequested, list[ev.ControlEvent]]:
    made = office()
    if action == "remove_person":
        asked = made.ask("rita", "add_person", **ZOE)
        made.approve("adam", asked, *CASES["add_person"][1](made, asked))
    subject, effects = CASES[action]
    asked = made.ask("rita", action, **subject)
    return made, asked, effects(made, asked)


def test_every_action_is_tried_here() -> None:
    assert set(CASES) == set(ACTIONS) == set(SUBJECTS)


@pytest.mark.parametrize("action", ACTIONS)
def test_who_asked_does_not_approve_and_another_does(action: str) -> None:
    made, asked, effects = asked_for(action)
    own = made.approval("rita", asked)
    assert made.rejection(own, *effects) == "requester_must_not_approve"
    assert made.rejection(made.approval("adam", asked), *effects) is None
    request = made.books.requests[asked.request_id]
    assert (request.requester, request.answered_by) == ("rita", "adam")
    assert (request.state, request.reason, request.answered_reason) == (
        "approved",
        "because",
        "because",
    )


@pytest.mark.parametrize("action", [one for one in ACTIONS if one not in CARRIED_OUT_LATER])
def test_nothing_happens_without_an_approval_in_the_same_commit(action: str) -> None:
    made, asked, effects = asked_for(action)
    assert made.rejection(*effects) == "request_must_be_approved_in_this_commit"
    approval = made.approval("adam", asked)
    assert made.rejection(approval) == "approval_must_carry_out_the_request"


@pytest.mark.parametrize("action", ACTIONS)
def test_an_approval_carries_out_nothing_else(action: str) -> None:
    made, asked, effects = asked_for(action)
    other = made.ask("rita", "reopen_period", period_id=MARCH)
    more = ev.PeriodReopened(period_id=MARCH, request_id=other.request_id, reason="")
    approval = made.approval("adam", asked)
    assert made.rejection(approval, *effects, more) is not None


@pytest.mark.parametrize("action", ACTIONS)
def test_a_person_without_the_role_neither_asks_nor_approves(action: str) -> None:
    made, asked, effects = asked_for(action)
    olga = {**ZOE, "person": "olga", "roles": ["auditor"]}
    olga["verifier_key"] = signer("olga").verifier.to_text()
    request = made.ask("rita", "add_person", **olga)
    made.approve("adam", request, person("olga", "auditor", request=request.request_id))
    approval = made.approval("olga", asked)
    assert made.rejection(approval, *effects) == "person_must_have_role"
    mine = made.asked("olga", action, CASES[action][0])
    assert made.rejection(mine) == "person_must_have_role"


@pytest.mark.parametrize("action", ACTIONS)
def test_a_subject_has_exactly_its_fields(action: str) -> None:
    made, subject = office(), CASES[action][0]
    rule = "subject_must_have_its_fields"
    assert made.rejection(made.asked("rita", action, {**subject, "more": 1})) == rule
    assert made.rejection(made.asked("rita", action, dict(list(subject.items())[1:]))) == rule


def test_a_request_is_well_formed_and_new() -> None:
    made = office()
    asked = made.asked("rita", "reopen_period", {"period_id": MARCH})
    odd = altered(asked, request_id="A" * 32)
    assert made.rejection(odd) == "request_id_must_be_32_hex_digits"
    assert made.rejection(altered(asked, action="launch")) == "action_must_be_known"
    assert made.rejection(altered(asked, statement="x")) is not None
    assert made.rejection(asked) is None
    again = made.asked("rita", "reopen_period", {"period_id": MARCH})
    again = altered(again, request_id=asked.request_id)
    assert made.rejection(again) == "request_id_must_be_new"


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_approval_approves_nothing(name: str) -> None:
    rule, forge = FORGERIES[name]
    made, asked, effects = asked_for("reopen_period")
    forged: Any = forge(made, asked)
    assert made.rejection(forged, *effects) == rule
    assert made.books.requests[asked.request_id].state == "open"


def test_a_request_is_signed_for_its_lake_its_event_and_by_who_may_ask() -> None:
    made = office()
    subject = {"period_id": MARCH}
    for values, rule in (
        ({"lake_id": "0" * 32}, "statement_must_be_for_this_lake"),
        ({"role": "approver", "request_sha256": "0" * 64}, "statement_must_match_the_event"),
        ({"request_id": "0" * 32}, None),
    ):
        assert made.rejection(made.asked("rita", "reopen_period", subject, **values)) == rule
    asked = made.asked("rita", "reopen_period", subject)
    mismatch = "statement_must_match_the_event"
    assert made.rejection(altered(asked, action="close_period")) == mismatch
    assert made.rejection(altered(asked, request_id="a" * 32)) == mismatch
    assert made.rejection(altered(asked, request_id="a" * 33)) == "request_id_must_be_32_hex_digits"


def test_a_close_is_approved_with_the_warnings_it_acknowledges() -> None:
    made = office()
    plan = {"period_id": APRIL, "plan_sha256": PLAN}
    asked = made.ask("rita", "close_period", **plan)
    rule = "statement_must_match_the_request"
    for wrong in (plan, plan | {"acknowledged": "all"}, {"acknowledged": [], "period_id": APRIL}):
        assert made.rejection(made.approval("adam", asked, subject=wrong)) == rule
    listed = plan | {"acknowledged": ["C1"]}
    assert made.rejection(made.declined("adam", asked, subject=listed)) == rule
    assert made.rejection(made.approval("adam", asked, subject=listed)) is None
    answered = made.books.requests[asked.request_id]
    assert (answered.answered_subject, answered.answered_commit) == (listed, made.commit)
    assert (answered.answered_at_us, len(answered.statements)) == (made.clock.now_us, 2)
    assert (answered.requested_commit, answered.action) == (made.commit - 5, "close_period")
    assert answered.subject == plan
    reopening = made.ask("rita", "reopen_period", period_id=MARCH)
    effect = ev.PeriodReopened(period_id=MARCH, request_id=reopening.request_id, reason="")
    more = {"period_id": MARCH, "acknowledged": []}
    assert made.rejection(made.approval("adam", reopening, subject=more), effect) == rule


def test_a_request_is_answered_once() -> None:
    made, asked, effects = asked_for("reopen_period")
    approval = made.approval("adam", asked)
    made.record(approval, *effects)
    assert made.rejection(made.declined("adam", asked)) == "request_must_be_open"
    other = made.ask("rita", "close_period", period_id=APRIL, plan_sha256=PLAN)
    made.record(made.declined("adam", other))
    assert made.books.requests[other.request_id].state == "declined"
    assert made.rejection(made.approval("adam", other)) == "request_must_be_open"


def test_an_approval_brings_its_own_effect_along_and_once() -> None:
    made, asked, effects = asked_for("reopen_period")
    other = made.ask("rita", "reopen_period", period_id=MARCH)
    [effect] = effects
    of_other = altered(effect, request_id=other.request_id)
    rule = "request_must_be_approved_in_this_commit"
    assert made.rejection(made.approval("adam", asked), of_other) == rule
    nothing = altered(effect, request_id="")
    assert made.rejection(made.approval("adam", asked), nothing) == rule
    later = made.ask("rita", "close_period", period_id=APRIL, plan_sha256=PLAN)
    both = made.approval("adam", later), altered(effect, request_id=later.request_id)
    assert made.rejection(*both) == rule
    assert made.rejection(made.approval("adam", asked), effect) is None
    made.close(MARCH, edition=2)
    assert made.rejection(effect) == rule, "approved in an earlier commit"


def test_an_answer_to_nothing_or_without_a_signature_is_refused() -> None:
    made, asked, _ = asked_for("reopen_period")
    approval = made.approval("adam", asked)
    nobody = altered(approval, request_id="f" * 32)
    assert made.rejection(nobody) == "request_must_be_open"
    assert made.rejection(altered(approval, statement=asked.statement)) is not None
    assert made.rejection(altered(approval, statement="x")) is not None


def test_who_asked_may_take_it_back_even_without_the_approver_s_role() -> None:
    made = office()
    zoe = {**ZOE, "roles": ["requester"]}
    request = made.ask("rita", "add_person", **zoe)
    made.approve("adam", request, person("zoe", "requester", request=request.request_id))
    asked = made.ask("zoe", "reopen_period", period_id=MARCH)
    subject = {"period_id": MARCH}

    def declined(by: str) -> ev.ActionDeclined:
        said = made.answer(by, asked, role="decliner", subject=subject)
        note = sign_statement(said, signer(by))
        return ev.ActionDeclined(request_id=asked.request_id, action=asked.action, statement=note)

    other = made.ask("rita", "reopen_period", period_id=MARCH)
    said = made.answer("zoe", other, role="decliner", subject=subject)
    not_hers = ev.ActionDeclined(
        request_id=other.request_id,
        action=other.action,
        statement=sign_statement(said, signer("zoe")),
    )
    assert made.rejection(not_hers) == "person_must_have_role"
    assert made.rejection(declined("zoe")) is None
    assert made.books.requests[asked.request_id].answered_by == "zoe"


def test_facts_come_once_and_in_the_order_of_their_stream() -> None:
    made = office()
    soft = ev.PeriodSoftClosed(period_id=APRIL, sealed=False, reason="")
    made.record(soft)
    newest = made.books.newest_of_stream[soft.stream_id]

    def refuse(_note: str, _keys: object) -> Rejection:
        raise AssertionError("nothing is signed here")

    evidence = Evidence(
        lake_id="", open_statement=refuse, check_key=lambda _t, _p: None, newest_event_us=None
    )
    again = check(made.books, [newest], evidence)
    assert again and again.rule == "control_event_must_be_recorded_once"
    gap = replace(newest, event_id="new", stream_version=9)
    assert check(made.books, [gap], evidence) == Rejection(
        rule="stream_versions_must_follow_each_other",
        thing=f"PeriodSoftClosed {soft.stream_id}",
        expected="version 2",
        found="version 9",
        remedy="Somebody was faster: look again, then try again.",
    )
    settings = replace(
        newest,
        event=ev.LatenessPolicySet(max_delay_days=1, initial_grace_hours=1),
        event_id="lateness-policy-0",
        stream_version=None,
        source=ev.SETTINGS_SOURCE,
    )
    assert check(EMPTY, [settings], evidence) is None
