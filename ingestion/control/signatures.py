"""Signed statements and keys, told to the rules as evidence.

Holds verifying them with the people's keys. Does not hold keys or rules. Called by the gate.
"""

from collections.abc import Mapping
from functools import lru_cache

from audit.signed_note import Verifier
from audit.statement import open_statement as open_signed
from ledger.errors import IncorrectInput
from ledger.people import Statement
from ledger.rules import Rejection


def open_statement(note: str, keys: Mapping[str, str]) -> Statement | Rejection:
    """The statement, if one of the people (person -> key text) signed it."""
    try:
        return open_signed(note, [_verifier(text) for text in keys.values()])
    except IncorrectInput as error:
        return _as_rejection(error)


def check_key(text: str, person: str) -> Rejection | None:
    """What is wrong with a key text, None if it is a key named after the person."""
    try:
        name = _verifier(text).name
    except IncorrectInput as error:
        return _as_rejection(error)
    if name == person:
        return None
    return Rejection(
        rule="key_must_be_named_after_its_person",
        thing=f"person {person!r}",
        expected=f"a key named {person}",
        found=name,
    )


def _as_rejection(error: IncorrectInput) -> Rejection:
    return Rejection(
        rule=error.rule,
        thing=error.thing,
        expected=error.expected,
        found=error.found,
        remedy=error.remedy,
    )


@lru_cache(maxsize=1024)
def _verifier(text: str) -> Verifier:
    return Verifier.from_text(text)
