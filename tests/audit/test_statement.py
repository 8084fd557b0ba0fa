"""A statement is one signed sentence of one person, in one form; anything else is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit.canonical_json import canonical_json, parse_canonical
from audit.signed_note import Signer, sign_note
from audit.statement import (
    FIRST_LINE,
    Statement,
    events_sha256,
    note_sha256,
    open_statement,
    sign_statement,
)
from ledger.errors import IncorrectInput

ANA = Signer(name="ana", seed=bytes(range(32)))
BEN = Signer(name="ben", seed=bytes(range(1, 33)))
REQUEST = Statement(
    action="reopen_period",
    at_us=1_767_319_200_000_000,
    lake_id="0" * 32,
    person="ana",
    reason="the März upload of store Köln came late\nand is large",
    request_id="a" * 32,
    request_sha256=None,
    role="requester",
    subject={"period_id": "2011-03"},
)
NOTE = sign_statement(REQUEST, ANA)
VALUES = "statement_must_have_its_values"
LINE = NOTE.split("\n")[1]


def _refused(note: str) -> str:
    with pytest.raises(IncorrectInput) as caught:
        open_statement(note, [ANA.verifier, BEN.verifier])
    return caught.value.rule


def test_a_statement_comes_back_as_it_was_signed() -> None:
    assert open_statement(NOTE, [BEN.verifier, ANA.verifier]) == REQUEST
    assert NOTE.startswith(f"{FIRST_LINE}\n{{")


def test_an_approval_names_the_request_it_approves() -> None:
    approval = replace(REQUEST, person="ben", role="approver", request_sha256=note_sha256(NOTE))
    assert open_statement(sign_statement(approval, BEN), [BEN.verifier]) == approval
    with pytest.raises(IncorrectInput):
        sign_statement(replace(approval, request_sha256=None), BEN)
    with pytest.raises(IncorrectInput):
        sign_statement(replace(REQUEST, request_sha256=note_sha256(NOTE)), ANA)


def test_nobody_signs_in_the_name_of_another() -> None:
    with pytest.raises(IncorrectInput) as caught:
        sign_statement(REQUEST, BEN)
    assert caught.value.rule == "statement_must_be_signed_by_its_person"
    forged = sign_note(f"{FIRST_LINE}\n{LINE}\n", [BEN])
    assert _refused(forged) == "statement_must_be_signed_by_its_person"


def test_a_key_that_is_not_given_is_not_believed() -> None:
    eve = Signer(name="ana", seed=bytes(32))
    assert _refused(sign_statement(REQUEST, eve)) == "note_must_be_signed_by_a_known_key"


def test_two_signatures_are_not_one_statement() -> None:
    assert _refused(sign_note(f"{FIRST_LINE}\n{LINE}\n", [ANA, BEN])) == (
        "note_must_have_one_signature"
    )
    twice = NOTE + NOTE.split("\n")[-2] + "\n"
    assert _refused(twice) == "note_must_have_one_signature"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (f"{LINE}\n", "statement_must_be_two_lines"),
        (f"{FIRST_LINE}\n", "statement_must_be_two_lines"),
        (f"ledgerlake statement v2\n{LINE}\n", "statement_must_be_two_lines"),
        (f"{FIRST_LINE}\n{LINE}x\n", "statement_must_be_canonical_json"),
        (f"{FIRST_LINE}\n{LINE.replace(',', ', ', 1)}\n", "statement_must_be_canonical_json"),
        (f'{FIRST_LINE}\n{{"action":"x",{LINE[1:]}\n', "statement_must_be_canonical_json"),
        (f'{FIRST_LINE}\n{LINE[:-1]},"zone":"x"}}\n', "statement_must_have_its_fields"),
        (f"{FIRST_LINE}\n[]\n", "statement_must_have_its_fields"),
        (f"{FIRST_LINE}\n{LINE.replace('requester', 'owner')}\n", VALUES),
        (f"{FIRST_LINE}\n{LINE.replace('a' * 32, 'a' * 31)}\n", VALUES),
        (f"{FIRST_LINE}\n{LINE.replace(':1767319200000000', ':true')}\n", VALUES),
    ],
)
def test_any_other_form_is_refused(text: str, rule: str) -> None:
    assert _refused(sign_note(text, [ANA])) == rule


def test_three_lines_are_refused() -> None:
    assert (
        _refused(sign_note(f"{FIRST_LINE}\n{LINE}\nmore\n", [ANA])) == "statement_must_be_two_lines"
    )


def test_a_set_of_events_has_one_digest_in_any_order() -> None:
    assert events_sha256(["b", "a"]) == events_sha256(["a", "b"]) != events_sha256(["a", "c"])


def test_canonical_json_has_one_form() -> None:
    assert parse_canonical(canonical_json({"b": [1, None], "a": "ü"})) == {"a": "ü", "b": [1, None]}
    for text in ('{"a":1.0}', '{"a":1, "b":2}', '{"b":1,"a":2}', "1e3", "NaN", '"\\u0041"', "01"):
        with pytest.raises(ValueError):
            parse_canonical(text)
    with pytest.raises(ValueError):
        canonical_json({"a": 0.5})
