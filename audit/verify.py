"""Verify a certificate, or a proof of a figure: `python -m audit.verify FILE --key KEY`.

Needs the certificate with its `.note`, the lake's public key and, for the figures, the Parquet
files; of ours only the folders `audit` and `ledger`. Says ok, or which thing is wrong.
Exit 0: all holds, 1: something is wrong, 2: wrong use. Also called by `ledgerlake certificates`.
"""
# ruff: noqa: PLC0415 readers of files and lakes load polars, half a second not all checks need

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from audit.approvals import check_approvals, check_close, check_decisions, check_times
from audit.certificate import Certificate, require_signed
from audit.certificate_report import CertificateReport
from audit.file_paths import check_paths
from audit.signed_note import Verifier, open_sole
from audit.trusted_keys import read_keys, require_in_time
from ledger.errors import IncorrectInput

if TYPE_CHECKING:
    from audit.certified_lake import VerifiedLake

WRONG_USE = 2
PROOF_MARK = b'"format":"ledgerlake figure proof '


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to hold a certificate against, beside its own signature. None: not asked."""

    files: Path | None = None
    shared: bool = False
    period_id: str | None = None
    closed_edition: int | None = None
    previous: Path | None = None
    lake: Path | VerifiedLake | None = None
    time_stamp: Path | None = None
    tsa: Path | None = None


def verify_certificate(
    path: Path, verifiers: Sequence[Verifier], wanted: Wanted
) -> CertificateReport:
    """Make every check that can be made. FileNotFoundError if there is no certificate at all."""
    data = path.read_bytes()
    report = CertificateReport(str(path), hashlib.sha256(data).hexdigest())
    certificate: Certificate | None = None
    with report.check("signed with the lake's key, in its one form"):
        certificate = require_signed(data, _note_beside(path), verifiers)
    if certificate is None:
        return report  # nothing in an unsigned document is worth checking
    stamped = _stamped_at(path, report, wanted)
    with report.check("signed with a key of its time"):
        _require_key_of_its_time(certificate, path, verifiers, stamped)
    with report.check("the certificate of this period and edition"):
        _require_expected(certificate, path, wanted)
    with report.check("closed, and decided, by four eyes"):
        pairs = check_approvals(certificate)
        check_close(certificate, pairs)
        check_decisions(certificate, pairs)
        check_times(certificate, pairs)
    _check_files(certificate, report, wanted)
    _check_neighbours(certificate, verifiers, report, wanted)
    return report


def _note_beside(path: Path) -> bytes:
    note = path.with_suffix(".note")
    try:
        return note.read_bytes()
    except OSError as error:
        raise IncorrectInput(
            "certificate_must_have_its_note",
            thing=f"note {note}",
            expected="the signed note beside the certificate",
            found=error.strerror or type(error).__name__,
            remedy="Get certificate and note together from their source.",
        ) from None


def _stamped_at(path: Path, report: CertificateReport, wanted: Wanted) -> datetime | None:
    if wanted.time_stamp is None or wanted.tsa is None:
        return None
    from audit.time_stamp import require_stamped

    with report.check("the note was there at the time stamped"):
        return require_stamped(_note_beside(path), wanted.time_stamp, wanted.tsa)
    return None


def _require_key_of_its_time(
    certificate: Certificate,
    path: Path,
    verifiers: Sequence[Verifier],
    stamped: datetime | None,
) -> None:
    _, key_id = open_sole(_note_beside(path), verifiers)
    key = next(one for one in verifiers if one.key_id == key_id)
    thing = f"certificate {certificate.stem}"
    require_in_time(key, certificate.issued_at_us, stamped_at=stamped, thing=thing)


def _require_expected(certificate: Certificate, path: Path, wanted: Wanted) -> None:
    period, edition = certificate.period.period_id, certificate.closed_edition
    asked = (wanted.period_id or period, wanted.closed_edition or edition)
    if asked != (period, edition) or path.name != f"{certificate.stem}.json":
        raise IncorrectInput(
            "certificate_must_be_that_of_the_period_and_edition",
            thing=f"certificate {path.name}",
            expected=f"{asked[0]}.edition-{asked[1]}, and a file of that name",
            found=f"the certificate {certificate.stem}",
            remedy="An older certificate may stand in for this one: get the right one.",
        )


def _check_files(certificate: Certificate, report: CertificateReport, wanted: Wanted) -> None:
    with report.check("files named once, each in its table's folder"):
        check_paths(certificate)
    if wanted.files is None:
        report.not_checked.append("the Parquet files and the figures in them (--files DIR)")
        return
    if not report.ok:
        report.not_checked.append("the Parquet files, as the certificate itself is wrong")
        return
    from audit.published_files import check_figures, check_files

    with report.check(f"{len(certificate.files)} Parquet files, all and only, unaltered"):
        check_files(certificate, wanted.files, shared=wanted.shared, tell=report.problems.append)
    if report.ok:
        with report.check("figures and control totals are those of the files"):
            check_figures(certificate, wanted.files, tell=report.problems.append)


def _check_neighbours(
    certificate: Certificate,
    verifiers: Sequence[Verifier],
    report: CertificateReport,
    wanted: Wanted,
) -> None:
    if wanted.previous is not None:
        with report.check("chained to the previous certificate"):
            _require_chained(certificate, wanted.previous, verifiers)
    elif certificate.previous_certificate_sha256 or certificate.previous_edition_sha256:
        report.not_checked.append("the chain to the previous certificate (--previous FILE)")
    if wanted.lake is not None:
        from audit.certified_lake import VerifiedLake

        with report.check("the lake holds what the certificate was made from"):
            lake = wanted.lake
            verified = VerifiedLake(lake) if isinstance(lake, Path) else lake
            verified.require(certificate, report.sha256)


def _require_chained(
    certificate: Certificate, previous: Path, verifiers: Sequence[Verifier]
) -> None:
    data = previous.read_bytes()
    before = require_signed(data, _note_beside(previous), verifiers)
    if before.period == certificate.period or before.stem.startswith(
        f"{certificate.period.period_id}.edition-"
    ):
        named, edition = certificate.previous_edition_sha256, certificate.closed_edition - 1
        in_order = before.closed_edition == edition
    else:
        named = certificate.previous_certificate_sha256
        in_order = before.period.end_date == certificate.period.first_date
    found = hashlib.sha256(data).hexdigest()
    if found != named or not in_order or before.lake_id != certificate.lake_id:
        raise IncorrectInput(
            "certificate_must_chain_to_the_one_before",
            thing=f"certificate {certificate.stem}",
            expected=f"the certificate of SHA-256 {named} before it",
            found=f"{before.stem} of SHA-256 {found}",
            remedy="Give the newest certificate of the period before, or the edition before.",
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code."""
    given = _parser().parse_args(arguments)
    if _is_proof(given.certificate):
        from audit import verify_proof

        return verify_proof.main(
            [str(given.certificate), *(f"--key={one}" for one in given.key)]
            + (["--json"] if given.json else [])
        )
    wanted = Wanted(
        files=None if given.no_files else given.files,
        shared=given.shared,
        period_id=given.period,
        closed_edition=given.edition,
        previous=given.previous,
        lake=given.lake,
        time_stamp=given.time_stamp,
        tsa=given.tsa,
    )
    try:
        if (given.time_stamp is None) != (given.tsa is None):
            raise ValueError("--time-stamp and --tsa go together")
        if wanted.files is not None and not wanted.files.is_dir():
            raise NotADirectoryError(f"--files {wanted.files}: no such folder")
        report = verify_certificate(given.certificate, read_keys(given.key), wanted)
    except (OSError, ValueError, IncorrectInput) as error:
        sys.stderr.write(f"python -m audit.verify: {error}\n")
        return WRONG_USE
    sys.stdout.write((report.to_json() if given.json else report.to_text()) + "\n")
    return 0 if report.ok else 1


def _is_proof(path: Path) -> bool:
    """A proof of a figure and not a certificate, told by its field `format`."""
    try:
        return PROOF_MARK in path.read_bytes()
    except OSError:
        return False  # said by who reads it next


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m audit.verify",
        description="Verify a certificate of a closed period, or a proof of one figure.",
        epilog="Exit code 0: all holds, 1: something is wrong, 2: wrong use.",
    )
    add = parser.add_argument
    add("certificate", type=Path, help="PERIOD.edition-N.json with its .note beside it, or a proof")
    add("--key", required=True, action="append", metavar="VKEY_OR_FILE", help="lake's public key")
    add("--files", type=Path, metavar="DIR", help="folder of tables with the Parquet files")
    add("--no-files", action="store_true", help="leave the files out even if --files is given")
    add("--shared", action="store_true", help="the folder holds files of other editions too")
    add("--period", metavar="P", help="the period it must be about")
    add("--edition", type=int, metavar="N", help="the edition it must be")
    add("--previous", type=Path, metavar="CERT", help="certificate before it, note beside it")
    add("--lake", type=Path, metavar="DIR", help="the lake it was made from")
    add("--time-stamp", type=Path, metavar="TSR", help="RFC 3161 answer over the note")
    add("--tsa", type=Path, metavar="PEM", help="certificate of the time stamp authority")
    add("--json", action="store_true", help="print the report as one JSON object")
    return parser


if __name__ == "__main__":
    sys.exit(main())
