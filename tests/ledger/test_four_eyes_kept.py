"""Ways round four eyes that are closed: who left, a replaced key, oneself, a spent approval."""

import pytest

from audit.statement import sign_statement
from ledger import control_events as ev
from tests.control.office import DAY_US, PLAN, altered, person, signer
from tests.ledger.paper_office import PaperOffice

MARCH = "2011-03"
BOTH = ("requester", "approver")
LEFT = "requester_must_not_have_been_removed_since"
OWN = "person_must_not_answer_their_own_removal"


def office() -> PaperOffice:
    """rita, adam and zoe, who may all ask and approve."""
    made = PaperOffice().open_for_business()
    made.add("zoe", *BOTH)
    return made


def test_the_open_request_of_somebody_removed_cannot_be_approved_but_declined() -> None:
    made = office()
    asked = made.ask("zoe", "close_period", period_id=MARCH, plan_sha256=PLAN)
    made.remove("zoe")
    assert made.rejection(made.approval("adam", asked)) == LEFT
    assert made.rejection(made.declined("adam", asked)) is None
    assert made.books.requests[asked.request_id].state == "declined"


@pytest.mark.parametrize("key", ["", "new"])
def test_a_key_replaced_between_request_and_approval_spends_the_request(key: str) -> None:
    """Lost or stolen, the old one asks for nothing any more: whoever was added again asks anew."""
    made = office()
    asked = made.ask("zoe", "close_period", period_id=MARCH, plan_sha256=PLAN)
    made.remove("zoe")
    again = signer("zoe", key).verifier.to_text()
    back = made.ask("rita", "add_person", person="zoe", verifier_key=again, roles=list(BOTH))
    added = altered(person("zoe", *BOTH, request=back.request_id), verifier_key=again)
    made.approve("adam", back, added)
    assert made.rejection(made.approval("adam", asked)) == LEFT
    mine = made.asked("zoe", "close_period", {"period_id": MARCH, "plan_sha256": PLAN})
    assert made.rejection(mine) == ("note_must_be_signed_by_a_known_key" if key else None)


def test_the_key_an_approver_had_before_does_not_approve() -> None:
    made = office()
    asked = made.ask("rita", "close_period", period_id=MARCH, plan_sha256=PLAN)
    made.remove("zoe")
    again = signer("zoe", "new").verifier.to_text()
    back = made.ask("rita", "add_person", person="zoe", verifier_key=again, roles=list(BOTH))
    added = altered(person("zoe", *BOTH, request=back.request_id), verifier_key=again)
    made.approve("adam", back, added)
    old = made.approval("zoe", asked)
    assert made.rejection(old) == "note_must_be_signed_by_a_known_key"
    said = made.answer("zoe", asked)
    new = altered(old, statement=sign_statement(said, signer("zoe", "new")))
    assert made.rejection(new) is None


def test_nobody_approves_or_declines_their_own_removal() -> None:
    made = office()
    asked = made.ask("rita", "remove_person", person="zoe")
    gone = ev.PersonRemoved(person="zoe", request_id=asked.request_id)
    assert made.rejection(made.approval("zoe", asked), gone) == OWN
    assert made.rejection(made.declined("zoe", asked)) == OWN
    assert made.rejection(made.approval("adam", asked), gone) is None


def test_who_asks_to_be_removed_is_removed_by_another_or_stays() -> None:
    made = office()
    asked = made.ask("zoe", "remove_person", person="zoe")
    gone = ev.PersonRemoved(person="zoe", request_id=asked.request_id)
    assert made.rejection(made.approval("zoe", asked), gone) == "requester_must_not_approve"
    assert made.rejection(made.declined("zoe", asked)) is None
    assert made.books.people["zoe"].active


def test_one_key_is_one_person_also_after_they_left() -> None:
    made = office()
    made.remove("zoe")
    twin = altered(signer("zoe"), name="eve").verifier.to_text()
    asked = made.ask("rita", "add_person", person="eve", verifier_key=twin, roles=list(BOTH))
    added = altered(person("eve", *BOTH, request=asked.request_id), verifier_key=twin)
    approval = made.approval("adam", asked)
    assert made.rejection(approval, added) == "key_must_belong_to_one_person"


def sealed(made: PaperOffice) -> ev.ActionRequested:
    """March, approved and sealed."""
    asked = made.ask("rita", "close_period", period_id=MARCH, plan_sha256=PLAN)
    seal = ev.PeriodSoftClosed(period_id=MARCH, sealed=True, reason="close")
    made.record(made.approval("adam", asked), seal)
    return asked


def test_an_approved_close_that_failed_does_not_close_anything_later() -> None:
    made = office()
    asked = sealed(made)
    failed = ev.CloseFailed(
        period_id=MARCH, run_id="r", step="gated", reason="", controls=(), evidence_sha256=None
    )
    made.record(failed, ev.PeriodSoftClosed(period_id=MARCH, sealed=False, reason="failed"))
    made.record(ev.PeriodSoftClosed(period_id=MARCH, sealed=True, reason="again"))
    assert made.rejection(made.closed(MARCH, asked)) == "close_must_be_approved"
    made.record(
        altered(failed, run_id="r2"),
        ev.PeriodSoftClosed(period_id=MARCH, sealed=False, reason="failed again"),
    )
    assert made.rejection(made.closed(MARCH, sealed(made))) is None


@pytest.mark.parametrize("while_closed", [False, True])
def test_a_close_approved_before_a_reopening_does_not_close_the_next_edition(
    while_closed: bool,
) -> None:
    made = office()
    if while_closed:
        made.close(MARCH)
    kept = made.ask("rita", "close_period", period_id=MARCH, plan_sha256=PLAN)
    made.approve("adam", kept)
    if not while_closed:
        made.close(MARCH)
    made.reopen(MARCH)
    made.record(ev.PeriodSoftClosed(period_id=MARCH, sealed=True, reason="again"))
    assert made.rejection(made.closed(MARCH, kept, edition=2)) == "close_must_be_approved"


def test_a_revocation_names_the_request_in_its_very_words() -> None:
    made = office()
    lock = {
        "lock_exception_id": "l",
        "period_id": MARCH,
        "source": None,
        "store_id": None,
        "amount_cap": None,
        "expires_at_us": made.clock.now_us + DAY_US // 2,
    }
    asked = made.ask("rita", "grant_lock_exception", **lock)
    granted = ev.LockExceptionGranted(**lock, reason="", request_id=asked.request_id)  # type: ignore[arg-type]
    made.approve("adam", asked, granted)

    def revoked(**values: str) -> ev.LockExceptionRevoked:
        said = made.answer(
            "rita",
            asked,
            **{
                "role": "revoker",
                "action": "revoke_lock_exception",
                "subject": {"lock_exception_id": "l"},
                **values,
            },
        )
        note = sign_statement(said, signer("rita"))
        return ev.LockExceptionRevoked(lock_exception_id="l", statement=note)

    rule = "statement_must_match_the_event"
    assert made.rejection(revoked(request_sha256="0" * 64)) == rule
    assert made.rejection(revoked()) is None
