"""Where a close keeps its papers: `data/close/<run id>/`, and which runs there are.

A run is a request to close: its id is the request's, and its token. What happened lies in the lake;
here lie the plan, the gate's documents, and how far the steps came, for people to read: a resumed
run does not trust it. Called by plan, apply and status.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.signed_note import Signer
from ledger.books import Books, Recorded
from ledger.control_events import CloseFailed, PeriodClosed
from ledger.errors import IncorrectInput
from ledger.people import Request
from ledger.periods import SoftClosed
from orchestration.home import Home
from orchestration.publish.edition import replace_durably

ACTION = "close_period"


@dataclass(frozen=True)
class Run:
    """One close from its plan to its end. `request` says who asked and whether it was approved."""

    home: Home
    request: Request

    @property
    def run_id(self) -> str:
        return self.request.request_id

    @property
    def period_id(self) -> str:
        return str(self.request.subject["period_id"])

    @property
    def folder(self) -> Path:
        return folder_of(self.home, self.run_id)

    @property
    def docs(self) -> Path:
        """Data Docs of the gate."""
        return self.folder / "docs"

    @property
    def pin(self) -> str:
        """Whose prepared edition it is."""
        return f"close of {self.period_id}, run {self.run_id}"


def folder_of(home: Home, run_id: str) -> Path:
    return home.close_runs / run_id


def runs(home: Home, books: Books) -> list[Run]:
    """All requests to close, oldest first."""
    found = [Run(home, one) for one in books.requests.values() if one.action == ACTION]
    return sorted(found, key=lambda run: run.request.requested_commit)


def find(home: Home, books: Books, token: str) -> Run:
    """The run of a token. IncorrectInput if the lake knows no such request."""
    request = books.requests.get(token)
    if request is None or request.action != ACTION:
        raise IncorrectInput(
            "token_must_be_of_a_plan",
            thing=f"token {token}",
            expected="the token that `ledgerlake close plan PERIOD --as NAME` printed",
            found="no request to close of that name in the lake"
            if request is None
            else f"a request to {request.action}",
            remedy="`ledgerlake close status` lists the runs there are.",
        )
    return Run(home, request)


def outcome(books: Books, run: Run) -> Recorded | None:
    """The event that ended the run: PeriodClosed or CloseFailed; None while it goes on."""
    ended = [
        one
        for one in (*books.closes, *books.failures)
        if isinstance(one.event, PeriodClosed | CloseFailed) and one.event.run_id == run.run_id
    ]
    return ended[-1] if ended else None


def sealed_at(books: Books, run: Run) -> int | None:
    """The commit that sealed the period for this run; None before it or after its end."""
    state = books.state(run.period_id)
    answered = run.request.answered_commit
    if run.request.state != "approved" or answered is None or outcome(books, run):
        return None
    if isinstance(state, SoftClosed) and state.sealed and state.cut_off_commit >= answered:
        return state.cut_off_commit
    return None


def write_plan(home: Home, run_id: str, plan: bytes) -> None:
    """Keep the plan a token stands for; its hash stands in the request."""
    folder = folder_of(home, run_id)
    folder.mkdir(parents=True, exist_ok=True)
    replace_durably(folder / "plan.json", plan)


def read_plan(run: Run) -> bytes:
    """The plan's bytes. IncorrectInput if they were lost."""
    try:
        return (run.folder / "plan.json").read_bytes()
    except FileNotFoundError:
        raise IncorrectInput(
            "plan_must_be_kept_until_it_is_applied",
            thing=f"plan of run {run.run_id}",
            expected=f"file {run.folder / 'plan.json'}",
            found="no file",
            remedy=f"Plan anew: ledgerlake close plan {run.period_id}.",
        ) from None


def note(run: Run, **values: object) -> None:
    """Add to what people can read about the run."""
    run.folder.mkdir(parents=True, exist_ok=True)
    data = json.dumps({**noted(run), **values}, sort_keys=True, indent=1, default=str)
    replace_durably(run.folder / "run.json", data.encode() + b"\n")


def noted(run: Run) -> dict[str, Any]:
    """What was noted; nothing if the folder was lost."""
    try:
        found = json.loads((run.folder / "run.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def require_signer(signer: Signer, request: Request) -> None:
    """Said before any work: the choke point would refuse it in any case."""
    if signer.name == request.requester:
        raise IncorrectInput(
            "requester_must_not_approve",
            thing=f"close of {request.subject['period_id']}",
            expected=f"somebody other than {request.requester}, who asked for it",
            found=signer.name,
            remedy="Let a second person with role approver run `ledgerlake close apply`.",
        )
