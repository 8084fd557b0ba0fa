"""Requests and approvals as signed control events.

Holds how a person asks and how another approves. Does not check who may (the choke point does) or
read key files. Called by plan, apply and reopen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from audit.signed_note import Signer
from audit.statement import Statement, note_sha256, sign_statement
from ingestion.control.write import append_control
from ingestion.lake import CommitResult, Lake
from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from ledger.control_events import ActionApproved, ActionRequested, ControlEvent
from ledger.people import Request
from orchestration.home import Home
from orchestration.status import head_of


@dataclass(frozen=True, kw_only=True)
class When:
    """The clock given. `historical` dates commits to it: a lake that replays its history."""

    now_us: int
    historical: bool = False


def in_lake_time(home: Home, when: When) -> When:
    """What statements are dated by: the clock, or the lake's own where that is ahead of it, for a
    lake's clock never goes back, and the choke point holds statements against it."""
    head = head_of(CommitLog(LocalStore(home.lake)))
    return replace(when, now_us=max(when.now_us, head.ingest_time_us))


def request(
    lake_id: str,
    signer: Signer,
    *,
    request_id: str,
    action: str,
    subject: Mapping[str, Any],
    reason: str,
    when: When,
) -> ActionRequested:
    """What `signer` asks for."""
    statement = Statement(
        action=action,
        at_us=when.now_us,
        lake_id=lake_id,
        person=signer.name,
        reason=reason,
        request_id=request_id,
        request_sha256=None,
        role="requester",
        subject=subject,
    )
    return ActionRequested(
        request_id=request_id, action=action, statement=sign_statement(statement, signer)
    )


def approval(
    lake_id: str,
    signer: Signer,
    asked: Request,
    *,
    when: When,
    reason: str,
    more: Mapping[str, Any] | None = None,
) -> ActionApproved:
    """What `signer` approves: the request's very words, and `more` beside its subject."""
    statement = Statement(
        action=asked.action,
        at_us=when.now_us,
        lake_id=lake_id,
        person=signer.name,
        reason=reason,
        request_id=asked.request_id,
        request_sha256=note_sha256(asked.statements[0]),
        role="approver",
        subject={**asked.subject, **(more or {})},
    )
    return ActionApproved(
        request_id=asked.request_id,
        action=asked.action,
        statement=sign_statement(statement, signer),
    )


def record(home: Home, events: Sequence[ControlEvent], when: When) -> CommitResult:
    """Commit control events through the choke point; the same again changes nothing."""
    lake = open_lake(home)
    try:
        at_us = max(when.now_us, lake.head.ingest_time_us + 1) if when.historical else None
        return append_control(lake, events, now_us=when.now_us, ingest_time_us=at_us)
    finally:
        lake.close()


def lake_id(home: Home) -> str:
    """Whose lake: every statement says so."""
    return CommitLog(LocalStore(home.lake)).read(0).commit.lake_id


def open_lake(home: Home) -> Lake:
    """The home's lake, for writing."""
    return Lake.open(home.lake, home.index, tenant_id=home.tenant)
