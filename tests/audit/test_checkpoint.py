"""A checkpoint is C2SP's: the published one, its strict form, signed by its own lake only."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest

from audit.checkpoint import (
    Checkpoint,
    from_text,
    open_checkpoint,
    origin_of,
    sign_checkpoint,
    to_text,
)
from audit.signed_note import Signer
from ledger.errors import IncorrectInput

CASE = json.loads(
    (Path(__file__).parent.parent / "data/cases/signed_note_checkpoint.json").read_text()
)["checkpoint"]
LAKE_ID = "ab" * 16
LAKE = Signer(name=origin_of(LAKE_ID), seed=bytes(32))
HEAD = Checkpoint(
    origin=origin_of(LAKE_ID), size=7, root=bytes(range(32)), extension=("certificate sha256 x",)
)


def test_the_published_checkpoint_reads_as_published() -> None:
    text = CASE["note"].partition("\n\n")[0] + "\n"
    expected = CASE["expect"]
    found = from_text(text)
    assert found == Checkpoint(
        origin=expected["origin"],
        size=int(expected["tree_size"]),
        root=base64.b64decode(expected["root_hash_b64"]),
        extension=tuple(expected["extension_lines"]),
    )
    assert to_text(found) == text


def test_a_signed_checkpoint_opens_with_the_lakes_key() -> None:
    note = sign_checkpoint(HEAD, LAKE)
    assert open_checkpoint(note, [LAKE.verifier]) == HEAD
    assert note.splitlines()[:2] == [f"ledgerlake/{LAKE_ID}", "7"]


def test_another_lakes_key_does_not_sign_it() -> None:
    other = Signer(name=origin_of("cd" * 16), seed=bytes(32))
    with pytest.raises(IncorrectInput) as caught:
        sign_checkpoint(HEAD, other)
    assert caught.value.rule == "checkpoint_must_be_signed_by_its_own_lake"
    forged = sign_checkpoint(replace(HEAD, origin=other.name), other).replace(other.name, LAKE.name)
    with pytest.raises(IncorrectInput):
        open_checkpoint(forged, [LAKE.verifier, other.verifier])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n7\n",
        "o\n07\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "o\n-7\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "o\n7\n" + base64.b64encode(bytes(31)).decode() + "\n",
        "o\n7\nnot base64!\n",
        "\n7\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "o\n7\n" + base64.b64encode(bytes(32)).decode(),
        "o\n7\n" + base64.b64encode(bytes(32)).decode()[:-2] + "B=\n",
        "o\n7\n" + base64.b64encode(bytes(32)).decode() + "\n\nextension\n",
    ],
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(IncorrectInput) as caught:
        from_text(text)
    assert caught.value.rule == "checkpoint_must_be_well_formed"
