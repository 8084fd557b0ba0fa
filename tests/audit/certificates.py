"""A small closed period: real Parquet files, signatures and a certificate, for tests to break."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from audit.certificate import (
    Certificate,
    CertifiedFile,
    CertifiedPeriod,
    Control,
    CutOff,
    DecidedException,
    Gate,
    LakeCheckpoint,
    Person,
    Versions,
    sign_certificate,
)
from audit.certificate_report import CertificateReport
from audit.checkpoint import origin_of
from audit.figures import control_total, figure_of, period_rows
from audit.signed_note import Signer, Verifier
from audit.statement import Statement, events_sha256, note_sha256, sign_statement
from audit.verify import Wanted, verify_certificate

LAKE_ID = "0123456789abcdef" * 2
PLAN = hashlib.sha256(b"plan").hexdigest()
LAKE = Signer(name=origin_of(LAKE_ID), seed=bytes(range(32)))
ANA = Signer(name="ana", seed=bytes(range(1, 33)))
BEN = Signer(name="ben", seed=bytes(range(2, 34)))
NOON_US = 1_767_319_200_000_000
PERIOD = CertifiedPeriod(
    period_id="2011-03", first_date="2011-03-01", end_date="2011-04-01", calendar_version=1
)
CLOSE_SUBJECT: dict[str, object] = {"period_id": "2011-03", "plan_sha256": PLAN}
LATE = ("late-1", "late-2")
DECIDE_SUBJECT: dict[str, object] = {
    "decision": "next_period",
    "event_count": 2,
    "events_sha256": events_sha256(LATE),
}


def statements(
    action: str,
    subject: dict[str, object],
    *,
    number: int,
    requester: Signer = ANA,
    approver: Signer = BEN,
    approved_subject: dict[str, object] | None = None,
    asked_us: int | None = None,
    approved_us: int | None = None,
) -> tuple[str, str]:
    """A request and its approval, as notes; signed at noon if nothing else is said."""
    asked = Statement(
        action=action,
        at_us=NOON_US + number if asked_us is None else asked_us,
        lake_id=LAKE_ID,
        person=requester.name,
        reason="month end",
        request_id=f"{number:032x}",
        request_sha256=None,
        role="requester",
        subject=subject,
    )
    request = sign_statement(asked, requester)
    said = replace(
        asked,
        person=approver.name,
        role="approver",
        at_us=asked.at_us if approved_us is None else approved_us,
        request_sha256=note_sha256(request),
        subject=subject if approved_subject is None else approved_subject,
    )
    return request, sign_statement(said, approver)


APPROVALS = (
    *statements("decide_exceptions", DECIDE_SUBJECT, number=1),
    *statements(
        "close_period",
        CLOSE_SUBJECT,
        number=2,
        approved_subject={**CLOSE_SUBJECT, "acknowledged": []},
    ),
)


def person(signer: Signer, *roles: str) -> Person:
    return Person(person=signer.name, verifier_key=signer.verifier.to_text(), roles=roles)


def write_table(tables: Path, place: str, rows: pl.DataFrame) -> CertifiedFile:
    """One content-addressed file, as a publish writes it."""
    folder = tables / place
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / "aside"
    rows.write_parquet(aside)
    sha256 = hashlib.sha256(aside.read_bytes()).hexdigest()
    path = folder / f"{sha256}.parquet"
    aside.rename(path)
    return CertifiedFile(
        table=place.split("/", maxsplit=1)[0],
        path=path.relative_to(tables).as_posix(),
        sha256=sha256,
        size=path.stat().st_size,
        rows=rows.height,
    )


def sales(period_id: str, amounts: Sequence[str], day: date = date(2011, 3, 5)) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "posting_period": [period_id] * len(amounts),
            "store_id": [f"S{number % 3}" for number in range(len(amounts))],
            "currency": ["EUR" if number % 2 else "GBP" for number in range(len(amounts))],
            "amount": pl.Series([Decimal(one) for one in amounts], dtype=pl.Decimal(38, 4)),
            "event_count": list(range(1, len(amounts) + 1)),
            "last_day": [day] * len(amounts),
        }
    )


def write_tables(tables: Path) -> list[CertifiedFile]:
    balances = pl.DataFrame({"closing": pl.Series([Decimal("7.1")], dtype=pl.Decimal(38, 4))})
    return [
        write_table(tables, "period_sales/all", sales("2011-03", ["10.5", "-2.25", "0.0001"])),
        write_table(tables, "period_sales/all", sales("2011-02", ["99"])),
        write_table(tables, "balance_rollforward/posting_period=2011-03", balances),
        write_table(tables, "balance_rollforward/posting_period=2011-02", balances * 2),
        write_table(tables, "daily_sales/all", sales("x", [str(n) for n in range(3_000)])),
    ]


def certificate_over(tables: Path, files: Sequence[CertifiedFile]) -> Certificate:
    rows = {
        name: period_rows(tables, files, table=name, period_id="2011-03")
        for name in ("period_sales", "balance_rollforward")
    }
    root = hashlib.sha256(b"root").hexdigest()
    return Certificate(
        tenant="default",
        lake_id=LAKE_ID,
        period=PERIOD,
        closed_edition=1,
        published_edition=4,
        cut_off=CutOff(commit_seq=9, ingest_time_us=NOON_US),
        checkpoint=LakeCheckpoint(
            origin=LAKE.name, tree_size=1_000, tree_root=root, commit_seq=9, commit_sha256=root
        ),
        files=tuple(files),
        figures=tuple(figure_of(name, rows[name]) for name in rows),
        control_totals=tuple(
            control_total(
                rows["period_sales"],
                name=f"period_sales {currency} {column}",
                figure="period_sales",
                column=column,
                where={"currency": currency},
            )
            for currency in ("EUR", "GBP")
            for column in ("amount", "event_count")
        ),
        gate=Gate(
            controls=(
                Control(
                    suite="completeness",
                    name="every_store_uploaded",
                    severity="blocker",
                    success=True,
                    observed="3",
                    expected="3",
                ),
            ),
            docs_sha256=root,
        ),
        approvals=APPROVALS,
        people=(person(ANA, "requester"), person(BEN, "approver", "requester")),
        exceptions=tuple(
            DecidedException(
                event_id=one,
                decision="next_period",
                posting_period="2011-04",
                request_id=f"{1:032x}",
            )
            for one in LATE
        ),
        versions=Versions(
            models=root, contracts=root, calendar=1, code="0.1.0", packages={"duckdb": "1.5.5"}
        ),
        plan_sha256=PLAN,
        previous_certificate_sha256=None,
        previous_edition_sha256=None,
        run_id="a" * 32,
        issued_at_us=NOON_US + 10,
    )


@dataclass(frozen=True)
class Closed:
    """A certificate with its note and files in a folder of its own."""

    path: Path
    tables: Path
    certificate: Certificate

    def verify(
        self, *, keys: Sequence[Verifier] = (LAKE.verifier,), **wanted: object
    ) -> CertificateReport:
        return verify_certificate(
            self.path,
            keys,
            Wanted(**{"files": self.tables, **wanted}),  # type: ignore[arg-type]
        )

    def rules(self, **wanted: object) -> list[str]:
        return [one.rule for one in self.verify(**wanted).problems]  # type: ignore[arg-type]

    def issue(self, certificate: Certificate, signer: Signer = LAKE) -> Closed:
        """Another certificate over the same files, signed."""
        path = self.path.with_name(f"{certificate.stem}.json")
        path.write_bytes(certificate.to_bytes())
        path.with_suffix(".note").write_text(sign_certificate(certificate, signer))
        return Closed(path, self.tables, certificate)

    def altered(self, alter: Callable[[Certificate], Certificate]) -> Closed:
        return self.issue(alter(self.certificate))


def close_in(folder: Path) -> Closed:
    tables = folder / "tables"
    certificate = certificate_over(tables, write_tables(tables))
    path = folder / "certificates" / f"{certificate.stem}.json"
    path.parent.mkdir()
    return Closed(path, tables, certificate).issue(certificate)


def copy_of(closed: Closed, folder: Path) -> Closed:
    """The same files in another folder, to be broken there."""
    shutil.copytree(closed.tables, folder / "tables")
    shutil.copytree(closed.path.parent, folder / "certificates")
    return Closed(folder / "certificates" / closed.path.name, folder / "tables", closed.certificate)
