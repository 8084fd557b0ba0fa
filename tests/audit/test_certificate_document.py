"""docs/certificate.md names every field, and a verifier written from it alone agrees with ours."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.certificate import Certificate
from audit.figure_proof import FigureProof
from audit.statement import Statement
from tests.audit.certificates import LAKE, Closed, close_in

DOCUMENT = (Path(__file__).parents[2] / "docs" / "certificate.md").read_text()


def _section(name: str) -> str:
    return DOCUMENT.split(f"\n## {name}\n")[1].split("\n## ")[0]


def _names(kind: Any) -> Iterator[str]:
    """Fields of a record and of all records in it."""
    hints = get_type_hints(kind)
    for one in fields(kind):
        yield one.name
        for inner in (hints[one.name], *get_args(hints[one.name])):
            if is_dataclass(inner):
                yield from _names(inner)


@pytest.mark.parametrize(
    ("section", "record"),
    [("Certificate", Certificate), ("Statement", Statement), ("Proof of a figure", FigureProof)],
)
def test_every_field_is_described(section: str, record: type) -> None:
    text = _section(section)
    missing = [name for name in _names(record) if not re.search(rf"`{name}(\[\])?`", text)]
    assert not missing, f"describe in docs/certificate.md, {section}: {missing}"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Closed:
    return close_in(tmp_path_factory.mktemp("closed"))


def test_note_and_digest_are_as_described(closed: Closed) -> None:
    """With nothing of ours but the document."""
    data, note = closed.path.read_bytes(), closed.path.with_suffix(".note").read_text()
    text, _, block = note.rpartition("\n\n")
    name, signed = block.removeprefix("\u2014 ").rstrip("\n").split(" ")
    raw = base64.b64decode(signed)
    key = base64.b64decode(LAKE.verifier.to_text().split("+", 2)[-1])
    assert raw[:4] == hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(raw[4:], (text + "\n").encode())
    said = json.loads(data)
    made_from = said["checkpoint"]
    assert text.split("\n") == [
        f"ledgerlake/{said['lake_id']}",
        str(made_from["tree_size"]),
        base64.b64encode(bytes.fromhex(made_from["tree_root"])).decode(),
        f"certificate sha256 {hashlib.sha256(data).hexdigest()}",
        "previous certificate sha256 none",
    ]
    again = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    assert again.encode() == data


def test_a_figures_digest_is_as_described(closed: Closed) -> None:
    rows = [
        {"amount": "10.5", "currency": "GBP", "event_count": 1, "store_id": "S0"},
        {"amount": "-2.25", "currency": "EUR", "event_count": 2, "store_id": "S1"},
        {"amount": "0.0001", "currency": "GBP", "event_count": 3, "store_id": "S2"},
    ]
    rest = {"last_day": "2011-03-05", "posting_period": "2011-03"}
    lines = [
        json.dumps({**row, **rest}, sort_keys=True, separators=(",", ":")) + "\n" for row in rows
    ]
    digest = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    (figure,) = [one for one in closed.certificate.figures if one.name == "period_sales"]
    assert (figure.rows, figure.sha256) == (3, digest)
