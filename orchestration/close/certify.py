"""Issuing the certificate of a close: gathered from lake and edition, signed, checked, kept.

Holds what goes into it and writing it. Its form and its checks are `audit`'s. Called by `apply`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from audit.certificate import (
    Certificate,
    CertifiedFile,
    CertifiedPeriod,
    Control,
    CutOff,
    DecidedException,
    Figure,
    Gate,
    LakeCheckpoint,
    Person,
    Versions,
    read_certificate,
    sign_certificate,
)
from audit.checkpoint import origin_of
from audit.figures import control_total, figure_of, period_rows
from audit.signed_note import Signer
from audit.verify import Wanted, verify_certificate
from expectations.verdict import Verdict
from ingestion.control import rows
from ingestion.control.books import control_segments
from ingestion.lake.log import CommitLog
from ingestion.lake.segments import SegmentFiles
from ingestion.lake.store import LocalStore
from ledger.books import Books, read_statement
from ledger.control_events import LateEventDecided
from ledger.errors import InternalFault
from ledger.periods import Closed
from orchestration.close.binding import package_versions
from orchestration.close.closed_figures import certificate_path, closes
from orchestration.close.planned import Plan
from orchestration.close.runs import Run
from orchestration.home import Home
from orchestration.keys import lake_keys
from orchestration.publish.edition import Edition, replace_durably
from orchestration.publish.export import text
from orchestration.publish.figures import FROZEN


@dataclass(frozen=True, kw_only=True)
class Case:
    """A close that is ready to be certified."""

    home: Home
    books: Books
    run: Run
    plan: Plan
    edition: Edition
    verdict: Verdict
    cut_off_commit: int
    now_us: int


def issued(run: Run, closed_edition: int) -> Certificate | None:
    """The certificate this very run has issued already."""
    path = certificate_path(run.home, run.period_id, closed_edition)
    if not path.exists():
        return None
    found = read_certificate(path.read_bytes())
    return found if found.run_id == run.run_id else None


def issue(case: Case, signer: Signer) -> Certificate:
    """Write and check it among the run's papers, then put it where certificates are kept."""
    certificate = _certificate(case)
    note = sign_certificate(certificate, signer).encode()
    draft = _write(case.run.folder, certificate, note)
    _require_good(case.home, draft, certificate)
    _write(case.home.certificates, certificate, note)
    return certificate


def require_good(home: Home, certificate: Certificate) -> None:
    """As a stranger would check it. InternalFault names what is wrong."""
    _require_good(home, home.certificates / f"{certificate.stem}.json", certificate)


def _write(folder: Path, certificate: Certificate, note: bytes) -> Path:
    """The certificate last: where it is, its signature is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{certificate.stem}.json"
    replace_durably(path.with_suffix(".note"), note)
    replace_durably(path, certificate.to_bytes())
    return path


def _require_good(home: Home, path: Path, certificate: Certificate) -> None:
    keys = [one.public for one in lake_keys(home, certificate.lake_id)]
    report = verify_certificate(path, keys, Wanted(files=home.tables, shared=True))
    if not report.ok:
        first = report.problems[0]
        raise InternalFault(
            first.rule,
            thing=f"certificate {path.name}: {first.thing}",
            expected=first.expected,
            found=first.found,
            remedy=first.remedy,
        )


def certified_figures(home: Home, edition: Edition, period_id: str) -> dict[str, pl.DataFrame]:
    """Rows of the period in the edition's files, by table; a table without files has none."""
    files = _files(edition)
    named = {one.table for one in files}
    return {
        name: period_rows(home.tables, files, table=name, period_id=period_id)
        for name in FROZEN
        if name in named
    }


def figures_of(frames: dict[str, pl.DataFrame]) -> tuple[Figure, ...]:
    """Their digests."""
    return tuple(figure_of(name, frame) for name, frame in frames.items())


def _certificate(case: Case) -> Certificate:
    home, plan, books = case.home, case.plan, case.books
    frames = certified_figures(home, case.edition, plan.period_id)
    cut = CommitLog(LocalStore(home.lake)).read(case.cut_off_commit)
    decided = _decided(case)
    notes = _approvals(case, {one.request_id for one in decided})
    assert plan.binding is not None, "a plan without binding has a blocker"
    return Certificate(
        tenant=home.tenant,
        lake_id=cut.commit.lake_id,
        period=CertifiedPeriod(
            period_id=plan.period_id,
            first_date=plan.first_date,
            end_date=plan.end_date,
            calendar_version=plan.calendar_version,
        ),
        closed_edition=plan.closed_edition,
        published_edition=case.edition.number,
        cut_off=CutOff(commit_seq=cut.commit.seq, ingest_time_us=cut.commit.ingest_time_us),
        checkpoint=LakeCheckpoint(
            origin=origin_of(cut.commit.lake_id),
            tree_size=cut.commit.tree_size,
            tree_root=cut.commit.tree_root,
            commit_seq=cut.commit.seq,
            commit_sha256=cut.sha256,
        ),
        files=_files(case.edition),
        figures=figures_of(frames),
        control_totals=tuple(
            control_total(
                frames[one.figure],
                name=one.name,
                figure=one.figure,
                column=one.column,
                where=one.where,
            )
            for one in plan.control_totals
        ),
        gate=_gate(case.verdict),
        approvals=tuple(notes),
        people=signers(books, notes),
        exceptions=tuple(decided),
        versions=Versions(
            models=plan.binding.models,
            contracts=plan.binding.contracts,
            calendar=plan.calendar_version,
            code=plan.binding.code,
            packages=package_versions(),
        ),
        plan_sha256=str(case.run.request.subject["plan_sha256"]),
        previous_certificate_sha256=_period_before(books, plan.period_id),
        previous_edition_sha256=_edition_before(books, plan),
        run_id=case.run.run_id,
        issued_at_us=max(case.now_us, cut.commit.ingest_time_us),
    )


def _files(edition: Edition) -> tuple[CertifiedFile, ...]:
    return tuple(
        CertifiedFile(
            table=table.name, path=one.path, sha256=one.sha256, size=one.size, rows=one.rows
        )
        for table in edition.tables
        for one in table.files
    )


def _gate(verdict: Verdict) -> Gate:
    controls = tuple(
        Control(
            suite=one.suite,
            name=one.name,
            severity=str(one.severity),
            success=one.success,
            observed=one.observed,
            expected=one.expected,
        )
        for one in verdict.controls
    )
    return Gate(controls=controls, docs_sha256=verdict.docs_sha256)


def _decided(case: Case) -> list[DecidedException]:
    """Decisions that concern the period: of its events, or booked into it. Whole requests, for an
    approval is over all of its events."""
    query = (
        "select distinct request_id from main.late_event_exceptions where request_id is not null"
        f" and {text(case.plan.period_id)} in (period_id, posting_period)"
    )
    with duckdb.connect(str(case.home.warehouse), read_only=True) as connection:
        ids = sorted(str(one) for (one,) in connection.execute(query).fetchall())
    return [
        DecidedException(
            event_id=one.event_id,
            decision=one.decision,
            posting_period=one.posting_period,
            request_id=one.request_id,
        )
        for one in _decisions_of(case.home, ids, until_commit=case.cut_off_commit)
    ]


def _decisions_of(
    home: Home, request_ids: list[str], *, until_commit: int
) -> Iterator[LateEventDecided]:
    if not request_ids:
        return
    store = LocalStore(home.lake)
    files = SegmentFiles(store)
    mine = pl.col("correlation_id").is_in(request_ids) & rows.IS_OURS
    for path in control_segments(store, until_commit=until_commit):
        found = files.read(path).filter(mine & (pl.col("event_type") == LateEventDecided.__name__))
        for one in rows.recorded(found):
            assert isinstance(one.event, LateEventDecided)
            yield one.event


def _approvals(case: Case, decided: set[str]) -> Iterable[str]:
    """Signed notes, requests before their approvals: of the close, reopenings and decisions."""
    asked = sorted(case.books.requests.values(), key=lambda one: one.requested_commit)
    notes: list[str] = []
    for one in asked:
        reopened = one.action == "reopen_period" and one.subject["period_id"] == case.plan.period_id
        wanted = reopened or one.request_id in {*decided, case.run.run_id}
        if wanted and one.state == "approved":
            notes += one.statements
    return notes


def signers(books: Books, notes: Iterable[str]) -> tuple[Person, ...]:
    """Whose signatures stand under `notes`: every key they ever had, with each role they had."""
    names = {str(read_statement(note)["person"]) for note in notes}
    had = [
        Person(person=one.person, verifier_key=one.verifier_key, roles=one.roles)
        for one in books.people_ever
        if one.person in names
    ]
    return tuple(dict.fromkeys(had))


def _period_before(books: Books, period_id: str) -> str | None:
    before = books.calendar.before(books.calendar.get(period_id))
    state = books.state(before.period_id)
    return state.certificate_sha256 if isinstance(state, Closed) else None


def _edition_before(books: Books, plan: Plan) -> str | None:
    earlier = [one for one in closes(books) if one.period_id == plan.period_id]
    return earlier[-1].certificate_sha256 if earlier else None
