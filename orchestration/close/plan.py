"""Planning a close: every blocker at once, what will freeze, and a token bound to all of it.

Changes nothing but for the signed request it records when nothing blocks and somebody signs. Does
not close (`apply` does). Called by `ledgerlake close plan` and the jobs.
"""

import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import polars as pl

from audit.certificate import ControlTotal, Figure
from audit.signed_note import Signer
from expectations.gate import foresee
from ingestion.control.books import load_books
from ingestion.lake.log import CommitLog, LoggedCommit
from ingestion.lake.store import LocalStore
from ledger.books import Books
from ledger.calendar import Period
from ledger.errors import IncorrectInput, InternalFault
from ledger.periods import closed_edition_of
from orchestration.close import blockers, closed_figures, runs, signing
from orchestration.close.binding import read_binding
from orchestration.close.finding import Finding, blocker, of_control
from orchestration.close.frames import arrivals, control_frames
from orchestration.close.lateness import expected_residual, lateness_curve
from orchestration.close.planned import Plan, Planned
from orchestration.close.signing import When
from orchestration.close.totals import control_totals
from orchestration.home import Home
from orchestration.locks import Busy, exclusive, holder
from orchestration.publish.figures import read_figures, warehouse_relations
from orchestration.settings import Settings
from orchestration.status import head_of


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What the warehouse says."""

    findings: tuple[Finding, ...] = ()
    control_totals: tuple[ControlTotal, ...] = ()
    figures: tuple[Figure, ...] = ()
    lateness: Mapping[str, Any] = field(default_factory=dict)


def plan(
    settings: Settings,
    period_id: str,
    *,
    when: When,
    signer: Signer | None = None,
    reason: str = "",
) -> Planned:
    """Look at everything that could stop a close; ask for it if nothing does.

    `signer` is the requester's key; without one no request is made and there is no token.
    IncorrectInput for an unknown period, or if the lake moved while it was looked at.
    """
    home = Home.of(settings)
    head = head_commit(home)
    books = load_books(home.lake)
    period = books.calendar.get(period_id)
    findings = tuple(blockers.of_the_lake(home, books, period, now_us=when.now_us))
    seen = _look(settings, home, books, period, head)
    made = Plan(
        period_id=period.period_id,
        first_date=period.first_date.isoformat(),
        end_date=period.end_date.isoformat(),
        calendar_version=books.calendar.version,
        closed_edition=closed_edition_of(books.state(period_id)) + 1,
        requester=signer.name if signer else None,
        planned_at_us=when.now_us,
        binding=read_binding(home, head, books) if home.warehouse.exists() else None,
        findings=(*findings, *seen.findings),
        control_totals=seen.control_totals,
        figures=seen.figures,
        lateness=seen.lateness,
    )
    token = None
    if signer and not made.blockers:
        token = _ask(home, made, signer, head, reason=reason, when=when)
    return Planned(plan=made, plan_sha256=made.sha256, token=token)


def head_commit(home: Home) -> LoggedCommit:
    """The newest commit of the home's lake. IncorrectInput if there is no lake."""
    log = CommitLog(LocalStore(home.lake))
    if not log.exists(0):
        raise IncorrectInput(
            "lake_must_exist",
            thing=f"home {home.root}, tenant {home.tenant}",
            expected="a lake",
            found="none",
            remedy="Run `ledgerlake init` first, or set LEDGERLAKE_HOME to the home that has one.",
        )
    return log.read(head_of(log).seq)


def _look(
    settings: Settings, home: Home, books: Books, period: Period, head: LoggedCommit
) -> _Seen:
    """Ask the warehouse, which nobody may change meanwhile."""
    papers = tuple(closed_figures.paper_differences(home, books))
    if not home.warehouse.exists():
        build = blockers.of_the_build(home, warehouse_seq=None, head_seq=head.commit.seq)
        return _Seen(findings=(*build, *blockers.moved_figures(papers)))
    try:
        with (
            exclusive(home.build_lock, doing=f"close plan {period.period_id}"),
            duckdb.connect(str(home.warehouse), read_only=True) as connection,
            ThreadPoolExecutor(1) as beside,
        ):
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"set memory_limit = '{settings.duckdb.memory_limit}'")
            # Half of it is Python, half of the rest DuckDB: side by side they share two cores.
            came = beside.submit(arrivals, connection.cursor(), period)
            residual = beside.submit(lambda: _residual(*came.result(), period))
            moved = (*papers, *closed_figures.warehouse_differences(connection, home, books))
            build = blockers.of_the_build(
                home, warehouse_seq=known_commit(connection), head_seq=head.commit.seq
            )
            findings = (*build, *blockers.moved_figures(moved), *_gate(connection, home, period))
            relations = warehouse_relations(connection)
            figures = read_figures(connection, relations, [period.period_id])
            return _Seen(
                findings=findings,
                control_totals=control_totals(connection, relations, period.period_id),
                figures=figures[period.period_id],
                lateness={"curve": _curve(*came.result()), "residual": residual.result()},
            )
    except (Busy, duckdb.IOException) as error:
        busy = blockers.rebuild_under_way(holder(home.build_lock), str(error).splitlines()[0])
        return _Seen(findings=(busy, *blockers.moved_figures(papers)))


def _gate(connection: duckdb.DuckDBPyConnection, home: Home, period: Period) -> list[Finding]:
    """The gate's own questions, asked ahead of time; the close asks them again."""
    try:
        frames = control_frames(connection, home.lake, period)
        verdict = foresee(frames)
    except InternalFault as error:
        row = {"thing": error.thing, "expected": error.expected, "found": error.found}
        return [
            blocker(
                error.rule,
                [row],
                question="Can every control of the gate be judged?",
                remedy=error.remedy,
            )
        ]
    return [of_control(one) for one in verdict.controls if not one.success]


def _residual(came: pl.DataFrame, known_at: datetime, period: Period) -> list[dict[str, object]]:
    """How complete the period is, over all stores and each: shares as text, no figure is made of
    them."""
    residual = expected_residual(
        came, first_date=period.first_date, end_date=period.end_date, known_at=known_at
    )
    return [
        {
            "store_id": one.store_id,
            "known_events": one.known_events,
            "expected_missing": f"{one.expected_missing:.1f}",
            "complete": f"{one.complete:.4f}",
            "low": f"{one.low:.4f}",
            "high": f"{one.high:.4f}",
            "says": str(one),
        }
        for one in residual
    ]


def _curve(came: pl.DataFrame, known_at: datetime) -> list[dict[str, object]]:
    """How late days are usually complete, over all stores and each; shares as text."""
    curve = lateness_curve(came, known_at=known_at) if came.height else came.clear()
    return [
        {name: f"{value:.4f}" if isinstance(value, float) else value for name, value in row.items()}
        for row in curve.iter_rows(named=True)
    ]


def known_commit(connection: duckdb.DuckDBPyConnection) -> int | None:
    """The newest commit the warehouse has seen."""
    try:
        row = connection.execute("select max(commit_seq) from staging.stg_lake__commits").fetchone()
    except duckdb.CatalogException:
        return None
    return None if row is None or row[0] is None else int(row[0])


def _ask(
    home: Home, made: Plan, signer: Signer, head: LoggedCommit, *, reason: str, when: When
) -> str:
    """Keep the plan, then record the signed request for it: its id is the token."""
    token = uuid.uuid4().hex
    runs.write_plan(home, token, made.to_bytes())
    asked = signing.request(
        head.commit.lake_id,
        signer,
        request_id=token,
        action=runs.ACTION,
        subject={"period_id": made.period_id, "plan_sha256": made.sha256},
        reason=reason or f"close {made.period_id}",
        when=signing.in_lake_time(home, when),
    )
    done = signing.record(home, [asked], when)
    if done.seq != head.commit.seq + 1:
        raise IncorrectInput(
            "lake_must_stand_still_while_a_close_is_planned",
            thing=f"plan of {made.period_id}",
            expected=f"commit {head.commit.seq} to be the newest before the request",
            found=f"commit {done.seq} for the request: somebody else wrote in between",
            remedy="Plan again.",
        )
    return token
