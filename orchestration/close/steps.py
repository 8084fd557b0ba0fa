"""The steps between seal and certificate: verify, build, judge, export.

Each can be done again after a death in its middle. Does not record anything in the lake or sign
(`apply` and `certify` do). Called by `apply`.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from audit.intact import require_intact
from expectations.gate import run_gate
from expectations.verdict import Verdict
from ledger.calendar import Period
from ledger.errors import LedgerlakeError
from orchestration.build import Builder, Built
from orchestration.close import certify, runs
from orchestration.close.frames import control_frames
from orchestration.close.planned import Plan
from orchestration.close.runs import Run
from orchestration.locks import Busy
from orchestration.publish.edition import Edition
from orchestration.publish.publisher import prepare
from orchestration.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

Step = Callable[[str], None]
"""Called with the name of each step just done; tests end the process there."""


class StepFailed(Exception):
    """A step found something wrong, which ends the run."""

    def __init__(self, step: str, reason: str, verdict: Verdict | None = None) -> None:
        self.step, self.reason, self.verdict = step, reason, verdict
        super().__init__(f"{step}: {reason}")


class Steps:
    """What the steps share: settings, a warm builder, and whom to tell."""

    def __init__(self, settings: Settings, builder: Builder, tell: Step | None) -> None:
        self.settings = settings
        self._builder = builder
        self._tell = tell or (lambda _name: None)

    def verify(self, run: Run, cut_off: int) -> None:
        """Every byte about to be read is the one the commits name."""
        with self.step(run, "verified"):
            require_intact(run.home.lake, until_commit=cut_off)

    def build(self, run: Run, cut_off: int) -> None:
        """Exactly the lake up to the cut-off, which an ordinary build may have gone beyond."""
        beyond = (self._builder.known_commit() or 0) > cut_off
        with self.step(run, "built"):
            built = self._builder.build(
                known_as_of_commit=cut_off,
                full_refresh=beyond,
                count_rows=False,
                unit_tests=False,
                locked=True,
            )
            _require_passed(built, step="built", tests=False)
        with self.step(run, "tested"):
            _require_passed(built, step="tested", tests=True)

    def judge_and_export(self, run: Run, plan: Plan, period: Period) -> tuple[Verdict, Edition]:
        """The gate's verdict, and the edition that readers will see if it passes.

        Great Expectations is Python, writing part files is not: they run side by side.
        """
        with ThreadPoolExecutor(1) as beside:
            with self.step(run, "gated"):
                with duckdb.connect(str(run.home.warehouse), read_only=True) as connection:
                    frames = control_frames(connection, run.home.lake, period)
                exported = beside.submit(self._export, run, plan)
                verdict = self._judge(run, frames, period)
            with self.step(run, "exported"):
                edition = exported.result()
                _require_as_planned(run, plan, edition)
            return verdict, edition

    def _judge(self, run: Run, frames: "Mapping[str, pd.DataFrame]", period: Period) -> Verdict:
        """The verdict at the cut-off; its documents are kept whatever it says."""
        verdict = run_gate(frames, period=period, docs_dir=run.docs)
        runs.note(run, docs=run.docs, docs_sha256=verdict.docs_sha256)
        acknowledged = (run.request.answered_subject or {}).get("acknowledged", [])
        broken = [
            one.name
            for one in verdict.controls
            if not one.success and (one.blocks or one.name not in acknowledged)
        ]
        if broken:
            reason = f"controls that do not hold: {', '.join(broken)}"
            raise StepFailed("gated", reason, verdict)
        return verdict

    def _export(self, run: Run, plan: Plan) -> Edition:
        return prepare(
            self.settings,
            reason=run.pin,
            period_id=plan.period_id,
            locked=True,
            step=lambda name: self._tell(f"export {name}"),
        )

    @contextmanager
    def step(self, run: Run, name: str) -> Iterator[None]:
        """A refusal inside ends the run; a busy home or a full disk only breaks it off."""
        try:
            yield
        except Busy:
            raise
        except LedgerlakeError as error:
            raise StepFailed(name, f"{error.rule}: {error}") from error
        self.done(run, name)

    def done(self, run: Run, name: str) -> None:
        """Note it for people, then tell."""
        runs.note(run, step=name, period_id=run.period_id)
        self._tell(name)


def _require_passed(built: Built, *, step: str, tests: bool) -> None:
    failed = [one for one in built.failed if one.is_test == tests]
    if failed:
        names = "; ".join(f"{one.name}: {one.why}" for one in failed[:5])
        raise StepFailed(step, f"{len(failed)} nodes of the build fail: {names}")


def _require_as_planned(run: Run, plan: Plan, edition: Edition) -> None:
    frames = certify.certified_figures(run.home, edition, plan.period_id)
    found = {one.name: one for one in certify.figures_of(frames)}
    for planned in plan.figures:
        now = found.get(planned.name)
        if now != planned and (now is not None or planned.rows):
            raise StepFailed(
                "exported",
                f"figures of {planned.name}: {planned.rows} rows of SHA-256 {planned.sha256}"
                f" were planned, {now} was built",
            )
