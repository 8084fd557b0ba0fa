"""People come and go, and holes in locks open and close: what breaks each rule, on paper."""

from decimal import Decimal
from typing import Any

import pytest

from audit.statement import sign_statement
from ledger import control_events as ev
from tests.control.office import MINUTE_US, altered, person, signer
from tests.ledger.paper_office import PaperOffice

MARCH, APRIL = "2011-03", "2011-04"
BOTH = ("requester", "approver")
STUCK = "a_requester_and_another_approver_must_remain"
LASTS = "lock_exception_must_last_5_minutes_to_24_hours"


@pytest.fixture
def office() -> PaperOffice:
    return PaperOffice().open_for_business()


def adding(made: PaperOffice, name: str, *roles: str, **values: Any) -> str | None:
    """What the approved addition of a person breaks."""
    new = altered(person(name, *roles), **values)
    asked = made.ask(
        "rita",
        "add_person",
        person=name,
        verifier_key=new.verifier_key,
        roles=list(roles),
    )
    return made.rejection(made.approval("adam", asked), altered(new, request_id=asked.request_id))


def removing(made: PaperOffice, name: str, approver: str = "adam") -> str | None:
    asked = made.ask("rita", "remove_person", person=name)
    gone = ev.PersonRemoved(person=name, request_id=asked.request_id)
    return made.rejection(made.approval(approver, asked), gone)


def test_the_first_two_need_no_approval_if_they_can_ask_and_approve() -> None:
    made = PaperOffice()
    assert made.rejection(person("rita", *BOTH)) is None
    assert made.rejection(person("adam", "requester", "auditor")) is None, "rita approves"
    made = PaperOffice()
    made.record(person("rita", "requester"))
    assert made.rejection(person("adam", "requester")) == STUCK
    assert made.rejection(person("adam", "approver")) is None
    assert made.rejection(person("zoe", *BOTH)) == "person_must_be_approved"


def test_somebody_who_was_removed_may_be_added_again_and_is_known_by_both_times(
    office: PaperOffice,
) -> None:
    assert adding(office, "zoe", *BOTH) is None
    first = office.books.people["zoe"]
    assert (first.added_commit, first.added_us) == (office.commit, office.clock.now_us)
    assert (first.roles, first.removed_commit) == (BOTH, None)
    assert removing(office, "zoe") is None
    assert office.books.people["zoe"].removed_commit == office.commit
    assert removing(office, "zoe") == "person_must_be_active"
    assert adding(office, "zoe", "auditor") is None
    again = office.books.people["zoe"]
    assert (again.roles, again.active) == (("auditor",), True)
    assert [one.person for one in office.books.people_ever] == ["rita", "adam", "zoe", "zoe"]


def test_names_differ_in_more_than_case_and_keys_in_all(office: PaperOffice) -> None:
    assert adding(office, "Adam", *BOTH) == "person_must_differ_in_more_than_case"
    hers = altered(signer("rita"), name="zoe").verifier.to_text()
    rule = "key_must_belong_to_one_person"
    assert adding(office, "zoe", *BOTH, verifier_key=hers) == rule
    key = signer("zoe").verifier.to_text()
    assert (
        adding(office, "zoe", *BOTH, verifier_key=f"{key}x") == "verifier_key_must_be_well_formed"
    )
    assert adding(office, "zoe", "owner", "requester") == "role_must_be_known"
    asked = office.ask("rita", "add_person", person="zoe", verifier_key=key, roles=["auditor"])
    more = person("zoe", "auditor", "approver", request=asked.request_id)
    approval = office.approval("adam", asked)
    assert office.rejection(approval, more) == "effect_must_be_what_was_approved"


def test_somebody_to_ask_and_another_to_approve_remain(office: PaperOffice) -> None:
    assert adding(office, "zoe", "requester") is None
    assert adding(office, "eve", "auditor") is None
    assert removing(office, "eve") is None
    assert removing(office, "zoe") is None
    asked = office.ask("adam", "remove_person", person="adam")
    gone = ev.PersonRemoved(person="adam", request_id=asked.request_id)
    assert office.rejection(office.approval("rita", asked), gone) == STUCK


def scope(made: PaperOffice, **values: Any) -> dict[str, Any]:
    right = {
        "lock_exception_id": "l",
        "period_id": MARCH,
        "source": "till",
        "store_id": "s1",
        "amount_cap": None,
        "expires_at_us": made.clock.now_us + 60 * MINUTE_US,
    }
    return right | values


def granting(made: PaperOffice, wait_us: int = 0, **values: Any) -> str | None:
    """What a lock exception breaks that was asked for, and approved so much later."""
    said = scope(made, **values)
    cap = said["amount_cap"]
    asked = made.ask("rita", "grant_lock_exception", **said)
    made.clock.now_us += wait_us
    told = said | {"amount_cap": cap and Decimal(cap)}
    lock = ev.LockExceptionGranted(**told, reason="late till", request_id=asked.request_id)
    return made.rejection(made.approval("adam", asked), lock)


def test_a_lock_exception_lasts_5_minutes_to_24_hours_from_its_request_on(
    office: PaperOffice,
) -> None:
    for minutes, rule in ((4.9, LASTS), (5, None), (24 * 60, None), (24 * 60 + 0.1, LASTS)):
        lasts = int(minutes * MINUTE_US) + 1  # the request is recorded a microsecond later
        until = office.clock.now_us + lasts
        assert granting(office, lock_exception_id=f"l{minutes}", expires_at_us=until) == rule
    granted = office.books.lock_exceptions["l5"]
    assert (granted.period_id, granted.source, granted.granted_commit) == (MARCH, "till", 6)
    assert granted.reason == "late till"


def test_a_lock_exception_is_over_when_it_is_over(office: PaperOffice) -> None:
    until = office.clock.now_us + 10 * MINUTE_US
    over = "lock_exception_must_not_have_expired"
    assert granting(office, 10 * MINUTE_US - 2, expires_at_us=until) == over
    until = office.clock.now_us + 10 * MINUTE_US
    assert granting(office, 10 * MINUTE_US - 3, expires_at_us=until) is None


def test_no_lock_exception_opens_a_closed_period(office: PaperOffice) -> None:
    assert granting(office, amount_cap="9.50") is None
    assert office.books.lock_exceptions["l"].amount_cap == Decimal("9.50")
    office.close(MARCH)
    rule = "closed_period_must_be_reopened_first"
    assert granting(office, lock_exception_id="m") == rule
    assert granting(office, lock_exception_id="m", period_id="2011-02") == rule
    office.reopen(MARCH)
    assert granting(office, lock_exception_id="m") is None
    assert len(office.books.locks_at(MARCH, office.commit)) == 2
    assert len(office.books.locks_at(MARCH, office.commit - 1)) == 1


def test_what_is_granted_is_what_was_asked_for(office: PaperOffice) -> None:
    said = scope(office)
    asked = office.ask("rita", "grant_lock_exception", **said)
    approval = office.approval("adam", asked)
    for wrong in ({"source": None}, {"amount_cap": Decimal(1)}, {"store_id": "s2"}):
        lock = ev.LockExceptionGranted(**{**said, **wrong}, reason="", request_id=asked.request_id)
        assert office.rejection(approval, lock) == "effect_must_be_what_was_approved"


def revoking(made: PaperOffice, by: str, lock_id: str = "l", **values: Any) -> str | None:
    """What the revocation of the lock exception `l` breaks."""
    known = made.books.lock_exceptions["l"]
    asked = made.recorded_request(known.request_id)
    right: dict[str, Any] = {
        "role": "revoker",
        "action": "revoke_lock_exception",
        "subject": {"lock_exception_id": "l"},
    }
    said = made.answer(by, asked, **(right | values))
    note = sign_statement(said, signer(by))
    return made.rejection(ev.LockExceptionRevoked(lock_exception_id=lock_id, statement=note))


def test_whoever_may_ask_or_approve_revokes_alone_and_once(office: PaperOffice) -> None:
    office.add("zoe", "approver")
    office.add("eve", "auditor")
    office.add("tom", "requester")
    office.remove("tom")
    granting(office, expires_at_us=office.clock.now_us + 60 * MINUTE_US)
    assert revoking(office, "eve") == "person_must_have_role"
    assert revoking(office, "tom") == "person_must_be_active"
    wrong = "statement_must_match_the_event"
    assert revoking(office, "zoe", role="approver") == wrong
    assert revoking(office, "zoe", action="grant_lock_exception") == wrong
    assert revoking(office, "zoe", request_id="0" * 32) == wrong
    assert revoking(office, "zoe", subject={}) == wrong
    assert revoking(office, "zoe", "other") == "lock_exception_must_be_in_force"
    assert revoking(office, "zoe") is None
    revoked = office.books.lock_exceptions["l"]
    assert (revoked.revoked_by, revoked.revoked_commit) == ("zoe", office.commit)
    assert revoking(office, "rita") == "lock_exception_must_be_in_force"


def test_a_requester_revokes_too(office: PaperOffice) -> None:
    office.add("tom", "requester")
    granting(office, expires_at_us=office.clock.now_us + 60 * MINUTE_US)
    assert revoking(office, "tom") is None


def test_a_policy_is_kept_with_the_commit_it_holds_from(office: PaperOffice) -> None:
    office.record(ev.LatenessPolicySet(max_delay_days=36_500, initial_grace_hours=8760))
    office.record(ev.LatenessPolicySet(max_delay_days=0, initial_grace_hours=0, source="till"))
    first, second = office.books.policies
    assert (first.max_delay_days, first.source, first.commit_seq) == (36_500, None, 3)
    assert (second.initial_grace_hours, second.source, second.commit_seq) == (0, "till", 4)
    assert office.books.policies_at(3) == (first,)
    assert office.books.policies_at(2) == ()
    assert (
        office.rejection(ev.LatenessPolicySet(max_delay_days=1, initial_grace_hours=-1))
        == "initial_grace_hours_must_be_within_range"
    )
    capped = ev.LatenessPolicySet(max_delay_days=1, initial_grace_hours=1, amount_cap=Decimal(0))
    assert office.rejection(capped) is None
