"""Lock exceptions on a real lake: approved holes that close by themselves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit.statement import sign_statement
from ledger import control_events as ev
from ledger.errors import IncorrectInput
from tests.control.office import (
    DAY_US,
    MINUTE_US,
    NOW_US,
    Office,
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


def granted(office: Office, asked: ev.ActionRequested) -> ev.LockExceptionGranted:
    subject = dict(office.books.requests[asked.request_id].subject)
    return ev.LockExceptionGranted(
        **{**subject, "amount_cap": None}, reason="late till", request_id=asked.request_id
    )


def ask_for_lock(office: Office, *, minutes: float, period_id: str = MARCH) -> ev.ActionRequested:
    return office.ask(
        "rita",
        "grant_lock_exception",
        lock_exception_id=f"lock-{office.requests}",
        period_id=period_id,
        source="till",
        store_id=None,
        amount_cap=None,
        expires_at_us=office.clock.now_us + 1 + int(minutes * MINUTE_US),
    )


def test_a_lock_exception_lets_late_sales_in_until_it_expires_or_is_revoked(
    office: Office,
) -> None:
    asked = ask_for_lock(office, minutes=5)
    lock = granted(office, asked)
    office.approve("adam", asked, lock)
    office.sell("in", at_us=IN_MARCH_US)
    office.sell("of another source", at_us=IN_MARCH_US, source="web")
    rule = "only_an_exception_can_be_decided"
    not_decided(office, rule, ["in"], "rejected", None)
    office.decide(["of another source"], "rejected", None)
    office.clock.now_us += 5 * MINUTE_US
    office.sell("after", at_us=IN_MARCH_US)
    office.decide(["after"], "rejected", None)
    asked = ask_for_lock(office, minutes=60)
    lock = granted(office, asked)
    office.approve("adam", asked, lock)
    revoke_lock(office, lock, asked)
    office.sell("revoked", at_us=IN_MARCH_US)
    office.decide(["revoked"], "rejected", None)
    rule = "lock_exception_must_be_in_force"
    refused(office, rule, lambda: revoke_lock(office, lock, asked, reason="again"))


def revoke_lock(
    office: Office, lock: ev.LockExceptionGranted, asked: ev.ActionRequested, **values: Any
) -> None:
    subject = {"lock_exception_id": lock.lock_exception_id}
    right = {"role": "revoker", "action": "revoke_lock_exception", "subject": subject}
    note = sign_statement(office.answer("rita", asked, **(right | values)), signer("rita"))
    office.record(ev.LockExceptionRevoked(lock_exception_id=lock.lock_exception_id, statement=note))


@pytest.mark.parametrize(
    ("minutes", "rule"),
    [
        (4.99, "lock_exception_must_last_5_minutes_to_24_hours"),
        (24 * 60 + 0.01, "lock_exception_must_last_5_minutes_to_24_hours"),
    ],
)
def test_a_lock_exception_lasts_five_minutes_to_a_day(
    office: Office, minutes: float, rule: str
) -> None:
    asked = ask_for_lock(office, minutes=minutes)
    refused(office, rule, lambda: office.approve("adam", asked, granted(office, asked)))


def test_no_lock_exception_opens_a_closed_period_or_comes_too_late(office: Office) -> None:
    asked = ask_for_lock(office, minutes=5)
    office.clock.now_us += 5 * MINUTE_US
    rule = "lock_exception_must_not_have_expired"
    refused(office, rule, lambda: office.approve("adam", asked, granted(office, asked)))
    office.close(MARCH)
    asked = ask_for_lock(office, minutes=5)
    rule = "closed_period_must_be_reopened_first"
    refused(office, rule, lambda: office.approve("adam", asked, granted(office, asked)))
