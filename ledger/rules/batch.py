"""A batch of control events, tried one after the other on the books.

Holds `check`. Does not hold the rules of a single event; the modules beside it do.
Called through `ledger.rules`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from ledger import control_events as ev
from ledger.books import Books, Recorded, evolve_all
from ledger.deciding import Rejection
from ledger.rules import calendars, exceptions, locks, people, periods, requests
from ledger.rules.rejection import Case, Evidence, Rejections

RuleSet = Callable[[Case, Any], Rejections]

_RULES: Mapping[type[ev.ControlEvent], RuleSet] = {
    ev.PersonAdded: people.added,
    ev.PersonRemoved: people.removed,
    ev.ActionRequested: requests.requested,
    ev.ActionApproved: requests.approved,
    ev.ActionDeclined: requests.declined,
    ev.CalendarDefined: calendars.defined,
    ev.LatenessPolicySet: calendars.policy_set,
    ev.PeriodSoftClosed: periods.soft_closed,
    ev.CloseFailed: periods.close_failed,
    ev.PeriodClosed: periods.closed,
    ev.PeriodReopened: periods.reopened,
    ev.LateEventDecided: exceptions.decided,
    ev.LockExceptionGranted: locks.granted,
    ev.LockExceptionRevoked: locks.revoked,
}


def check(books: Books, batch: Sequence[Recorded], evidence: Evidence) -> Rejection | None:
    """The first rule this batch of one commit breaks, None when all of it may come."""
    return next(_rejections(books, batch, evidence), None)


def _rejections(books: Books, batch: Sequence[Recorded], evidence: Evidence) -> Rejections:
    # Decisions of one approval do not depend on each other, so they are tried together.
    for _, run in groupby(batch, key=_run_of):
        together = list(run)
        for one in together:
            case = Case(books=books, at=one, evidence=evidence)
            yield from _RULES[type(one.event)](case, one.event)
        yield from _identities(books, together)
        books = evolve_all(books, together)
    yield from requests.approvals_are_carried_out(books, batch)


def _run_of(one: Recorded) -> object:
    event = one.event
    return event.request_id if isinstance(event, ev.LateEventDecided) else one.event_id


def _identities(books: Books, together: Sequence[Recorded]) -> Iterator[Rejection]:
    seen: set[str] = set()
    for one in together:
        if one.event_id in books.event_ids or one.event_id in seen:
            yield Rejection(
                rule="control_event_must_be_recorded_once",
                thing=f"{one.event.event_type} {one.event.stream_id}",
                expected="a fact that is not in the lake yet",
                found=f"event_id {one.event_id}",
            )
        seen.add(one.event_id)
        if one.source == ev.SETTINGS_SOURCE:
            continue  # counts its own policies
        wanted = books.stream_versions.get(one.event.stream_id, 0) + 1
        if one.stream_version != wanted:
            yield Rejection(
                rule="stream_versions_must_follow_each_other",
                thing=f"{one.event.event_type} {one.event.stream_id}",
                expected=f"version {wanted}",
                found=f"version {one.stream_version}",
                remedy="Somebody was faster: look again, then try again.",
            )
