"""Requests: asked for by one person, approved or declined by another; each said once.

Holds the one way to ask and to answer, for every action. Does not hold who may (the choke point) or
what an approval brings about (`desk.effects`). Called by the other services and `requests`.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from audit.signed_note import Signer
from audit.statement import Statement, note_sha256, sign_statement
from ledger.books import Books
from ledger.control_events import ActionDeclined, ActionRequested
from ledger.errors import IncorrectInput
from ledger.people import Request
from orchestration.close import signing
from orchestration.close.signing import When
from orchestration.desk import effects
from orchestration.desk.known import read_known
from orchestration.home import Home

SHORTEST_PREFIX = 6
"""Digits of an id a person may leave it at; two that begin alike are refused."""

Alike = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """`new` is False when the same person has asked for the same before and waits for an answer."""

    request: Request
    new: bool


@dataclass(frozen=True, kw_only=True)
class Answered:
    """`new` is False when it had been answered so before; `effects` counts what it brought."""

    request: Request
    new: bool
    effects: int


def all_requests(books: Books, *, state: str | None = None) -> list[Request]:
    """Requests in order of asking."""
    found = [one for one in books.requests.values() if state in (None, one.state)]
    return sorted(found, key=lambda one: (one.requested_commit, one.request_id))


def find(books: Books, request_id: str) -> Request:
    """The request of this id, or of the one id that begins so."""
    if request_id in books.requests:
        return books.requests[request_id]
    alike = [one for key, one in books.requests.items() if key.startswith(request_id)]
    if len(request_id) >= SHORTEST_PREFIX and len(alike) == 1:
        return alike[0]
    raise IncorrectInput(
        "request_must_be_known",
        thing=f"request {request_id!r}",
        expected=f"the id of a request, or at least {SHORTEST_PREFIX} digits it alone begins with",
        found=f"{len(alike)} that begin so" if alike else "none",
        remedy="`ledgerlake requests list --all` shows them.",
    )


def draft(
    home: Home,
    signer: Signer,
    *,
    action: str,
    subject: Mapping[str, Any],
    reason: str,
    when: When,
) -> ActionRequested:
    """A signed request under a new id, not recorded yet."""
    require_reason(reason)
    return signing.request(
        signing.lake_id(home),
        signer,
        request_id=uuid.uuid4().hex,
        action=action,
        subject=subject,
        reason=reason,
        when=signing.in_lake_time(home, when),
    )


def record(home: Home, drafts: Iterable[ActionRequested], when: When) -> list[Asked]:
    """Record drafts together; all or none."""
    events = list(drafts)
    signing.record(home, events, when)
    books = read_known(home).books
    return [Asked(request=books.requests[one.request_id], new=True) for one in events]


def ask(
    home: Home,
    signer: Signer,
    *,
    action: str,
    subject: Mapping[str, Any],
    reason: str,
    when: When,
    alike: Alike | None = None,
) -> Asked:
    """Ask once: an open request of the same person for the same (`alike`) is given back."""
    books = read_known(home).books
    before = open_request(books, signer.name, action, alike or (lambda one: one == subject))
    if before is not None:
        return Asked(request=before, new=False)
    made = draft(home, signer, action=action, subject=subject, reason=reason, when=when)
    return record(home, [made], when)[0]


def open_request(books: Books, requester: str, action: str, alike: Alike) -> Request | None:
    """What this person has asked for already and nobody has answered."""
    for one in all_requests(books, state="open"):
        if (one.requester, one.action) == (requester, action) and alike(dict(one.subject)):
            return one
    return None


def approve(
    home: Home, request_id: str, *, signer: Signer, reason: str = "", when: When
) -> Answered:
    """Approve it and carry it out, in one commit. IncorrectInput is named as the rule it breaks."""
    books = read_known(home).books
    asked = find(books, request_id)
    if asked.state != "open":
        return _answered_before(asked, "approved")
    carried_out = effects.of(home, books, asked)
    approval = signing.approval(
        signing.lake_id(home),
        signer,
        asked,
        when=signing.in_lake_time(home, when),
        reason=reason or asked.reason,
    )
    return _answer(home, asked, [approval, *carried_out], "approved", when)


def decline(home: Home, request_id: str, *, signer: Signer, reason: str, when: When) -> Answered:
    """Decline it; who asked may take it back so. Nothing else happens."""
    require_reason(reason)
    asked = find(read_known(home).books, request_id)
    if asked.state != "open":
        return _answered_before(asked, "declined")
    said = Statement(
        action=asked.action,
        at_us=signing.in_lake_time(home, when).now_us,
        lake_id=signing.lake_id(home),
        person=signer.name,
        reason=reason,
        request_id=asked.request_id,
        request_sha256=note_sha256(asked.statements[0]),
        role="decliner",
        subject=asked.subject,
    )
    event = ActionDeclined(
        request_id=asked.request_id, action=asked.action, statement=sign_statement(said, signer)
    )
    return _answer(home, asked, [event], "declined", when)


def require_reason(reason: str) -> None:
    """Everything that is signed says why."""
    if not reason.strip():
        raise IncorrectInput(
            "reason_must_be_given",
            thing="option --why",
            expected="why, in words: it is signed and kept",
            found="nothing",
        )


def _answer(home: Home, asked: Request, events: list[Any], answer: str, when: When) -> Answered:
    try:
        signing.record(home, events, when)
    except IncorrectInput as error:
        now = read_known(home).books.requests[asked.request_id]
        if error.rule != "request_must_be_open" or now.state != answer:
            raise
        return Answered(request=now, new=False, effects=0)  # another process was faster
    now = read_known(home).books.requests[asked.request_id]
    return Answered(request=now, new=True, effects=len(events) - 1)


def _answered_before(asked: Request, answer: str) -> Answered:
    if asked.state == answer:
        return Answered(request=asked, new=False, effects=0)
    raise IncorrectInput(
        "request_must_be_open",
        thing=f"request {asked.request_id}",
        expected="an open request",
        found=f"{asked.state} by {asked.answered_by}",
        remedy="What was answered stays: make a new request.",
    )
