"""Reopening a closed period for a restatement: asked for by one person, approved by another.

Changes nothing readers see: they go on seeing the certified edition until the next one is closed.
Does not decide late events (`ledgerlake exceptions decide`). Called by `ledgerlake reopen`.
"""

import uuid
from dataclasses import dataclass

from audit.signed_note import Signer
from ingestion.control.books import load_books
from ledger.control_events import PeriodReopened
from ledger.errors import IncorrectInput
from orchestration.close import signing
from orchestration.close.signing import When
from orchestration.home import Home
from orchestration.settings import Settings

ACTION = "reopen_period"


@dataclass(frozen=True, kw_only=True)
class Reopening:
    """A request to reopen a period; `approver` is None while it waits for one."""

    period_id: str
    request_id: str
    reason: str
    requester: str
    approver: str | None


def request_reopening(
    settings: Settings, period_id: str, *, signer: Signer, reason: str, when: When
) -> Reopening:
    """Ask for it. IncorrectInput for a period the calendar does not have, or a role not held."""
    home = Home.of(settings)
    lake_id = signing.lake_id(home)
    load_books(home.lake).calendar.get(period_id)
    request_id = uuid.uuid4().hex
    asked = signing.request(
        lake_id,
        signer,
        request_id=request_id,
        action=ACTION,
        subject={"period_id": period_id},
        reason=reason,
        when=signing.in_lake_time(home, when),
    )
    signing.record(home, [asked], when)
    return Reopening(
        period_id=period_id,
        request_id=request_id,
        reason=reason,
        requester=signer.name,
        approver=None,
    )


def approve_reopening(
    settings: Settings,
    request_id: str,
    *,
    signer: Signer,
    reason: str,
    when: When,
    period_id: str | None = None,
) -> Reopening:
    """Approve it and reopen, in one commit. IncorrectInput is named as the rule it breaks."""
    home = Home.of(settings)
    asked = load_books(home.lake).requests.get(request_id)
    if asked is None or asked.action != ACTION:
        raise IncorrectInput(
            "request_must_be_to_reopen_a_period",
            thing=f"request {request_id}",
            expected="a request that `ledgerlake reopen PERIOD --as NAME` made",
            found="no such request" if asked is None else f"a request to {asked.action}",
        )
    asked_for = str(asked.subject["period_id"])
    if period_id not in (None, asked_for):
        raise IncorrectInput(
            "request_must_be_for_this_period",
            thing=f"request {request_id}",
            expected=f"a request to reopen {period_id}",
            found=f"one to reopen {asked_for}",
            remedy="Name the period it is for.",
        )
    approved = signing.approval(
        signing.lake_id(home),
        signer,
        asked,
        when=signing.in_lake_time(home, when),
        reason=reason,
    )
    reopened = PeriodReopened(period_id=asked_for, request_id=request_id, reason=asked.reason)
    signing.record(home, [approved, reopened], when)
    return Reopening(
        period_id=asked_for,
        request_id=request_id,
        reason=asked.reason,
        requester=asked.requester,
        approver=signer.name,
    )
