"""Four eyes inside a certificate: its statements opened again and bound to what they allowed.

Holds the checks of people, requests, approvals, decisions and gate of one certificate. Does not
know the lake; that the people are the lake's is checked by `audit.verify --lake`.
Called by `audit.verify`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import Any, Final

from audit.certificate import Certificate, Person
from audit.signed_note import Verifier
from audit.statement import Statement, events_sha256, note_sha256, open_with_key
from ledger.errors import IncorrectInput
from ledger.statement_times import untimely

CLOSE: Final = "close_period"
DECIDE: Final = "decide_exceptions"
REOPEN: Final = "reopen_period"
ACKNOWLEDGED: Final = "acknowledged"
BOOKED: Final = ("next_period", "restated")
DECISIONS: Final = (*BOOKED, "rejected", "pending")
ASK: Final = "Do not rely on it: ask who issued the certificate."


@dataclass(frozen=True, kw_only=True)
class Approved:
    """A request and its approval, both verified, by two people with two keys."""

    request: Statement
    approval: Statement


def check_approvals(certificate: Certificate) -> list[Approved]:
    """All pairs of statements, each held to four eyes and roles. IncorrectInput at the first
    that breaks a rule."""
    people = _people(certificate)
    requests: dict[str, tuple[Statement, str]] = {}
    others: list[tuple[Statement, str]] = []
    for note in certificate.approvals:
        said, key_id = open_with_key(note, [verifier for verifier, _ in people.values()])
        _require_this_lake(said, certificate)
        if said.role == "requester":
            _require_role(said, people[key_id][1], "requester")
            requests[note_sha256(note)] = (said, key_id)
        else:
            others.append((said, key_id))
    pairs = []
    for approval, key_id in others:
        _require(
            approval.role == "approver",
            "certificate_must_hold_approvals_only",
            approval,
            "an approval",
            f"a statement as {approval.role}",
        )
        _require_role(approval, people[key_id][1], "approver")
        pairs.append(_pair(approval, key_id, requests, people))
    _require_each_request_approved_once(requests, others)
    return pairs


def check_close(certificate: Certificate, pairs: list[Approved]) -> None:
    """This very plan was approved for this very period, and a restatement was allowed."""
    expected = {"period_id": certificate.period.period_id, "plan_sha256": certificate.plan_sha256}
    closes = [pair for pair in pairs if pair.request.action == CLOSE]
    subjects = [dict(pair.request.subject) for pair in closes]
    if subjects != [expected]:
        raise _problem(
            "close_must_be_approved_for_this_plan",
            certificate.stem,
            f"one approved {CLOSE} of {expected}",
            str(subjects or "none"),
        )
    reopened = [
        pair
        for pair in pairs
        if pair.request.action == REOPEN
        and pair.request.subject.get("period_id") == certificate.period.period_id
    ]
    if certificate.closed_edition > 1 and not reopened:
        raise _problem(
            "restatement_must_follow_an_approved_reopening",
            certificate.stem,
            f"an approved {REOPEN} of {certificate.period.period_id}",
            "none",
        )
    _require_gate_passed(certificate, closes[0].approval)


def check_times(certificate: Certificate, pairs: list[Approved]) -> None:
    """Nothing was signed after the cut-off, no approval before its request, and the one of the
    close when it was sealed. Clocks may differ as `ledger.statement_times` says."""
    cut_us = certificate.cut_off.ingest_time_us
    for pair in pairs:
        closes = pair.approval.action == CLOSE
        for said, recorded_us, asked_us in (
            (pair.request, None, None),
            (pair.approval, cut_us if closes else None, pair.request.at_us),
        ):
            found = untimely(
                said.at_us, latest_us=cut_us, recorded_us=recorded_us, asked_us=asked_us
            )
            for one in found:
                _require(False, one.rule, said, one.expected, one.found)


def check_decisions(certificate: Certificate, pairs: list[Approved]) -> None:
    """The decided events are exactly those that were approved, decided as approved."""
    decided: dict[str, list[str]] = defaultdict(list)
    for one in certificate.exceptions:
        decided[one.request_id].append(one.event_id)
    approved = {pair.request.request_id: pair for pair in pairs if pair.request.action == DECIDE}
    for request_id in sorted({*decided, *approved}):
        pair = approved.get(request_id)
        expected = dict(pair.request.subject) if pair else "an approved request"
        found: Any = {
            "decision": _sole_decision(certificate, request_id),
            "event_count": len(decided[request_id]),
            "events_sha256": events_sha256(decided[request_id]),
        }
        if found != expected:
            raise _problem(
                "decision_must_be_over_the_events_approved",
                f"request {request_id}",
                str(expected),
                str(found),
            )
    for one in certificate.exceptions:
        if one.decision not in DECISIONS or (one.posting_period is None) == (
            one.decision in BOOKED
        ):
            raise _problem(
                "decision_must_say_where_it_books",
                f"exception {one.event_id}",
                f"one of {DECISIONS}, a posting period for {BOOKED} only",
                f"{one.decision} in {one.posting_period}",
            )


def _sole_decision(certificate: Certificate, request_id: str) -> str:
    found = Counter(one.decision for one in certificate.exceptions if one.request_id == request_id)
    return next(iter(found)) if len(found) == 1 else f"{dict(found)}"


def _people(certificate: Certificate) -> dict[str, tuple[Verifier, Person]]:
    """Keys by `name+hash`. A person may have had several keys, and by one of them other roles at
    other times, which count together; no two people share one."""
    found: dict[str, tuple[Verifier, Person]] = {}
    owners: dict[bytes, str] = {}
    for person in certificate.people:
        verifier = Verifier.from_text(person.verifier_key)
        owner = owners.setdefault(verifier.public_key, person.person)
        before = found.get(verifier.key_id)
        roles = person.roles
        if before is not None and before[0] == verifier:
            roles = (*before[1].roles, *roles)
        elif verifier.name != person.person or owner != person.person or before is not None:
            raise _problem(
                "person_must_have_a_key_of_their_own",
                f"person {person.person}",
                "a key under this name that no one else has",
                f"key {verifier.key_id}, also of {owner}",
            )
        found[verifier.key_id] = (verifier, replace(person, roles=roles))
    return found


def _pair(
    approval: Statement,
    key_id: str,
    requests: dict[str, tuple[Statement, str]],
    people: dict[str, tuple[Verifier, Person]],
) -> Approved:
    request, request_key = requests.get(approval.request_sha256 or "", (None, ""))
    if request is None:
        raise _problem(
            "approval_must_have_its_request",
            f"approval of {approval.request_id} by {approval.person}",
            f"the request of SHA-256 {approval.request_sha256}",
            "no such statement",
        )
    same_key = people[key_id][0].public_key == people[request_key][0].public_key
    _require(
        approval.person != request.person and not same_key,
        "requester_must_not_approve",
        approval,
        f"someone other than {request.person}",
        approval.person,
    )
    for name in ("action", "request_id"):
        said, asked = getattr(approval, name), getattr(request, name)
        _require(said == asked, "statement_must_match_the_request", approval, asked, said)
    subject = dict(approval.subject)
    if approval.action == CLOSE:
        subject.pop(ACKNOWLEDGED, None)
    _require(
        subject == dict(request.subject),
        "statement_must_match_the_request",
        approval,
        str(dict(request.subject)),
        str(subject),
    )
    return Approved(request=request, approval=approval)


def _require_each_request_approved_once(
    requests: dict[str, tuple[Statement, str]], others: list[tuple[Statement, str]]
) -> None:
    approvals = Counter(said.request_sha256 for said, _ in others)
    ids = Counter(request.request_id for request, _ in requests.values())
    for sha256, (request, _) in requests.items():
        found = approvals[sha256]
        _require(found == 1, "request_must_be_approved_once", request, "one approval", str(found))
        _require(
            ids[request.request_id] == 1, "request_must_have_its_own_id", request, "one", "two"
        )


def _require_gate_passed(certificate: Certificate, approval: Statement) -> None:
    acknowledged = approval.subject.get(ACKNOWLEDGED, [])
    for control in certificate.gate.controls:
        named = {control.name, f"{control.suite}.{control.name}"} & set(acknowledged)
        allowed = control.success or (control.severity == "warning" and named)
        if control.severity not in ("blocker", "warning") or not allowed:
            raise _problem(
                "gate_must_have_passed",
                f"control {control.suite}.{control.name} ({control.severity})",
                f"{control.expected}, or a warning acknowledged in the approval",
                f"{control.observed}, acknowledged: {acknowledged}",
            )


def _require_this_lake(said: Statement, certificate: Certificate) -> None:
    _require(
        said.lake_id == certificate.lake_id,
        "statement_must_be_about_this_lake",
        said,
        certificate.lake_id,
        said.lake_id,
    )


def _require_role(said: Statement, person: Person, role: str) -> None:
    _require(
        role in person.roles, "person_must_have_role", said, role, ", ".join(person.roles) or "none"
    )


def _require(holds: object, rule: str, said: Statement, expected: str, found: str) -> None:
    if not holds:
        thing = f"statement of {said.person} as {said.role} on {said.action} {said.request_id}"
        raise _problem(rule, thing, expected, found)


def _problem(rule: str, thing: str, expected: str, found: str) -> IncorrectInput:
    return IncorrectInput(rule, thing=thing, expected=expected, found=found, remedy=ASK)
