"""Where closes stand: every run from its plan to its end, and what to do next.

Reads the lake's control events and the runs' notes. Called by `ledgerlake close status`.
"""

from dataclasses import dataclass
from typing import Literal

from ingestion.control.books import load_books
from ledger.books import Books
from ledger.control_events import CloseFailed, PeriodClosed
from orchestration.close import runs
from orchestration.close.runs import Run
from orchestration.home import Home
from orchestration.locks import holder

State = Literal["planned", "declined", "under_way", "interrupted", "closed", "failed"]


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """One run. `step` is the last one done, `next` what to do."""

    run_id: str
    period_id: str
    state: State
    requester: str
    approver: str | None
    step: str | None
    reason: str | None
    docs: str | None
    next: str | None


def read_status(home: Home) -> list[RunStatus]:
    """All runs, oldest first."""
    books = load_books(home.lake)
    return [_status(home, books, run) for run in runs.runs(home, books)]


def _status(home: Home, books: Books, run: Run) -> RunStatus:
    noted = runs.noted(run)
    state, reason, following = _state(home, books, run)
    step = noted.get("step")
    return RunStatus(
        run_id=run.run_id,
        period_id=run.period_id,
        state=state,
        requester=run.request.requester,
        approver=run.request.answered_by,
        step="closed" if state == "closed" else str(step) if step else None,
        reason=reason,
        docs=str(noted["docs"]) if "docs" in noted else None,
        next=following,
    )


def _state(home: Home, books: Books, run: Run) -> tuple[State, str | None, str | None]:
    ended = runs.outcome(books, run)
    again = f"ledgerlake close apply {run.run_id} --as APPROVER"
    if ended is not None and isinstance(ended.event, PeriodClosed):
        return "closed", None, None
    if ended is not None and isinstance(ended.event, CloseFailed):
        plan = f"repair it, then ledgerlake close plan {run.period_id} --as REQUESTER"
        return "failed", f"{ended.event.step}: {ended.event.reason}", plan
    if run.request.state == "declined":
        return "declined", run.request.answered_reason, None
    if runs.sealed_at(books, run) is None:
        return "planned", run.request.reason, again
    if holder(home.close_lock) is not None:
        return "under_way", None, "wait"
    return "interrupted", "it broke off and goes on where it was", again
