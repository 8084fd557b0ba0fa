"""Statements: what a person asked for, approved, declined or revoked, signed with the person's key.

Holds their one form, signing and opening. Does not know who may do what (`ledger` does) or where
keys come from. Called at the choke point and by the verifier of certificates, so that four eyes
are two signatures and not two names. Format: docs/certificate.md
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from audit.canonical_json import canonical_json, parse_canonical
from audit.signed_note import Signer, Verifier, open_sole, sign_note
from ledger.errors import IncorrectInput

FIRST_LINE: Final = "ledgerlake statement v1"
ROLES: Final = ("requester", "approver", "decliner", "revoker")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One signed sentence. `request_sha256`: of the request's note; null in the request itself."""

    action: str
    at_us: int
    lake_id: str
    person: str
    reason: str
    request_id: str
    request_sha256: str | None
    role: str
    subject: Mapping[str, Any]


def sign_statement(statement: Statement, signer: Signer) -> str:
    """The note, signed by the person's own key."""
    if signer.name != statement.person:
        raise _refusal(
            "statement_must_be_signed_by_its_person", f"the key of {statement.person}", signer.name
        )
    _require_values(statement)
    values = {field.name: getattr(statement, field.name) for field in fields(Statement)}
    line = canonical_json({**values, "subject": dict(statement.subject)})
    return sign_note(f"{FIRST_LINE}\n{line}\n", [signer])


def open_statement(note: str, verifiers: Iterable[Verifier]) -> Statement:
    """The statement of a note with one signature, of one of `verifiers`. Else IncorrectInput."""
    return open_with_key(note, verifiers)[0]


def open_with_key(note: str, verifiers: Iterable[Verifier]) -> tuple[Statement, str]:
    """As `open_statement`, and the `name+hash` of the key that signed."""
    text, key_id = open_sole(note, verifiers)
    first, _, rest = text.partition("\n")
    line, _, more = rest.partition("\n")
    if first != FIRST_LINE or not line or more:
        raise _refusal("statement_must_be_two_lines", f"{FIRST_LINE!r} and one line", text)
    statement = _read(line)
    if key_id.split("+")[0] != statement.person:
        raise _refusal(
            "statement_must_be_signed_by_its_person",
            f"the key of {statement.person}",
            f"the key {key_id}",
        )
    return statement, key_id


def note_sha256(note: str) -> str:
    """SHA-256 of a note's bytes: how an approval names its request."""
    return hashlib.sha256(note.encode()).hexdigest()


def events_sha256(event_ids: Iterable[str]) -> str:
    """SHA-256 of sorted event ids, one a line: how a decision names its events."""
    return hashlib.sha256("\n".join(sorted(event_ids)).encode()).hexdigest()


def _read(line: str) -> Statement:
    try:
        values = parse_canonical(line)
    except ValueError as error:
        raise _refusal("statement_must_be_canonical_json", "the one form", error) from None
    names = sorted(field.name for field in fields(Statement))
    if not isinstance(values, dict) or sorted(values) != names:
        found = sorted(values) if isinstance(values, dict) else type(values).__name__
        raise _refusal("statement_must_have_its_fields", names, found)
    statement = Statement(**values)
    _require_values(statement)
    return statement


def _require_values(said: Statement) -> None:
    texts = (said.action, said.lake_id, said.person, said.reason, said.request_id, said.role)
    checks = {
        "text in all fields but at_us, request_sha256 and subject": all(
            isinstance(text, str) for text in texts
        ),
        "at_us of a whole number": type(said.at_us) is int,
        "a subject of named values": isinstance(said.subject, Mapping),
        f"a role of {', '.join(ROLES)}": said.role in ROLES,
        "lake_id and request_id of 32 hex digits": _is_hex(said.lake_id, 32)
        and _is_hex(said.request_id, 32),
        "request_sha256 of 64 hex digits, null in a request": said.request_sha256 is None
        if said.role == "requester"
        else _is_hex(said.request_sha256, 64),
    }
    for expected, holds in checks.items():
        if not holds:
            raise _refusal("statement_must_have_its_values", expected, said)


def _is_hex(value: object, digits: int) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(f"[0-9a-f]{{{digits}}}", value))


def _refusal(rule: str, expected: object, found: object) -> IncorrectInput:
    return IncorrectInput(
        rule,
        thing="signed statement",
        expected=str(expected),
        found=str(found),
        remedy="Make it with `ledgerlake`; docs/certificate.md gives the form.",
    )
