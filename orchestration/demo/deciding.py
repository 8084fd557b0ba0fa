"""What ana and ben make of the late events: every one of the months to be closed, by a rule.

Holds the choices and taking one: ana asks, ben approves. Called by `orchestration.demo.closing`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ledger.people import Request
from orchestration.demo.stage import APPROVER, REQUESTER, Stage
from orchestration.desk import decide as desk
from orchestration.desk import requests
from orchestration.desk.known import read_known
from orchestration.desk.late_events import LateEvents, Wanted, read_late_events

LONE_REFUND = ("2011-09", "Channel Islands")
"""One event of a store and month: 2.10 returned, nine days late, for no sale anybody finds."""

ID_DIGITS = 12
"""Digits of a request's id that are shown; commands take six or more."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Late events of a period, or of one store of it, and what becomes of them.

    `why` is signed with the request, and no two choices give the same: it tells them apart.
    """

    period_id: str
    store_id: str | None = None
    status: str | None = None
    decision: str
    why: str

    @property
    def wanted(self) -> Wanted:
        return Wanted(period_id=self.period_id, store_id=self.store_id, status=self.status)

    @property
    def arguments(self) -> list[str]:
        """As they follow `ledgerlake exceptions decide`."""
        store = ["--store", self.store_id] if self.store_id else []
        status = ["--status", self.status] if self.status else []
        return [
            *("--decision", self.decision, "--period", self.period_id, *store, *status),
            *("--why", self.why, "--yes"),
        ]


def choices(late: LateEvents, periods: Sequence[str]) -> list[Choice]:
    """One per month with late events; before it, what is decided otherwise."""
    return [one for period in periods for one in _of_period(late, period, last=periods[-1])]


def _of_period(late: LateEvents, period_id: str, *, last: str) -> Iterator[Choice]:
    stores = Counter(one.store_id for one in late.events if one.period_id == period_id)
    refund_period, refund_store = LONE_REFUND
    if period_id == refund_period and stores.pop(refund_store, 0):
        yield Choice(
            period_id=period_id,
            store_id=refund_store,
            decision="rejected",
            why="a refund for no sale anybody finds",
        )
    doubtful = doubtful_store(late, last) if period_id == last else None
    if doubtful is not None:
        del stores[doubtful]
        yield Choice(
            period_id=period_id,
            store_id=doubtful,
            decision="rejected",
            why=f"sent twice, {doubtful} thinks",
        )
    if stores:
        yield Choice(
            period_id=period_id,
            decision="next_period",
            why=f"the books of {period_id} are still open",
        )


def restatement(late: LateEvents, period_id: str) -> Choice | None:
    """What was rejected by mistake, and belongs into the last month that was closed."""
    doubtful = doubtful_store(late, period_id)
    if doubtful is None:
        return None
    return Choice(
        period_id=period_id,
        store_id=doubtful,
        status="rejected",
        decision="restated",
        why=f"{doubtful} has looked again: they were real",
    )


def doubtful_store(late: LateEvents, period_id: str) -> str | None:
    """The store with the fewest late events of the month; None if no store was late."""
    counts = Counter(one.store_id for one in late.events if one.period_id == period_id)
    named = [(count, store) for store, count in counts.items() if store is not None]
    return min(named)[1] if named else None


def decide(stage: Stage, choice: Choice) -> None:
    """Ask and approve, each if it is not done yet."""
    stage.step(
        ["exceptions", "decide", *choice.arguments, "--as", REQUESTER],
        lambda: _ask(stage, choice),
        lambda: _asked(_request(stage, choice)),
    )
    asked = _request(stage, choice)
    assert asked is not None, "it was asked for in the step before"
    stage.step(
        ["requests", "approve", asked.request_id[:ID_DIGITS], "--as", APPROVER],
        lambda: requests.approve(
            stage.home, asked.request_id, signer=stage.signer(APPROVER), when=stage.when
        ),
        lambda: _approved(stage, choice),
    )


def is_decided(stage: Stage, choice: Choice) -> bool:
    asked = _request(stage, choice)
    return asked is not None and asked.state == "approved"


def decided_commit(stage: Stage, choice: Choice) -> int:
    """The commit that approved it; -1 if none has."""
    asked = _request(stage, choice)
    return -1 if asked is None or asked.answered_commit is None else asked.answered_commit


def _ask(stage: Stage, choice: Choice) -> None:
    known = read_known(stage.home)
    late = read_late_events(stage.home, known=known, wanted=choice.wanted)
    chosen = desk.filtered(late, choice.wanted, choice.decision)
    prepared = desk.prepare(known, late, chosen, decision=choice.decision, reason=choice.why)
    desk.ask(stage.home, [prepared], signer=stage.signer(REQUESTER), when=stage.when)


def _request(stage: Stage, choice: Choice) -> Request | None:
    """The request this choice led to, unless it was declined."""
    found = [
        one
        for one in requests.all_requests(stage.books)
        if (one.action, one.requester, one.reason) == (desk.ACTION, REQUESTER, choice.why)
        and one.subject["decision"] == choice.decision
        and one.state != "declined"
    ]
    return found[-1] if found else None


def _asked(asked: Request | None) -> str | None:
    if asked is None:
        return None
    return f"{asked.subject['event_count']:,} late events; {REQUESTER} signed, another must approve"


def _approved(stage: Stage, choice: Choice) -> str | None:
    asked = _request(stage, choice)
    if asked is None or asked.state != "approved":
        return None
    periods = Counter(
        one.posting_period
        for one in stage.books.decisions.values()
        if one.request_id == asked.request_id
    )
    into = [f"{count:,} booked in {period}" for period, count in periods.items() if period]
    if into:
        return f"{choice.decision}: {', '.join(into)}"
    return f"{choice.decision}: {asked.subject['event_count']:,} in no figure"
