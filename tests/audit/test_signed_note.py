"""Signed notes are those of C2SP and Go: published vectors, and every bit of a note counts."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from audit.signed_note import Signer, Verifier, is_key_name, open_note, sign_note
from ledger.errors import IncorrectInput

CASES = json.loads(
    (Path(__file__).parent.parent / "data/cases/signed_note_checkpoint.json").read_text()
)
SIGNER = Signer.from_text(CASES["sign"]["private_key"])
RULES = {
    "malformed note": "note_must_be_well_formed",
    "note has no verifiable signatures": "note_must_be_signed_by_a_known_key",
    "ambiguous key EnochRoot+af0cfe78": "key_must_be_given_once",
    "invalid signature for key PeterNeumann+c74f20a3": "signature_must_verify",
}


def _open(case: dict[str, Any]) -> tuple[Any, Any]:
    keys = [Verifier.from_text(text) for text in case["verifier_keys"]]
    note = open_note(base64.b64decode(case["note_b64"]), keys)
    return tuple(
        [[one.name, one.key_hash, one.base64] for one in signatures]
        for signatures in (note.signatures, note.unverified)
    )  # type: ignore[return-value]


@pytest.mark.parametrize("case", CASES["open_cases"], ids=lambda case: case["id"])
def test_published_notes_open_or_fail_as_published(case: dict[str, Any]) -> None:
    expected = case["expect"]
    if "error" not in expected:
        assert _open(case) == (expected["sigs"], expected["unverified"])
        return
    with pytest.raises(IncorrectInput) as caught:
        _open(case)
    assert expected["error"] in caught.value.found
    assert caught.value.rule == RULES[expected["error"]]


def test_published_text_is_signed_to_the_published_note() -> None:
    assert sign_note(CASES["sign"]["text"], [SIGNER]) == CASES["sign"]["expect_note"]


def test_keys_survive_their_text_form() -> None:
    for text in CASES["verifier_keys"]["ok"]:
        assert Verifier.from_text(text).to_text() == text
    assert SIGNER.to_text() == CASES["sign"]["private_key"]
    assert SIGNER.verifier.to_text() == CASES["verifier_keys"]["ok"][0]
    assert "seed" not in repr(SIGNER)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (CASES["verifier_keys"]["bad"][0], "malformed verifier id"),
        (CASES["verifier_keys"]["bad"][1], "unknown verifier algorithm"),
        (CASES["verifier_keys"]["ok"][0].replace("c74f20a3", "c74f20a4"), "invalid verifier hash"),
        ("PeterNeumann", "malformed verifier id"),
        ("+c74f20a3+AQ==", "malformed verifier id"),
    ],
)
def test_a_bad_public_key_is_refused_with_its_meaning(text: str, meaning: str) -> None:
    with pytest.raises(IncorrectInput) as caught:
        Verifier.from_text(text)
    assert caught.value.found.startswith(meaning)


def test_a_bad_private_key_is_refused_and_not_repeated() -> None:
    good = CASES["sign"]["private_key"]
    for bad in (good[8:], good.replace("c74f20a3", "c74f20a4"), good + "AAAA"):
        with pytest.raises(IncorrectInput) as caught:
            Signer.from_text(bad)
        assert good[-20:] not in str(caught.value)


def test_no_byte_of_a_note_can_change_unseen() -> None:
    note = CASES["sign"]["expect_note"].encode()
    missed = []
    for at in range(len(note)):
        for bit in range(8):
            altered = bytearray(note)
            altered[at] ^= 1 << bit
            try:
                open_note(bytes(altered), [SIGNER.verifier])
            except IncorrectInput:
                continue
            missed.append((at, bit))
    assert not missed


def test_a_text_that_could_not_be_told_from_its_signatures_is_not_signed() -> None:
    for text in ("no line feed", "a tab\t\n", ""):
        with pytest.raises(IncorrectInput) as caught:
            sign_note(text, [SIGNER])
        assert caught.value.rule == "note_must_be_well_formed"


def test_names_of_keys_have_no_space_and_no_plus() -> None:
    assert is_key_name("ledgerlake/0123") and is_key_name("ana")
    assert not any(is_key_name(name) for name in ("", "a b", "a+b", "a\u00a0b", "a\n"))
