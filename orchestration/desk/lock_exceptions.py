"""Lock exceptions: asked for, approved, revoked, and which there are.

A grant is a request like any other; a revocation is one signed statement and holds at once.
What came in under one is in `desk.lock_audit`. Called by `locks`.
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from audit.signed_note import Signer
from audit.statement import Statement, note_sha256, sign_statement
from ledger.books import Books
from ledger.control_events import LockExceptionRevoked
from ledger.errors import IncorrectInput
from ledger.people import REVOKE, Request
from ledger.periods import BeforeFirstClose, Closed
from ledger.policies import LockException
from ledger.rules.locks import LONGEST_US, MINUTE_US, SHORTEST_US
from orchestration.close import signing
from orchestration.close.signing import When
from orchestration.desk import requests
from orchestration.desk.known import read_known
from orchestration.desk.requests import SHORTEST_PREFIX, Asked
from orchestration.home import Home
from orchestration.status import at

SLACK_US = MINUTE_US // 2
"""Its length is counted from the request's commit, a moment after the clock was read: without half
a minute more, the shortest length allowed would be refused."""

ACTION = "grant_lock_exception"
_UNITS = {"m": MINUTE_US, "h": 60 * MINUTE_US}


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a lock exception lets in; None: any."""

    period_id: str
    source: str | None = None
    store_id: str | None = None
    amount_cap: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One lock exception. `state`: asked, in_force, expired, revoked or declined."""

    lock_exception_id: str
    state: str
    period_id: str
    source: str | None
    store_id: str | None
    amount_cap: Decimal | None
    expires_at: datetime
    reason: str
    requester: str
    approver: str | None
    revoked_by: str | None
    request_id: str


@dataclass(frozen=True, kw_only=True)
class Revoked:
    """`new` is False when it had been revoked before."""

    lock_exception_id: str
    revoked_by: str
    revoked_commit: int
    new: bool


def read_duration(text: str) -> int:
    """Microseconds of `30m` or `2h`. IncorrectInput outside of 5 minutes to 24 hours."""
    match = re.fullmatch(r"([0-9]{1,5})([mh])", text)
    found = int(match[1]) * _UNITS[match[2]] if match else 0
    if not SHORTEST_US <= found <= LONGEST_US:
        raise IncorrectInput(
            "lock_exception_must_last_5_minutes_to_24_hours",
            thing="option --for",
            expected="minutes or hours from 5m to 24h",
            found=repr(text),
        )
    return found


def read_cap(text: str) -> Decimal:
    """An amount such as 1000.00. IncorrectInput for anything else."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    exponent = found.as_tuple().exponent
    if not found.is_finite() or found < 0 or not isinstance(exponent, int) or exponent < -4:
        raise IncorrectInput(
            "amount_cap_must_not_be_negative",
            thing="option --amount-cap",
            expected="an amount of 0 or more with at most 4 decimals",
            found=repr(text),
        )
    return found


def request_grant(
    home: Home, scope: Scope, *, lasts_us: int, signer: Signer, reason: str, when: When
) -> Asked:
    """Ask for a lock exception; the clock runs from now, also while it waits for approval."""
    known = read_known(home)
    _require_not_closed(known.books, scope.period_id)
    start_us = max(when.now_us, known.ingest_time_us + 1)
    subject: dict[str, Any] = {
        "period_id": scope.period_id,
        "source": scope.source,
        "store_id": scope.store_id,
        "amount_cap": None if scope.amount_cap is None else format(scope.amount_cap, "f"),
    }
    return requests.ask(
        home,
        signer,
        action=ACTION,
        subject={
            **subject,
            "lock_exception_id": uuid.uuid4().hex,
            "expires_at_us": start_us + max(lasts_us, SHORTEST_US + SLACK_US),
        },
        reason=reason,
        when=when,
        alike=lambda one: subject.items() <= one.items() and one["expires_at_us"] > start_us,
    )


def revoke(home: Home, lock_id: str, *, signer: Signer, reason: str, when: When) -> Revoked:
    """Close the hole from this commit on. Needs one person, who may ask or approve."""
    requests.require_reason(reason)
    books = read_known(home).books
    lock = find(books, lock_id)
    new = lock.revoked_commit is None
    if new:
        said = Statement(
            action=REVOKE,
            at_us=signing.in_lake_time(home, when).now_us,
            lake_id=signing.lake_id(home),
            person=signer.name,
            reason=reason,
            request_id=lock.request_id,
            request_sha256=note_sha256(books.requests[lock.request_id].statements[0]),
            role="revoker",
            subject={"lock_exception_id": lock.lock_exception_id},
        )
        event = LockExceptionRevoked(
            lock_exception_id=lock.lock_exception_id, statement=sign_statement(said, signer)
        )
        signing.record(home, [event], when)
        lock = find(read_known(home).books, lock.lock_exception_id)
    assert lock.revoked_commit is not None
    return Revoked(
        lock_exception_id=lock.lock_exception_id,
        revoked_by=str(lock.revoked_by),
        revoked_commit=lock.revoked_commit,
        new=new,
    )


def find(books: Books, lock_id: str) -> LockException:
    """The granted lock exception of this id, or of the one id that begins so."""
    alike = [one for key, one in books.lock_exceptions.items() if key.startswith(lock_id)]
    if len(alike) == 1 and len(lock_id) >= SHORTEST_PREFIX:
        return alike[0]
    raise IncorrectInput(
        "lock_exception_must_be_granted",
        thing=f"lock exception {lock_id!r}",
        expected="the id of a granted one, or at least "
        f"{SHORTEST_PREFIX} digits it alone begins with",
        found=f"{len(alike)} that begin so" if alike else "none",
        remedy="`ledgerlake locks list --all` shows them.",
    )


def list_locks(books: Books, *, now_us: int) -> list[Listed]:
    """Every lock exception asked for or granted, in order of asking."""
    return list(_listed(books, now_us))


def _listed(books: Books, now_us: int) -> Iterator[Listed]:
    for asked in requests.all_requests(books):
        if asked.action == ACTION:
            lock = books.lock_exceptions.get(str(asked.subject["lock_exception_id"]))
            yield _entry(asked, lock, asked.subject, now_us)


def _entry(
    asked: Request, lock: LockException | None, said: Mapping[str, Any], now_us: int
) -> Listed:
    cap = said["amount_cap"]
    return Listed(
        lock_exception_id=said["lock_exception_id"],
        state=_state(asked, lock, said["expires_at_us"], now_us),
        period_id=said["period_id"],
        source=said["source"],
        store_id=said["store_id"],
        amount_cap=None if cap is None else Decimal(cap),
        expires_at=at(said["expires_at_us"]),
        reason=asked.reason,
        requester=asked.requester,
        approver=asked.answered_by if lock else None,
        revoked_by=lock.revoked_by if lock else None,
        request_id=asked.request_id,
    )


def _state(asked: Request, lock: LockException | None, expires_at_us: int, now_us: int) -> str:
    if asked.state == "declined":
        return "declined"
    if lock is not None and lock.revoked_commit is not None:
        return "revoked"
    if expires_at_us <= now_us:
        return "expired"
    return "in_force" if lock else "asked"


def _require_not_closed(books: Books, period_id: str) -> None:
    """Said when it is asked for, not only when it is approved."""
    if isinstance(books.state(period_id), Closed | BeforeFirstClose):
        raise IncorrectInput(
            "closed_period_must_be_reopened_first",
            thing=f"period {period_id}",
            expected="a period that is not Closed, as no exception opens a closed one",
            found="Closed",
            remedy=f"`ledgerlake reopen {period_id}` asks for it.",
        )
