"""Applying a plan: from the second pair of eyes to Closed, step by step, resumable after any death.

sealed -> verified -> built -> tested -> gated -> exported -> certified -> published -> closed. What
is done is read from the lake and the files, never from notes, so that running it again goes on. A
step that finds something wrong ends the run: CloseFailed, the seal lifted, the period SoftClosed.
Does not judge (`expectations`) or write editions (`publish`). Called by `ledgerlake close apply`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from audit.certificate import Certificate
from audit.intact import require_intact
from audit.signed_note import Signer
from expectations.gate import run_gate
from expectations.verdict import Verdict
from ingestion.control.books import load_books
from ledger.books import Books
from ledger.control_events import CloseFailed, ControlEvent, PeriodClosed, PeriodSoftClosed
from ledger.errors import IncorrectInput, LedgerlakeError
from orchestration.build import BROKEN, Builder, Built
from orchestration.close import certify, runs, signing
from orchestration.close.certify import Case
from orchestration.close.frames import control_frames
from orchestration.close.plan import known_commit
from orchestration.close.planned import Plan, from_bytes
from orchestration.close.runs import Run
from orchestration.close.signing import When
from orchestration.close.standing import require_acknowledged, require_standing, strangers
from orchestration.home import Home
from orchestration.locks import Busy, exclusive
from orchestration.publish import pins
from orchestration.publish.edition import Edition
from orchestration.publish.publisher import prepare, publish, show
from orchestration.settings import Settings

Step = Callable[[str], None]
"""Called with the name of each step just done; tests end the process there."""


@dataclass(frozen=True, kw_only=True)
class Closed:
    """The period is closed. `shown_edition` is what readers see now."""

    period_id: str
    closed_edition: int
    published_edition: int
    cut_off_commit: int
    certificate: Path
    certificate_sha256: str
    run_id: str
    shown_edition: int


@dataclass(frozen=True, kw_only=True)
class Failed:
    """The period stays SoftClosed; plan again once `reason` is repaired."""

    period_id: str
    run_id: str
    step: str
    reason: str
    controls: tuple[Mapping[str, Any], ...]
    docs: Path | None


class _StepFailed(Exception):
    """A step found something wrong; it ends the run."""

    def __init__(self, step: str, reason: str, verdict: Verdict | None = None) -> None:
        self.step, self.reason, self.verdict = step, reason, verdict
        super().__init__(reason)


def apply(
    settings: Settings,
    token: str,
    *,
    signer: Signer,
    lake_signer: Signer,
    when: When,
    acknowledged: Sequence[str] = (),
    project: Path | None = None,
    step: Step | None = None,
) -> Closed | Failed:
    """Close the period of `token`'s plan, or go on with a close that broke off.

    `signer` is the approver. IncorrectInput when the plan does not stand any more, a warning is not
    acknowledged, the token was used, or another process builds, publishes or closes.
    """
    home = Home.of(settings)
    with exclusive(home.close_lock, doing="close apply"):
        run = runs.find(home, load_books(home.lake), token)
        builder = Builder(settings, project=project)
        one = _Apply(settings, run, builder, lake_signer, when, step or (lambda _name: None))
        closed_or_failed = one.run(signer, tuple(acknowledged))
        if isinstance(closed_or_failed, Failed):
            return closed_or_failed
        # The certified edition was cut before the period was Closed: show readers that it is.
        builder.build(count_rows=False)
        shown = publish(settings).edition
        return one.closed(closed_or_failed, shown)


class _Apply:
    """One run of the steps: settings, home and keys in one place."""

    def __init__(
        self,
        settings: Settings,
        run: Run,
        builder: Builder,
        lake_signer: Signer,
        when: When,
        step: Step,
    ) -> None:
        self._settings = settings
        self._home = run.home
        self._run = run
        self._builder = builder
        self._lake_signer = lake_signer
        self._when = when
        self._tell = step

    def run(self, signer: Signer, acknowledged: tuple[str, ...]) -> PeriodClosed | Failed:
        with exclusive(self._home.build_lock, doing=f"close {self._run.period_id}"):
            ended = runs.outcome(self._books(), self._run)
            if ended is not None:
                return self._ended(ended.event)
            plan = from_bytes(runs.read_plan(self._run))
            if runs.sealed_at(self._books(), self._run) is None:
                self._seal(plan, signer, acknowledged)
            try:
                return self._close(plan)
            except _StepFailed as failed:
                return self._fail(failed)

    def closed(self, event: PeriodClosed, shown: int) -> Closed:
        path = certify.certificate_path(self._home, event.period_id, event.closed_edition)
        return Closed(
            period_id=event.period_id,
            closed_edition=event.closed_edition,
            published_edition=event.published_edition,
            cut_off_commit=event.cut_off_commit,
            certificate=path,
            certificate_sha256=event.certificate_sha256,
            run_id=event.run_id,
            shown_edition=shown,
        )

    def _seal(self, plan: Plan, signer: Signer, acknowledged: tuple[str, ...]) -> None:
        """Approve and seal in one commit: nothing books into the period from here on."""
        books = self._books()
        runs.require_signer(signer, self._run.request)
        require_standing(self._home, books, self._run, plan)
        require_acknowledged(plan, acknowledged)
        lake_id = _lake_id(self._home)
        approved = signing.approval(
            lake_id,
            signer,
            self._run.request,
            when=self._when,
            reason=f"close {plan.period_id}",
            more={"acknowledged": sorted(acknowledged)},
        )
        seal = PeriodSoftClosed(
            period_id=plan.period_id, sealed=True, reason=f"close, run {self._run.run_id}"
        )
        self._record([approved, seal])
        self._done("sealed")

    def _close(self, plan: Plan) -> PeriodClosed:
        books = self._books()
        run = runs.find(self._home, books, self._run.run_id)
        cut_off = runs.sealed_at(books, run)
        assert cut_off is not None, "the period was sealed above"
        if intruders := strangers(self._home, run, cut_off):
            raise _StepFailed("sealed", f"the lake moved while it was sealed: {intruders}")
        certificate = certify.issued(run, plan.closed_edition)
        if certificate is None:
            certificate = self._certify(plan, books, run, cut_off)
        certify.require_good(self._home, certificate, self._lake_signer)
        show(self._settings, certificate.published_edition)
        self._done("published")
        event = PeriodClosed(
            period_id=plan.period_id,
            run_id=run.run_id,
            closed_edition=plan.closed_edition,
            published_edition=certificate.published_edition,
            cut_off_commit=cut_off,
            certificate_sha256=certificate.digest,
            request_id=run.request.request_id,
            controls=tuple(_as_recorded(certificate)),
        )
        self._record([event])
        self._done("closed")
        return event

    def _certify(self, plan: Plan, books: Books, run: Run, cut_off: int) -> Certificate:
        with self._step("verified"):
            require_intact(self._home.lake, until_commit=cut_off)
        built = self._build(cut_off)
        self._done("built")
        _require_passed(built, kind="tested")
        self._done("tested")
        verdict = self._judge(plan, books, run)
        with self._step("exported"):
            edition = prepare(
                self._settings,
                reason=run.pin,
                period_id=plan.period_id,
                locked=True,
                step=self._tell,
            )
            self._require_as_planned(plan, edition)
        with self._step("certified"):
            case = Case(
                home=self._home,
                books=books,
                run=run,
                plan=plan,
                plan_sha256=str(run.request.subject["plan_sha256"]),
                edition=edition,
                verdict=verdict,
                cut_off_commit=cut_off,
                now_us=self._when.now_us,
            )
            return certify.issue(case, self._lake_signer)

    def _build(self, cut_off: int) -> Built:
        """Exactly the lake up to the cut-off, which an ordinary build may have gone beyond."""
        beyond = False
        if self._home.warehouse.exists():
            with duckdb.connect(str(self._home.warehouse), read_only=True) as connection:
                beyond = (known_commit(connection) or 0) > cut_off
        with self._step("built", tell=False):
            built = self._builder.build(
                known_as_of_commit=cut_off, full_refresh=beyond, count_rows=False, locked=True
            )
        _require_passed(built, kind="built")
        return built

    def _judge(self, plan: Plan, books: Books, run: Run) -> Verdict:
        with (
            self._step("gated", tell=False),
            duckdb.connect(str(self._home.warehouse), read_only=True) as connection,
        ):
            period = books.calendar.get(plan.period_id)
            frames = control_frames(connection, self._home.lake, period)
            verdict = run_gate(frames, period=period, docs_dir=run.docs)
        runs.note(run, docs=run.docs, docs_sha256=verdict.docs_sha256)
        acknowledged = (run.request.answered_subject or {}).get("acknowledged", [])
        broken = [
            one.name
            for one in verdict.controls
            if not one.success and (one.blocks or one.name not in acknowledged)
        ]
        if broken:
            raise _StepFailed("gated", f"controls that do not hold: {', '.join(broken)}", verdict)
        self._done("gated")
        return verdict

    def _require_as_planned(self, plan: Plan, edition: Edition) -> None:
        """The edition shows what was planned, signed and approved."""
        frames = certify.certified_figures(self._home, edition, plan.period_id)
        found = {one.name: one for one in certify.figures_of(frames)}
        for planned in plan.figures:
            now = found.get(planned.name)
            if now != planned and not (now is None and planned.rows == 0):
                raise _StepFailed(
                    "exported",
                    f"figures of {planned.name}: {planned.rows} rows of SHA-256 {planned.sha256}"
                    f" were planned, {now} was built",
                )

    def _fail(self, failed: _StepFailed) -> Failed:
        """Say why, lift the seal, let go of what was prepared."""
        verdict = failed.verdict
        controls = tuple(one.as_json() for one in verdict.controls) if verdict else ()
        event = CloseFailed(
            period_id=self._run.period_id,
            run_id=self._run.run_id,
            step=failed.step,
            reason=failed.reason,
            controls=controls,
            evidence_sha256=verdict.docs_sha256 if verdict else None,
        )
        lifted = PeriodSoftClosed(
            period_id=self._run.period_id,
            sealed=False,
            reason=f"close failed at {failed.step}: {failed.reason}",
        )
        self._record([event, lifted])
        for number, whose in pins.pinned(self._home).items():
            if whose == self._run.pin:
                pins.unpin(self._home, number)
        runs.note(self._run, failed_at=failed.step, reason=failed.reason)
        return self._failed(event)

    def _ended(self, event: ControlEvent) -> PeriodClosed | Failed:
        """A run that ended before: closed is closed, a failed token is spent."""
        if isinstance(event, PeriodClosed):
            return event
        assert isinstance(event, CloseFailed)
        raise IncorrectInput(
            "token_must_be_unused",
            thing=f"token {self._run.run_id}",
            expected="a plan that was not applied yet",
            found=f"a close that failed at {event.step}: {event.reason}",
            remedy=f"Repair it, then plan anew: ledgerlake close plan {self._run.period_id}.",
        )

    def _failed(self, event: CloseFailed) -> Failed:
        return Failed(
            period_id=event.period_id,
            run_id=event.run_id,
            step=event.step,
            reason=event.reason,
            controls=event.controls,
            docs=self._run.docs if self._run.docs.exists() else None,
        )

    @contextmanager
    def _step(self, name: str, *, tell: bool = True) -> Iterator[None]:
        """A refusal inside ends the run; a busy home or a full disk only breaks it off."""
        try:
            yield
        except Busy:
            raise
        except LedgerlakeError as error:
            raise _StepFailed(name, f"{error.rule}: {error}") from error
        if tell:
            self._done(name)

    def _done(self, name: str) -> None:
        runs.note(self._run, step=name, period_id=self._run.period_id)
        self._tell(name)

    def _books(self) -> Books:
        return load_books(self._home.lake)

    def _record(self, events: Sequence[ControlEvent]) -> None:
        signing.record(self._home, events, self._when)


def _require_passed(built: Built, *, kind: str) -> None:
    """`built`: models that fail, `tested`: tests that do."""
    tests = ("test", "unit_test")
    failed = [one for one in built.failed if (one.kind in tests) == (kind == "tested")]
    if failed or (built.outcome == BROKEN and kind == "tested"):
        names = ", ".join(f"{one.name} ({one.header or one.message})" for one in failed[:5])
        raise _StepFailed(kind, f"{len(failed)} of the build fail: {names}")


def _as_recorded(certificate: Certificate) -> Iterator[Mapping[str, Any]]:
    """The gate's results as PeriodClosed holds them."""
    for one in certificate.gate.controls:
        yield {
            "suite": one.suite,
            "name": one.name,
            "severity": one.severity,
            "success": one.success,
            "observed": one.observed,
            "expected": one.expected,
            "rows": [],
        }


def _lake_id(home: Home) -> str:
    from orchestration.close.plan import head_commit  # noqa: PLC0415

    return head_commit(home).commit.lake_id
