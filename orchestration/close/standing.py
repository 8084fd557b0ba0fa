"""Does a plan still stand? Everything it was bound to, looked at again before it is applied.

Holds the comparison and what it says. Does not decide who may approve (the choke point does).
Called by `apply`.
"""

from collections.abc import Sequence

from ingestion.lake import Commit
from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from ledger.books import Books
from ledger.errors import IncorrectInput
from orchestration.close.binding import Moved, moved, read_binding
from orchestration.close.plan import head_commit
from orchestration.close.planned import Plan
from orchestration.close.runs import Run
from orchestration.home import Home


def require_standing(home: Home, books: Books, run: Run, plan: Plan) -> None:
    """IncorrectInput says all that moved since the plan was made."""
    log = CommitLog(LocalStore(home.lake))
    head = head_commit(home)
    assert plan.binding is not None, "a plan without binding has a blocker and no token"
    found = list(moved(plan.binding, read_binding(home, head, books)))
    if plan.sha256 != run.request.subject["plan_sha256"]:
        found.append(Moved(what="plan", planned=plan.sha256, found="another file"))
    planned_head = plan.binding.head_seq
    if log.read(planned_head).sha256 != plan.binding.head_sha256:
        found.append(Moved(what="lake", planned=plan.binding.head_sha256, found="another commit"))
    found += [
        Moved(what="lake", planned=f"commit {planned_head} and the request only", found=said)
        for said in _others(log, run, after=planned_head, until=head.commit.seq)
    ]
    if found:
        raise IncorrectInput(
            "plan_must_still_stand",
            thing=f"plan of {plan.period_id}, token {run.run_id}",
            expected="nothing to have moved since it was made",
            found="; ".join(f"{one.what}: {one.found} instead of {one.planned}" for one in found),
            remedy=f"Plan anew: ledgerlake close plan {plan.period_id}.",
        )


def strangers(home: Home, run: Run, sealed_seq: int) -> str:
    """What else came into the lake between the request and the seal; nothing: empty."""
    log = CommitLog(LocalStore(home.lake))
    return "; ".join(_others(log, run, after=run.request.requested_commit, until=sealed_seq - 1))


def require_acknowledged(plan: Plan, acknowledged: Sequence[str]) -> None:
    """Every warning by its name, and no name that is none."""
    codes = {one.code for one in plan.warnings}
    missing, unknown = sorted(codes - set(acknowledged)), sorted(set(acknowledged) - codes)
    if missing or unknown:
        raise IncorrectInput(
            "warnings_must_be_acknowledged_by_name",
            thing=f"plan of {plan.period_id}",
            expected=f"--acknowledge for each of: {', '.join(sorted(codes)) or 'none'}",
            found=" and ".join(
                [f"none for {', '.join(missing)}"] * bool(missing)
                + [f"the unknown {', '.join(unknown)}"] * bool(unknown)
            ),
            remedy=f"Look at them: ledgerlake close plan {plan.period_id}.",
        )


def _others(log: CommitLog, run: Run, *, after: int, until: int) -> list[str]:
    commits = [log.read(seq).commit for seq in range(after + 1, until + 1)]
    return [_said(one) for one in commits if not _is_request(one, run)]


def _is_request(commit: Commit, run: Run) -> bool:
    """The commit of the request, and nothing beside it."""
    accepted = [one for one in commit.outcomes if one.outcome == "accepted"]
    alone = [(one.event_type, one.rows) for one in accepted] == [("ActionRequested", 1)]
    return commit.seq == run.request.requested_commit and alone and commit.received == 1


def _said(commit: Commit) -> str:
    parts = [
        f"{one.rows} {one.outcome} {one.event_type} of {one.source}" for one in commit.outcomes
    ]
    return f"commit {commit.seq} ({', '.join(parts) or 'empty'})"
