"""Certificates: what a closed period says, and what it was said from, in one signed document.

Holds the fields, their one form in bytes, and the note that signs them: a checkpoint of the lake
whose extension lines name the certificate. Does not check anything but form (`audit.verify` does)
and touches no files. Called by the close and by verifiers. Format: docs/certificate.md
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from audit.canonical_json import canonical_json, parse_canonical
from audit.checkpoint import Checkpoint, open_checkpoint, origin_of, sign_checkpoint
from audit.record import NotThisRecord, from_values, to_values
from audit.signed_note import Signer, Verifier
from ledger.errors import IncorrectInput

FORMAT: Final = "ledgerlake certificate 1"
CERTIFICATE_LINE: Final = "certificate sha256 "
PREVIOUS_LINE: Final = "previous certificate sha256 "
NONE: Final = "none"

_PERIOD_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_HASH_FIELDS: Final = re.compile(r"sha256$|_root$")
_HEX64: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class CertifiedPeriod:
    """`end_date` is exclusive; both are ISO dates."""

    period_id: str
    first_date: str
    end_date: str
    calendar_version: int


@dataclass(frozen=True, kw_only=True)
class CutOff:
    """The last commit that counts."""

    commit_seq: int
    ingest_time_us: int


@dataclass(frozen=True, kw_only=True)
class LakeCheckpoint:
    """The lake the certificate was made from. `tree_root` in hex."""

    origin: str
    tree_size: int
    tree_root: str
    commit_seq: int
    commit_sha256: str


@dataclass(frozen=True, kw_only=True)
class CertifiedFile:
    """One Parquet file of the edition. `path` is relative to the folder of tables."""

    table: str
    path: str
    sha256: str
    size: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Figure:
    """The rows of a table that belong to the period, and their digest (`audit.figures`)."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ControlTotal:
    """Sum of `column` over the rows of `figure` in which the columns of `where` have its values."""

    name: str
    figure: str
    column: str
    where: Mapping[str, str]
    value: str


@dataclass(frozen=True, kw_only=True)
class Control:
    """One question the gate asked. `severity` is blocker or warning."""

    suite: str
    name: str
    severity: str
    success: bool
    observed: str
    expected: str


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What the gate found; `docs_sha256` is the digest of its report."""

    controls: tuple[Control, ...]
    docs_sha256: str | None


@dataclass(frozen=True, kw_only=True)
class Person:
    """Whose signature counts, with which key, as what."""

    person: str
    verifier_key: str
    roles: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DecidedException:
    """One decision about one late event. An event decided again is there again, in order."""

    event_id: str
    decision: str
    posting_period: str | None
    request_id: str


@dataclass(frozen=True, kw_only=True)
class Versions:
    """What computed the figures. `calendar` is its version number, `packages` name to version."""

    models: str
    contracts: str
    calendar: int
    code: str
    packages: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """All fields of the document. `previous_certificate_sha256` is of the period before,
    `previous_edition_sha256` of the edition before of this period; null for the first."""

    format: str = field(default=FORMAT)
    tenant: str
    lake_id: str
    period: CertifiedPeriod
    closed_edition: int
    published_edition: int
    cut_off: CutOff
    checkpoint: LakeCheckpoint
    files: tuple[CertifiedFile, ...]
    figures: tuple[Figure, ...]
    control_totals: tuple[ControlTotal, ...]
    gate: Gate
    approvals: tuple[str, ...]
    people: tuple[Person, ...]
    exceptions: tuple[DecidedException, ...]
    versions: Versions
    plan_sha256: str
    previous_certificate_sha256: str | None
    previous_edition_sha256: str | None
    run_id: str
    issued_at_us: int

    def to_bytes(self) -> bytes:
        """The document: one line of canonical JSON."""
        return (canonical_json(to_values(self)) + "\n").encode()

    @property
    def digest(self) -> str:
        """SHA-256 of the document, hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def stem(self) -> str:
        """Its file is called so, with `.json`, its signature with `.note`."""
        return f"{self.period.period_id}.edition-{self.closed_edition}"


def read_certificate(data: bytes) -> Certificate:
    """The certificate of a document. IncorrectInput names what does not fit."""
    try:
        text = data.decode("utf-8")
        values = parse_canonical(text.removesuffix("\n"))
    except ValueError as error:
        raise _refusal("certificate_must_be_canonical_json", "one form", str(error)) from None
    if not text.endswith("\n"):
        raise _refusal("certificate_must_be_canonical_json", "a line feed at the end", "none")
    try:
        certificate = from_values(Certificate, values)
    except NotThisRecord as error:
        raise _refusal(
            "certificate_must_have_its_fields", f"{error.where}: {error.expected}", error.found
        ) from None
    _require_values(certificate)
    return certificate


def sign_certificate(certificate: Certificate, signer: Signer) -> str:
    """The note beside the document."""
    return sign_checkpoint(_checkpoint(certificate, certificate.digest), signer)


def require_signed(data: bytes, note: str | bytes, verifiers: Iterable[Verifier]) -> Certificate:
    """The certificate of a document that `note` signs with one of `verifiers`."""
    signed = open_checkpoint(note, verifiers)
    digest = hashlib.sha256(data).hexdigest()
    named = [one.removeprefix(CERTIFICATE_LINE) for one in signed.extension[:1]]
    if named != [digest]:
        raise _refusal(
            "certificate_must_be_the_one_signed",
            f"a document of SHA-256 {', '.join(named) or '(none named)'}, as the note says",
            digest,
        )
    certificate = read_certificate(data)
    expected = _checkpoint(certificate, digest)
    if signed != expected:
        raise _refusal("note_must_say_what_the_certificate_says", str(expected), str(signed))
    return certificate


def _checkpoint(certificate: Certificate, digest: str) -> Checkpoint:
    made_from = certificate.checkpoint
    previous = certificate.previous_certificate_sha256 or NONE
    return Checkpoint(
        origin=made_from.origin,
        size=made_from.tree_size,
        root=bytes.fromhex(made_from.tree_root),
        extension=(f"{CERTIFICATE_LINE}{digest}", f"{PREVIOUS_LINE}{previous}"),
    )


def _require_values(found: Certificate) -> None:
    checks = {
        f"format {FORMAT!r}": found.format == FORMAT,
        "a lake_id of 32 hex digits": bool(re.fullmatch("[0-9a-f]{32}", found.lake_id)),
        "a checkpoint of its own lake": found.checkpoint.origin == origin_of(found.lake_id),
        "a period_id of letters, digits, '.', '_' and '-'": bool(
            _PERIOD_ID.fullmatch(found.period.period_id)
        ),
        "a period that ends after it starts": found.period.first_date < found.period.end_date,
        "closed_edition from 1": found.closed_edition >= 1,
        "a checkpoint at or after the cut-off": found.checkpoint.commit_seq
        >= found.cut_off.commit_seq,
        "previous_edition_sha256 from the second edition on, and only then": (
            found.previous_edition_sha256 is None
        )
        == (found.closed_edition == 1),
        "calendar version as in the period": found.versions.calendar
        == found.period.calendar_version,
    }
    for expected, holds in checks.items():
        if not holds:
            raise _refusal("certificate_must_have_its_values", expected, found.stem)
    for where, value in _hashes(to_values(found), "certificate"):
        if not _HEX64.fullmatch(value):
            raise _refusal("certificate_must_have_its_values", f"{where}: 64 hex digits", value)


def _hashes(values: object, where: str) -> Iterable[tuple[str, str]]:
    """Every text in a field that holds a SHA-256."""
    if isinstance(values, dict):
        for name, value in values.items():
            if isinstance(value, str) and _HASH_FIELDS.search(name):
                yield f"{where}.{name}", value
            yield from _hashes(value, f"{where}.{name}")
    elif isinstance(values, list):
        for number, value in enumerate(values):
            yield from _hashes(value, f"{where}[{number}]")


def _refusal(rule: str, expected: str, found: str) -> IncorrectInput:
    return IncorrectInput(
        rule,
        thing="certificate",
        expected=expected,
        found=found,
        remedy="Get certificate and note again from their source.",
    )
