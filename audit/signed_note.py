"""Signed notes: a text and Ed25519 signatures under it, in one file a person can read.

Holds keys in their text forms, signing and opening, as C2SP `signed-note` and Go's
`sumdb/note` have them; stricter in one thing: base64 must be in its one form, so that no bit of
a note can change unseen. Does not hold files or randomness. Called by statements, checkpoints
and certificates. Format: https://c2sp.org/signed-note
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.errors import IncorrectInput

ED25519: Final = 1
KEY_BYTES: Final = 32
HASH_BYTES: Final = 4
PRIVATE_PREFIX: Final = "PRIVATE+KEY+"
SIGNATURE_PREFIX: Final = "\u2014 "
# As in Go: more cost a verifier time without end; a note of ours has one.
SIGNATURES_MAX: Final = 100

_HASH: Final = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """A public key with its name. `key_hash`: 8 hex digits that bind the two."""

    name: str
    public_key: bytes

    @classmethod
    def from_text(cls, text: str) -> Verifier:
        """From `name+hash+base64`. IncorrectInput says what is wrong with it."""
        name, key_hash, key = _key_parts(text, "verifier")
        if key_hash != _key_hash(name, key):
            raise _bad_key("verifier", "invalid verifier hash", f"{name}+{key_hash}")
        return cls(name=name, public_key=_ed25519(key, "verifier"))

    def to_text(self) -> str:
        return f"{self.key_id}+{_base64(self._typed)}"

    @property
    def key_hash(self) -> str:
        return _key_hash(self.name, self._typed)

    @property
    def key_id(self) -> str:
        """`name+hash`, as messages name a key."""
        return f"{self.name}+{self.key_hash}"

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Is this the key's signature of `message`?"""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    @property
    def _typed(self) -> bytes:
        return bytes([ED25519]) + self.public_key


@dataclass(frozen=True, kw_only=True)
class Signer:
    """A private key with its name. The seed shows in `to_text` only."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not is_key_name(self.name) or len(self.seed) != KEY_BYTES:
            raise _bad_key(
                "signer", "malformed signer id", f"{len(self.seed)} bytes, {self.name!r}"
            )

    @classmethod
    def from_text(cls, text: str) -> Signer:
        """From `PRIVATE+KEY+name+hash+base64`. No message repeats the key."""
        if not text.startswith(PRIVATE_PREFIX):
            raise _bad_key("signer", "malformed signer id", f"no {PRIVATE_PREFIX} in front")
        name, key_hash, key = _key_parts(text.removeprefix(PRIVATE_PREFIX), "signer")
        signer = cls(name=name, seed=_ed25519(key, "signer"))
        if signer.verifier.key_hash != key_hash:
            raise _bad_key("signer", "invalid signer hash", f"{name}+{key_hash}")
        return signer

    def to_text(self) -> str:
        return f"{PRIVATE_PREFIX}{self.verifier.key_id}+{_base64(bytes([ED25519]) + self.seed)}"

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(name=self.name, public_key=self._key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One signature line; `base64` holds the key's hash and the signature."""

    name: str
    key_hash: str
    base64: str


@dataclass(frozen=True, kw_only=True)
class Note:
    """An opened note. `signatures` were checked, `unverified` are of keys not given."""

    text: str
    signatures: tuple[Signature, ...]
    unverified: tuple[Signature, ...]


def sign_note(text: str, signers: Sequence[Signer]) -> str:
    """The note: `text`, which ends with a line feed, and a signature of each signer."""
    if not text.endswith("\n") or not _has_no_control_characters(text):
        raise _malformed("a text without a line feed at its end, or with control characters")
    lines = [
        f"{SIGNATURE_PREFIX}{signer.name} "
        + _base64(bytes.fromhex(signer.verifier.key_hash) + signer.sign(text.encode()))
        for signer in signers
    ]
    return "\n".join([text, *lines]) + "\n"


def open_note(note: str | bytes, verifiers: Iterable[Verifier]) -> Note:
    """The text of a note that at least one of `verifiers` signed, else IncorrectInput.

    A signature of a given key that does not verify is an error, whatever else verifies.
    """
    text, lines = _parts(_decoded(note))
    known: dict[tuple[str, str], list[Verifier]] = {}
    for verifier in verifiers:
        known.setdefault((verifier.name, verifier.key_hash), []).append(verifier)
    signed: dict[tuple[str, str], Signature] = {}
    unverified: dict[str, Signature] = {}
    for line in lines:
        signature = _signature(line)
        key = (signature.name, signature.key_hash)
        if key not in known:
            unverified.setdefault(line, signature)
        elif key not in signed:
            _require_signed(text, signature, known[key])
            signed[key] = signature
    if not signed:
        raise IncorrectInput(
            "note_must_be_signed_by_a_known_key",
            thing="signed note",
            expected=f"a signature of {', '.join('+'.join(key) for key in known) or 'a given key'}",
            found="note has no verifiable signatures; it names "
            + ", ".join(f"{one.name}+{one.key_hash}" for one in unverified.values()),
            remedy="Give the public key of the signer, from a source you trust.",
        )
    return Note(text=text, signatures=tuple(signed.values()), unverified=tuple(unverified.values()))


def open_sole(note: str | bytes, verifiers: Iterable[Verifier]) -> tuple[str, str]:
    """(text, `name+hash` of the key) of a note with exactly one signature, of one of `verifiers`.

    Nothing may stand in it unseen: a second line, even of an unknown key, is refused.
    """
    opened = open_note(note, verifiers)
    _, lines = _parts(_decoded(note))
    if len(lines) != 1:
        raise IncorrectInput(
            "note_must_have_one_signature",
            thing=f"note signed by {opened.signatures[0].name}",
            expected="one signature",
            found=f"{len(lines)} signature lines",
            remedy="Get it again from its source.",
        )
    return opened.text, f"{opened.signatures[0].name}+{opened.signatures[0].key_hash}"


def is_key_name(name: str) -> bool:
    """May a key be called so? Not empty, no space, no plus sign."""
    return bool(name) and not any(letter.isspace() for letter in name) and "+" not in name


def _require_signed(text: str, signature: Signature, keys: list[Verifier]) -> None:
    key_id = f"{signature.name}+{signature.key_hash}"
    if len(keys) > 1:
        raise IncorrectInput(
            "key_must_be_given_once",
            thing=f"key {key_id}",
            expected="one public key of this name and hash",
            found=f"ambiguous key {key_id}: {len(keys)} of them",
            remedy="Give each key once.",
        )
    raw = base64.b64decode(signature.base64)[HASH_BYTES:]
    if not keys[0].verifies(text.encode(), raw):
        raise IncorrectInput(
            "signature_must_verify",
            thing=f"note signed by {signature.name}",
            expected="the signature of this very text",
            found=f"invalid signature for key {key_id}",
            remedy="The text or the signature was altered: get it again from its source.",
        )


def _decoded(note: str | bytes) -> str:
    try:
        text = note.decode("utf-8") if isinstance(note, bytes) else note
        text.encode("utf-8")
    except UnicodeError:
        raise _malformed("bytes that are no UTF-8") from None
    if not _has_no_control_characters(text):
        raise _malformed("control characters")
    return text


def _parts(note: str) -> tuple[str, list[str]]:
    """The text with its last line feed, and the signature lines."""
    text, blank, block = note.rpartition("\n\n")
    if not blank or not block.endswith("\n"):
        raise _malformed("no block of signatures behind a blank line")
    lines = block.removesuffix("\n").split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise _malformed(f"{len(lines)} signatures, at most {SIGNATURES_MAX}")
    return text + "\n", lines


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(SIGNATURE_PREFIX).partition(" ")
    raw = _raw(encoded)
    fits = line.startswith(SIGNATURE_PREFIX) and is_key_name(name)
    if not fits or raw is None or len(raw) <= HASH_BYTES:
        raise _malformed(f"the line {line!r} among the signatures")
    return Signature(name=name, key_hash=raw[:HASH_BYTES].hex(), base64=encoded)


def _key_parts(text: str, what: str) -> tuple[str, str, bytes]:
    name, _, rest = text.partition("+")
    key_hash, _, encoded = rest.partition("+")
    key = _raw(encoded)
    if not is_key_name(name) or not _HASH.fullmatch(key_hash) or not key:
        raise _bad_key(what, f"malformed {what} id", "not name+hash+base64")
    return name, key_hash, key


def _ed25519(key: bytes, what: str) -> bytes:
    if key[0] != ED25519:
        raise _bad_key(what, f"unknown {what} algorithm", f"algorithm {key[0]}")
    if len(key) != 1 + KEY_BYTES:
        raise _bad_key(what, f"malformed {what} id", f"{len(key) - 1} bytes")
    return key[1:]


def _key_hash(name: str, typed: bytes) -> str:
    return hashlib.sha256(name.encode() + b"\n" + typed).digest()[:HASH_BYTES].hex()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _raw(encoded: str) -> bytes | None:
    """The bytes behind base64 in its one form; None for anything else."""
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if _base64(raw) == encoded else None


def _has_no_control_characters(text: str) -> bool:
    return all(letter >= " " or letter == "\n" for letter in text)


def _malformed(found: str) -> IncorrectInput:
    return IncorrectInput(
        "note_must_be_well_formed",
        thing="signed note",
        expected="a text, a blank line and lines `\u2014 name base64`",
        found=f"malformed note: {found}",
        remedy="Get it again from its source; docs/certificate.md gives the form.",
    )


def _bad_key(what: str, meaning: str, found: str) -> IncorrectInput:
    prefix = PRIVATE_PREFIX if what == "signer" else ""
    return IncorrectInput(
        f"{what}_key_must_be_well_formed",
        thing=f"{what} key",
        expected=f"{prefix}name+hash+base64 of an Ed25519 key",
        found=f"{meaning}: {found}",
        remedy="Copy the whole line of the key file again.",
    )
