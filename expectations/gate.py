"""The gate: every suite over its control frame, one verdict.

Holds which frames are fit to be judged and when a period passes. Does not query frames or know
Great Expectations, which `expectations.validation` drives. Called by close plan (ahead of time),
close apply and benchmarks.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from expectations.foresight import foreseen
from expectations.quiet_gx import quieten
from expectations.suite import Control, Equal, Suite
from expectations.suites import SUITES
from expectations.verdict import ControlResult, Found, Verdict
from ledger.errors import InternalFault

if TYPE_CHECKING:
    import pandas as pd


class PeriodOfGate(Protocol):
    """What the gate needs of a period."""

    @property
    def period_id(self) -> str: ...
    @property
    def end_date(self) -> date: ...


def run_gate(
    frames: "Mapping[str, pd.DataFrame]",
    *,
    period: PeriodOfGate,
    docs_dir: Path | None,
    suites: Sequence[Suite] = SUITES,
) -> Verdict:
    """Judge the frames; write Data Docs into `docs_dir`, which is emptied first (None: no docs).

    Passes when no blocker fails. InternalFault when a suite cannot run: a frame or column is
    missing, a frame is empty, a control finds no row to look at, Great Expectations raises.
    """
    for suite in suites:
        _require_frame(suite, frames)
    quieten()
    # Two seconds, and only who gates pays them.
    from expectations.evidence import write_docs  # noqa: PLC0415
    from expectations.validation import Validation  # noqa: PLC0415

    validation = Validation(period, docs_dir)
    results: list[ControlResult] = []
    for suite in suites:
        found = validation.run(suite, frames[suite.name])
        results += [
            _result(suite, control, found[control.name], frames[suite.name])
            for control in suite.controls
        ]
    passed = not any(one.blocks for one in results)
    digest = None
    if docs_dir is not None:
        digest = write_docs(validation, docs_dir, period.period_id, results, passed=passed)
    return Verdict(passed=passed, controls=tuple(results), docs_sha256=digest, docs_path=docs_dir)


def foresee(frames: "Mapping[str, pd.DataFrame]", *, suites: Sequence[Suite] = SUITES) -> Verdict:
    """The verdict `run_gate` will give, without Great Expectations and without documents.

    InternalFault when a suite cannot run.
    """
    for suite in suites:
        _require_frame(suite, frames)
    results: list[ControlResult] = []
    for suite in suites:
        frame = frames[suite.name]
        for control in suite.controls:
            try:
                found = foreseen(suite, control, frame)
            except TypeError as error:
                raise _fault(suite, "values that compare", str(error)) from error
            results.append(_result(suite, control, found, frame))
    passed = not any(one.blocks for one in results)
    return Verdict(passed=passed, controls=tuple(results), docs_sha256=None, docs_path=None)


def _require_frame(suite: Suite, frames: "Mapping[str, pd.DataFrame]") -> None:
    """A frame that cannot be judged is a fault of ours, never a pass."""
    frame = frames.get(suite.name)
    if frame is None:
        raise _fault(suite, "a frame of that name", f"frames {', '.join(sorted(frames)) or 'none'}")
    missing = [name for name in suite.columns if name not in frame.columns]
    if missing:
        raise _fault(suite, f"columns {', '.join(suite.columns)}", f"no {', '.join(missing)}")
    if frame.empty:
        raise _fault(suite, "at least one row", "an empty frame")
    for name in sorted(_never_null(suite)):
        if frame[name].isna().any():
            raise _fault(suite, f"a value in every row of {name}", "a row without")


def _never_null(suite: Suite) -> set[str]:
    """Columns in which Great Expectations would pass over a missing value."""
    checks = {
        name
        for control in suite.controls
        if not isinstance(control.check, Equal)
        for name in control.check.columns
    }
    return checks | {control.where.column for control in suite.controls if control.where}


def _result(suite: Suite, control: Control, found: Found, frame: "pd.DataFrame") -> ControlResult:
    if found.looked_at == 0 and not control.may_be_empty:
        raise _fault(
            suite,
            f"a row for control {control.name}" + (f" ({control.where})" if control.where else ""),
            "none",
        )
    observed = f"{found.breaking} of {found.looked_at} rows break it"
    return ControlResult(
        suite=suite.name,
        name=control.name,
        severity=control.severity,
        success=found.breaking == 0,
        observed=_stated(control, frame) if control.states else observed,
        expected=str(control.check) + (f" where {control.where}" if control.where else ""),
        count=found.breaking,
        rows=found.sample,
    )


def _stated(control: Control, frame: "pd.DataFrame") -> str:
    """The figures a control states, as canonical JSON: a list of objects, every value text."""
    rows = (
        frame
        if control.where is None
        else frame[frame[control.where.column] == control.where.value]
    )
    stated = [
        {name: str(value) for name, value in zip(control.states, values, strict=True)}
        for values in rows[list(control.states)].itertuples(index=False, name=None)
    ]
    return json.dumps(stated, sort_keys=True, separators=(",", ":"))


def _fault(suite: Suite, expected: str, found: str) -> InternalFault:
    return InternalFault(
        "control_suite_must_be_able_to_run",
        thing=f"suite {suite.name}",
        expected=expected,
        found=found,
        remedy="The period stays as it is. Build the warehouse again, then plan the close anew.",
    )
