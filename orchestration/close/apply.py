"""Applying a plan: from the second pair of eyes to Closed, step by step, resumable after any death.

sealed -> verified -> built -> tested -> gated -> exported -> certified -> published -> closed. What
is done is read from the lake and the files, never from notes, so that running it again goes on. A
step that finds something wrong ends the run: CloseFailed, the seal lifted, the period SoftClosed.
Does not hold what the steps do (`steps`). Called by `ledgerlake close apply` and the jobs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.certificate import Certificate
from audit.signed_note import Signer
from ingestion.control.books import load_books
from ledger.books import Books
from ledger.control_events import CloseFailed, ControlEvent, PeriodClosed, PeriodSoftClosed
from ledger.errors import IncorrectInput
from orchestration.build import Builder
from orchestration.close import certify, closed_figures, runs, signing
from orchestration.close.planned import Plan, from_bytes
from orchestration.close.runs import Run
from orchestration.close.signing import When
from orchestration.close.standing import require_acknowledged, require_standing, strangers
from orchestration.close.steps import Step, StepFailed, Steps
from orchestration.home import Home
from orchestration.locks import exclusive
from orchestration.publish import pins
from orchestration.publish.publisher import publish, show
from orchestration.settings import Settings


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


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Who approves, and the lake's own key, which signs the certificate."""

    approver: Signer
    lake: Signer


def apply(
    settings: Settings,
    token: str,
    *,
    keys: Keys,
    when: When,
    acknowledged: Sequence[str] = (),
    builder: Builder | None = None,
    step: Step | None = None,
) -> Closed | Failed:
    """Close the period of `token`'s plan, or go on with a close that broke off.

    `builder`: one that has parsed the project already.

    IncorrectInput when the plan does not stand any more, a warning is not acknowledged, the token
    was used, or another process builds, publishes or closes.
    """
    home = Home.of(settings)
    with exclusive(home.close_lock, doing="close apply"):
        builder = builder or Builder(settings)
        builder.check_everything()
        one = _Apply(home, token, Steps(settings, builder, step), keys, when)
        ended = one.run(tuple(acknowledged))
        if isinstance(ended, Failed):
            return ended
        # The certified edition was cut before the period was Closed: show readers that it is.
        builder.build(count_rows=False)
        return _closed(home, ended, shown=publish(settings).edition)


class _Apply:
    """One run: its home, keys and clock in one place."""

    def __init__(self, home: Home, token: str, steps: Steps, keys: Keys, when: When) -> None:
        self._home = home
        self._token = token
        self._steps = steps
        self._keys = keys
        self._when = when

    def run(self, acknowledged: tuple[str, ...]) -> PeriodClosed | Failed:
        run = self._run(self._books())
        with exclusive(self._home.build_lock, doing=f"close {run.period_id}"):
            ended = runs.outcome(self._books(), run)
            if ended is not None:
                return _require_closed(run, ended.event)
            plan = from_bytes(runs.read_plan(run))
            if runs.sealed_at(self._books(), run) is None:
                self._seal(run, plan, acknowledged)
            try:
                return self._close(plan)
            except StepFailed as failed:
                return self._fail(run, failed)

    def _seal(self, run: Run, plan: Plan, acknowledged: tuple[str, ...]) -> None:
        """Approve and seal in one commit: nothing books into the period from here on."""
        runs.require_signer(self._keys.approver, run.request)
        require_standing(self._home, self._books(), run, plan)
        require_acknowledged(plan, acknowledged)
        approved = signing.approval(
            signing.lake_id(self._home),
            self._keys.approver,
            run.request,
            when=signing.in_lake_time(self._home, self._when),
            reason=f"close {plan.period_id}",
            more={"acknowledged": sorted(acknowledged)},
        )
        seal = PeriodSoftClosed(
            period_id=plan.period_id, sealed=True, reason=f"close, run {run.run_id}"
        )
        self._record([approved, seal])
        self._steps.done(run, "sealed")

    def _close(self, plan: Plan) -> PeriodClosed:
        books = self._books()
        run = self._run(books)
        cut_off = runs.sealed_at(books, run)
        assert cut_off is not None, "the period was sealed before"
        if others := strangers(self._home, run, cut_off):
            raise StepFailed("sealed", f"the lake moved while the period was sealed: {others}")
        certificate = certify.issued(run, plan.closed_edition)
        if certificate is None:
            certificate = self._certify(run, plan, books, cut_off)
        else:  # it was checked as it was issued, by whoever broke off since
            certify.require_good(self._home, certificate)
        show(self._steps.settings, certificate.published_edition)
        self._steps.done(run, "published")
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
        self._steps.done(run, "closed")
        return event

    def _certify(self, run: Run, plan: Plan, books: Books, cut_off: int) -> Certificate:
        steps = self._steps
        steps.verify(run, cut_off)
        steps.build(run, cut_off)
        verdict, edition = steps.judge_and_export(run, plan, books.calendar.get(plan.period_id))
        case = certify.Case(
            home=self._home,
            books=books,
            run=run,
            plan=plan,
            edition=edition,
            verdict=verdict,
            cut_off_commit=cut_off,
            now_us=self._when.now_us,
        )
        with steps.step(run, "certified"):
            return certify.issue(case, self._keys.lake)

    def _fail(self, run: Run, failed: StepFailed) -> Failed:
        """Say why, lift the seal, let go of what was prepared."""
        verdict = failed.verdict
        event = CloseFailed(
            period_id=run.period_id,
            run_id=run.run_id,
            step=failed.step,
            reason=failed.reason,
            controls=tuple(one.as_json() for one in verdict.controls) if verdict else (),
            evidence_sha256=verdict.docs_sha256 if verdict else None,
        )
        lifted = PeriodSoftClosed(
            period_id=run.period_id,
            sealed=False,
            reason=f"close failed at {failed.step}: {failed.reason}",
        )
        self._record([event, lifted])
        for number, whose in pins.pinned(self._home).items():
            if whose == run.pin:
                pins.unpin(self._home, number)
        runs.note(run, failed_at=failed.step, reason=failed.reason)
        return Failed(
            period_id=event.period_id,
            run_id=event.run_id,
            step=event.step,
            reason=event.reason,
            controls=event.controls,
            docs=run.docs if verdict else None,
        )

    def _run(self, books: Books) -> Run:
        return runs.find(self._home, books, self._token)

    def _books(self) -> Books:
        return load_books(self._home.lake)

    def _record(self, events: Sequence[ControlEvent]) -> None:
        signing.record(self._home, events, self._when)


def _require_closed(run: Run, event: ControlEvent) -> PeriodClosed:
    """A run that ended before: closed is closed, the token of a failed one is spent."""
    if isinstance(event, PeriodClosed):
        return event
    assert isinstance(event, CloseFailed)
    raise IncorrectInput(
        "token_must_be_unused",
        thing=f"token {run.run_id}",
        expected="a plan that was not applied yet",
        found=f"a close that failed at {event.step}: {event.reason}",
        remedy=f"Repair it, then plan anew: ledgerlake close plan {run.period_id}.",
    )


def _closed(home: Home, event: PeriodClosed, *, shown: int) -> Closed:
    return Closed(
        period_id=event.period_id,
        closed_edition=event.closed_edition,
        published_edition=event.published_edition,
        cut_off_commit=event.cut_off_commit,
        certificate=closed_figures.certificate_path(home, event.period_id, event.closed_edition),
        certificate_sha256=event.certificate_sha256,
        run_id=event.run_id,
        shown_edition=shown,
    )


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
