"""Deciding late events, first half: choose them, try the decision, ask for it with one signature.

Holds choosing, what stands already, and the request. The second half is `desk.requests.approve`.
Called by `exceptions decide` and the jobs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from audit.signed_note import Signer
from audit.statement import events_sha256
from ledger.books import Books, Recorded
from ledger.control_events import LateEventDecided
from ledger.errors import IncorrectInput
from ledger.people import Request
from ledger.routing import Arrival
from ledger.rules import Evidence
from ledger.rules.exceptions import DECISIONS
from ledger.rules.exceptions import decided as rule_of_decisions
from ledger.rules.rejection import Case
from orchestration.close.signing import When
from orchestration.desk import requests
from orchestration.desk.decided_events import NamedEvent, decided, keep_named, posting_period
from orchestration.desk.known import Known, read_known
from orchestration.desk.late_events import LateEvent, LateEvents, Wanted, read_late_events, sums
from orchestration.desk.requests import Asked
from orchestration.desk.tail_events import arrival_of
from orchestration.home import Home

ACTION = "decide_exceptions"
SAMPLE = 5


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """One decision about chosen events. `standing`: how many were decided so already."""

    decision: str
    reason: str
    events: tuple[LateEvent, ...]
    standing: int
    sums: Sequence[Mapping[str, Any]]
    posting_periods: Mapping[str, int]
    commit_seq: int


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What came of it: `asked` None when all events were decided so already."""

    decision: str
    count: int
    standing: int
    asked: Asked | None


def choose(late: LateEvents, event_ids: Sequence[str]) -> list[LateEvent]:
    """The exceptions of these ids. IncorrectInput names ids that are none."""
    by_id = {one.event_id: one for one in late.events}
    unknown = [one for one in event_ids if one not in by_id]
    if unknown:
        raise IncorrectInput(
            "only_an_exception_can_be_decided",
            thing=f"event {unknown[0]!r}" + (f" and {len(unknown) - 1} more" * (len(unknown) > 1)),
            expected=f"an event that went to people, as known at commit {late.commit_seq}",
            found="none of that id",
            remedy="`ledgerlake exceptions list` shows them.",
        )
    return [by_id[one] for one in dict.fromkeys(event_ids)]


def filtered(late: LateEvents, wanted: Wanted, decision: str) -> list[LateEvent]:
    """Exceptions a filter takes: those that wait, or for `pending` those decided.

    A changed mind about a decided event needs its id, or `--status`.
    """
    found = [one for one in late.events if wanted.takes(one)]
    if wanted.status is not None:
        return found
    return [one for one in found if (one.status == "pending") != (decision == "pending")]


def prepare(
    known: Known, late: LateEvents, chosen: Iterable[LateEvent], *, decision: str, reason: str
) -> Prepared:
    """What would be asked. IncorrectInput, named as the rule, if it could not be approved now."""
    if decision not in DECISIONS:
        raise IncorrectInput(
            "decision_must_be_known",
            thing="option --decision",
            expected=f"one of {', '.join(DECISIONS)}",
            found=repr(decision),
        )
    requests.require_reason(reason)
    events, standing, periods = [], 0, dict[str, int]()
    for one in sorted(chosen, key=lambda event: event.row_index):
        if one.status == decision:
            standing += 1
            continue
        events.append(one)
        into = posting_period(known.books, decision, one.business_date)
        if into is not None:
            periods[into] = periods.get(into, 0) + 1
    _require_possible(known.books, events, decision)
    return Prepared(
        decision=decision,
        reason=reason,
        events=tuple(events),
        standing=standing,
        sums=sums(events),
        posting_periods=periods,
        commit_seq=late.commit_seq,
    )


def ask(home: Home, prepared: Sequence[Prepared], *, signer: Signer, when: When) -> list[Decided]:
    """One signed request per decision, all recorded together. The same again is given back."""
    known = read_known(home)
    drafts, results = {}, {}
    for one in prepared:
        if not one.events:
            results[one.decision] = Decided(
                decision=one.decision, count=0, standing=one.standing, asked=None
            )
            continue
        subject = _subject(one)
        before = requests.open_request(known.books, signer.name, ACTION, subject.__eq__)
        if before is not None:
            asked = Asked(request=before, new=False)
            results[one.decision] = _result(one, asked)
            continue
        draft = requests.draft(
            home, signer, action=ACTION, subject=subject, reason=one.reason, when=when
        )
        keep_named(home, draft.request_id, [_named(event) for event in one.events])
        drafts[one.decision] = draft
    recorded = requests.record(home, drafts.values(), when) if drafts else []
    for decision, asked in zip(drafts, recorded, strict=True):
        made = next(one for one in prepared if one.decision == decision)
        results[decision] = _result(made, asked)
    return [results[one.decision] for one in prepared]


def decide(
    home: Home,
    event_ids: Sequence[str],
    *,
    decision: str,
    reason: str,
    signer: Signer,
    when: When,
) -> Decided:
    """Ask for one decision about events by id: all of the above in one step, for jobs."""
    known = read_known(home)
    late = read_late_events(home, known=known)
    made = prepare(known, late, choose(late, event_ids), decision=decision, reason=reason)
    return ask(home, [made], signer=signer, when=when)[0]


def _subject(one: Prepared) -> dict[str, Any]:
    return {
        "decision": one.decision,
        "event_count": len(one.events),
        "events_sha256": events_sha256(event.event_id for event in one.events),
    }


def _result(one: Prepared, asked: Asked) -> Decided:
    return Decided(decision=one.decision, count=len(one.events), standing=one.standing, asked=asked)


def _named(one: LateEvent) -> NamedEvent:
    return NamedEvent(
        event_id=one.event_id,
        row_index=one.row_index,
        business_date=one.business_date,
        previous_decision=one.status if one.request_id is not None else None,
        previous_posting_period=one.posting_period,
    )


def _require_possible(books: Books, events: Sequence[LateEvent], decision: str) -> None:
    """Try the decisions on the rules as if they were approved in the next commit."""
    seq = books.commit_seq + 1
    trial = Request(
        request_id="trial",
        action=ACTION,
        subject={"decision": decision},
        requester="",
        reason="",
        requested_commit=seq,
        requested_at_us=0,
        statements=(),
        state="approved",
        answered_commit=seq,
    )
    as_if = replace(books, requests={**books.requests, trial.request_id: trial})
    named = [_named(one) for one in events]
    arrivals = {one.event_id: arrival_of(vars(one)) for one in events}
    for event in decided(as_if, named, trial):
        rejection = next(rule_of_decisions(_case(as_if, event, seq, arrivals), event), None)
        if rejection is not None:
            raise rejection.error()


def _case(books: Books, event: LateEventDecided, seq: int, arrivals: Mapping[str, Arrival]) -> Case:

    return Case(
        books=books,
        at=Recorded(
            event=event,
            event_id=event.event_id,
            commit_seq=seq,
            ingest_time_us=0,
            row_index=-1,
            stream_version=None,
        ),
        evidence=Evidence(
            lake_id="",
            open_statement=_unasked,
            check_key=_unasked,
            newest_event_us=None,
            arrivals=arrivals,
        ),
    )


def _unasked(*_: object) -> Any:
    raise AssertionError("a decision's rule asks for no signature")
