"""Checkpoints: the lake's size and root at one moment, signed with the lake's key.

Holds the text of C2SP `tlog-checkpoint`, signing and opening it. Whoever has two checkpoints of a
lake can ask for a proof that the one is a prefix of the other (`audit.merkle`).
Called by certificates, figure proofs and anchors. Format: https://c2sp.org/tlog-checkpoint
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from audit.signed_note import Signer, Verifier, open_sole, sign_note
from ledger.errors import IncorrectInput

ROOT_BYTES: Final = 32
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """`origin` names the log, `root` is the RFC 6962 root over `size` events (32 bytes)."""

    origin: str
    size: int
    root: bytes
    extension: tuple[str, ...] = ()


def origin_of(lake_id: str) -> str:
    """How a lake is named in its checkpoints; its keys are named so too."""
    return f"ledgerlake/{lake_id}"


def to_text(checkpoint: Checkpoint) -> str:
    """The text under a checkpoint's signature."""
    root = base64.b64encode(checkpoint.root).decode("ascii")
    lines = [checkpoint.origin, str(checkpoint.size), root, *checkpoint.extension]
    if len(checkpoint.root) != ROOT_BYTES or any(not one or "\n" in one for one in lines):
        raise _refusal("lines that are not empty, a root of 32 bytes", str(lines))
    return "\n".join(lines) + "\n"


def from_text(text: str) -> Checkpoint:
    """The checkpoint of a text. IncorrectInput if it has any other form."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 3 or not text.endswith("\n") or not all(lines):
        raise _refusal("origin, size, root and extension lines, none empty", repr(text[:200]))
    origin, size, root, *extension = lines
    if not _SIZE.fullmatch(size):
        raise _refusal("a size in decimal digits", size)
    return Checkpoint(origin=origin, size=int(size), root=_root(root), extension=tuple(extension))


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """The signed note; the key must be one of this lake."""
    _require_own_key(checkpoint, signer.name)
    return sign_note(to_text(checkpoint), [signer])


def open_checkpoint(note: str | bytes, verifiers: Iterable[Verifier]) -> Checkpoint:
    """The checkpoint of a note with one signature, of one of `verifiers` named as its origin."""
    text, key_id = open_sole(note, verifiers)
    checkpoint = from_text(text)
    _require_own_key(checkpoint, key_id.split("+")[0])
    return checkpoint


def _require_own_key(checkpoint: Checkpoint, name: str) -> None:
    if name != checkpoint.origin:
        raise IncorrectInput(
            "checkpoint_must_be_signed_by_its_own_lake",
            thing=f"checkpoint of {checkpoint.origin}",
            expected=f"a key named {checkpoint.origin}",
            found=f"a key named {name}",
            remedy="Sign and check with the key of this very lake: `ledgerlake keys show`.",
        )


def _root(text: str) -> bytes:
    try:
        root = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        root = b""
    if len(root) != ROOT_BYTES or base64.b64encode(root).decode("ascii") != text:
        raise _refusal("a root of 32 bytes in base64", text)
    return root


def _refusal(expected: str, found: str) -> IncorrectInput:
    return IncorrectInput(
        "checkpoint_must_be_well_formed",
        thing="lake checkpoint",
        expected=expected,
        found=found,
        remedy="Get it again from its source; docs/certificate.md gives the form.",
    )
