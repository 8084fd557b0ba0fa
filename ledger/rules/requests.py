"""Rules of asking and approving: signed by an active person of the right role, never by the same
two eyes twice, never about oneself, and an approval carries out what was asked, in the same commit.

Does not hold what the single actions demand. Called by `ledger.rules.batch` and the other rules.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ledger import control_events as ev
from ledger.books import Books, Recorded
from ledger.deciding import Rejection, no
from ledger.people import ACTIONS, Request, Statement
from ledger.rules.moments import timely
from ledger.rules.rejection import Case, Rejections

SUBJECTS: Mapping[str, frozenset[str]] = {
    "decide_exceptions": frozenset({"decision", "event_count", "events_sha256"}),
    "reopen_period": frozenset({"period_id"}),
    "grant_lock_exception": frozenset(
        {"lock_exception_id", "period_id", "source", "store_id", "amount_cap", "expires_at_us"}
    ),
    "close_period": frozenset({"period_id", "plan_sha256"}),
    "add_person": frozenset({"person", "verifier_key", "roles"}),
    "remove_person": frozenset({"person"}),
    "replay_interest": frozenset(
        {"period_id", "from_algorithm", "to_algorithm", "corrections", "plan_sha256"}
    ),
}
"""The fields of an action's subject."""

_CARRIED_OUT_LATER = ("close_period", "replay_interest")
"""What takes many commits: the approval names the plan that they carry out."""

_EFFECTS: Mapping[type[ev.ControlEvent], str] = {
    ev.LateEventDecided: "decide_exceptions",
    ev.PeriodReopened: "reopen_period",
    ev.LockExceptionGranted: "grant_lock_exception",
    ev.PersonAdded: "add_person",
    ev.PersonRemoved: "remove_person",
}


def requested(case: Case, event: ev.ActionRequested) -> Rejections:
    books = case.books
    thing = f"request {event.request_id}"
    if not re.fullmatch(r"[0-9a-f]{32}", event.request_id):
        yield no("request_id_must_be_32_hex_digits", thing, "32 hex digits", event.request_id)
    if event.request_id in books.requests:
        found = f"one that {books.requests[event.request_id].requester} made"
        yield no("request_id_must_be_new", thing, "a request nobody made before", found)
    if event.action not in ACTIONS:
        yield no("action_must_be_known", thing, f"one of {', '.join(ACTIONS)}", event.action)
    said = case.evidence.open_statement(event.statement, keys_of(books))
    if isinstance(said, Rejection):
        yield said
        return
    yield from _says(case, said, event.request_id, (event.action, "requester"))
    if frozenset(said.subject) != SUBJECTS[event.action]:
        expected = str(sorted(SUBJECTS[event.action]))
        yield no("subject_must_have_its_fields", thing, expected, str(sorted(said.subject)))
    yield from person_may(books, said.person, "requester", thing)
    yield from timely(case, said, thing)


def approved(case: Case, event: ev.ActionApproved) -> Rejections:
    yield from _answered(case, event, role="approver")


def declined(case: Case, event: ev.ActionDeclined) -> Rejections:
    yield from _answered(case, event, role="decliner")


def _answered(case: Case, event: ev.ActionApproved | ev.ActionDeclined, *, role: str) -> Rejections:
    books = case.books
    thing = f"request {event.request_id}"
    asked = books.requests.get(event.request_id)
    if asked is None or asked.state != "open":
        found = f"{asked.state} by {asked.answered_by}" if asked else "no such request"
        yield no("request_must_be_open", thing, "an open request", found)
        return
    said = case.evidence.open_statement(event.statement, keys_of(books))
    if isinstance(said, Rejection):
        yield said
        return
    yield from _says(case, said, event.request_id, (event.action, role))
    yield from _matches(said, asked, thing)
    same_eyes = _key(books, said.person) == _key(books, asked.requester)
    if role == "approver" and same_eyes:
        yield no(
            "requester_must_not_approve",
            thing,
            f"anybody but {asked.requester}",
            said.person,
            "Four eyes: have another approver look at it. This holds for administrators too.",
        )
    if role == "decliner" and same_eyes:
        yield from _active(books, said.person, thing)  # who asked may always take it back
    else:
        yield from person_may(books, said.person, "approver", thing)
        yield from _is_not_about(said, asked, thing)
    if role == "approver":
        yield from _still_asked_for(books, asked, thing)
    yield from timely(case, said, thing, answers=asked)


def _is_not_about(said: Statement, asked: Request, thing: str) -> Rejections:
    """Neither helps nor hinders their own removal, but by asking for it."""
    if asked.action == "remove_person" and asked.subject["person"] == said.person:
        yield no(
            "person_must_not_answer_their_own_removal",
            thing,
            f"an approver other than {said.person}, whom it is about",
            said.person,
        )


def _still_asked_for(books: Books, asked: Request, thing: str) -> Rejections:
    """Whoever was removed asks for nothing any more, nor does a key that was replaced."""
    known = books.people[asked.requester]
    if known.active and known.added_commit <= asked.requested_commit:
        return
    again = f", and added again in commit {known.added_commit}" if known.active else ""
    yield no(
        "requester_must_not_have_been_removed_since",
        thing,
        f"{asked.requester} to be active without a break since commit {asked.requested_commit}",
        f"{asked.requester} removed{again}",
        "Decline it; if it is still wanted, somebody asks anew.",
    )


def _matches(said: Statement, asked: Request, thing: str) -> Rejections:
    rule = "statement_must_match_the_request"
    subject = dict(said.subject)
    if asked.action == "close_period" and said.role == "approver":
        acknowledged = subject.pop("acknowledged", None)
        if not isinstance(acknowledged, list):
            yield no(rule, thing, "a list of acknowledged warnings", repr(acknowledged))
    if said.action != asked.action or subject != dict(asked.subject):
        found = f"{said.action} {subject}"
        yield no(rule, thing, f"{asked.action} {dict(asked.subject)}", found)
    wanted = note_sha256(asked)
    if said.request_sha256 != wanted:
        yield no(rule, thing, f"request_sha256 {wanted}", str(said.request_sha256))


def note_sha256(asked: Request) -> str:
    """How an answer names its request: SHA-256 of the note that asked, hex."""
    return hashlib.sha256(asked.statements[0].encode()).hexdigest()


def _says(
    case: Case, said: Statement, request_id: str, action_and_role: tuple[str, str]
) -> Rejections:
    """The statement is about this lake, this request, this action, in this role."""
    thing, lake_id = f"request {request_id}", case.evidence.lake_id
    if said.lake_id != lake_id:
        found = f"lake {said.lake_id}"
        yield no("statement_must_be_for_this_lake", thing, f"lake {lake_id}", found)
    expected = (request_id, *action_and_role)
    found_ = (said.request_id, said.action, said.role)
    if found_ != expected:
        yield no("statement_must_match_the_event", thing, str(expected), str(found_))


def keys_of(books: Books) -> Mapping[str, str]:
    """Person -> key text, those removed included: their signature is known, and refused by name."""
    return {name: one.verifier_key for name, one in books.people.items()}


def person_may(books: Books, person: str, role: str, thing: str) -> Rejections:
    """The person is active and has the role."""
    yield from _active(books, person, thing)
    if role not in books.people[person].roles:
        found = f"{person} with {', '.join(books.people[person].roles)}"
        yield no("person_must_have_role", thing, f"a person with role {role}", found)


def _active(books: Books, person: str, thing: str) -> Rejections:
    """Nobody else signs: only the keys of people who are or were there open a statement."""
    if not books.people[person].active:
        yield no("person_must_be_active", thing, "an active person", f"{person}, removed")


def _key(books: Books, person: str) -> str:
    return books.people[person].public_key


def approved_now(
    case: Case, request_id: str | None, action: str, subject: Mapping[str, Any]
) -> Rejections:
    """The effect of an approval: approved in this very commit, and exactly what was asked."""
    at = case.at
    thing = f"{at.event.event_type} {at.event.stream_id}"
    asked = case.books.requests.get(request_id or "")
    if (
        asked is None
        or asked.action != action
        or asked.state != "approved"
        or asked.answered_commit != case.at.commit_seq
    ):
        found = f"request {request_id}, {asked.action} {asked.state}" if asked else "no request"
        yield no(
            "request_must_be_approved_in_this_commit",
            thing,
            f"an approved request to {action}",
            found,
            "Make a request, and have it approved by another person.",
        )
        return
    differing = {
        name: value
        for name, value in subject.items()
        if name not in asked.subject or asked.subject[name] != value
    }
    if differing:
        wanted = {name: asked.subject.get(name) for name in differing}
        rule = "effect_must_be_what_was_approved"
        yield no(rule, thing, str(wanted), str(differing))


def approvals_are_carried_out(after: Books, batch: Sequence[Recorded]) -> Rejections:
    """Every approval of a batch brings its effect along: once, and of the events it names."""
    effects: dict[str, list[Recorded]] = {}
    for one in batch:
        request_id = getattr(one.event, "request_id", None)
        if type(one.event) in _EFFECTS and request_id is not None:
            effects.setdefault(request_id, []).append(one)
    for one in batch:
        if isinstance(one.event, ev.ActionApproved):
            asked = after.requests[one.event.request_id]
            yield from _carried_out(asked, effects.get(asked.request_id, []))


def _carried_out(asked: Request, effects: Sequence[Recorded]) -> Rejections:
    rule, thing = "approval_must_carry_out_the_request", f"request {asked.request_id}"
    wanted, found = 1, f"{len(effects)} effects"
    if asked.action in _CARRIED_OUT_LATER:
        wanted = 0
    if asked.action == "decide_exceptions":
        wanted = asked.subject["event_count"]
        ids = sorted(e.event.event_id for e in effects if isinstance(e.event, ev.LateEventDecided))
        digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()
        if digest != asked.subject["events_sha256"]:
            expected = f"events of SHA-256 {asked.subject['events_sha256']}"
            yield no(rule, thing, expected, f"{len(ids)} events of SHA-256 {digest}")
    if len(effects) != wanted:
        yield no(rule, thing, f"{wanted} effects in the commit of the approval", found)
