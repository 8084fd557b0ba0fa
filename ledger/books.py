"""The books: what all control events of a lake add up to, with history by commit.

Holds `Books`, its questions, and `evolve`. Does not check whether an event may come
(`ledger.rules`) or read a lake (`ingestion.control.books`). Called by the choke point, the close
and the command line. "At a commit" always includes the control events of that commit itself.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ledger import control_events as ev
from ledger.business_days import UTC_DAYS, StoreDays
from ledger.calendar import MONTHS, Calendar, Period
from ledger.people import Decision, Person, Request
from ledger.periods import (
    BEFORE_FIRST_CLOSE,
    OPEN,
    Closed,
    PeriodState,
    Reopened,
    SoftClosed,
    closed_edition_of,
)
from ledger.policies import LockException, Policy, choose
from ledger.routing import Arrival, Routed, route

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A control event where it stands in the lake, or would stand."""

    event: ev.ControlEvent
    event_id: str
    commit_seq: int
    ingest_time_us: int
    row_index: int
    stream_version: int | None
    source: str = ev.SOURCE


@dataclass(frozen=True, kw_only=True)
class StoreRegistered:
    """Where a store keeps its days; open to files, so no control event of its own kind."""

    store_id: str
    days: StoreDays
    commit_seq: int


@dataclass(frozen=True, kw_only=True)
class Versioned:
    """A state of a period and the commit it was known from."""

    commit_seq: int
    ingest_time_us: int
    state: PeriodState
    event_type: str


@dataclass(frozen=True, kw_only=True)
class Books:
    """Immutable; `evolve` gives the next. `commit_seq` is the newest commit folded in."""

    commit_seq: int = -1
    people: Mapping[str, Person] = field(default_factory=dict)
    people_ever: tuple[Person, ...] = ()
    requests: Mapping[str, Request] = field(default_factory=dict)
    calendars: tuple[tuple[int, Calendar], ...] = ((-1, MONTHS),)
    policies: tuple[Policy, ...] = ()
    periods: Mapping[str, tuple[Versioned, ...]] = field(default_factory=dict)
    first_closed: tuple[tuple[int, Period], ...] = ()
    last_closed: Period | None = None
    closes: tuple[Recorded, ...] = ()
    failures: tuple[Recorded, ...] = ()
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    lock_exceptions: Mapping[str, LockException] = field(default_factory=dict)
    locks_of_period: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stores: Mapping[str, tuple[StoreRegistered, ...]] = field(default_factory=dict)
    event_ids: Mapping[str, str] = field(default_factory=dict)
    newest_of_stream: Mapping[str, Recorded] = field(default_factory=dict)
    stream_versions: Mapping[str, int] = field(default_factory=dict)

    @property
    def calendar(self) -> Calendar:
        return self.calendars[-1][1]

    def calendar_at(self, commit_seq: int) -> Calendar:
        return _at(self.calendars, commit_seq, lambda one: one[0])[1]

    def state(self, period_id: str) -> PeriodState:
        """The state as known now. IncorrectInput for an id the calendar does not have."""
        return self.state_at(self.calendar.get(period_id), self.commit_seq)

    def state_at(self, period: Period, commit_seq: int) -> PeriodState:
        """The state as known at a commit."""
        known = self.periods.get(period.period_id, ())
        at = bisect_right(known, commit_seq, key=lambda one: one.commit_seq)
        if at:
            return known[at - 1].state
        known_first = bisect_right(self.first_closed, commit_seq, key=lambda one: one[0])
        if known_first and period.end_date <= self.first_closed[known_first - 1][1].first_date:
            return BEFORE_FIRST_CLOSE
        return OPEN

    def history(self, period_id: str) -> tuple[Versioned, ...]:
        """Every state a period was put into, oldest first; none: it has always been Open."""
        return self.periods.get(period_id, ())

    def first_open(self, period: Period) -> Period:
        """The first Open period at or after this one, and after every period ever closed."""
        if self.last_closed is not None and period.first_date < self.last_closed.end_date:
            period = self.calendar.after(self.last_closed)
        while self.state_at(period, self.commit_seq) != OPEN:
            period = self.calendar.after(period)
        return period

    def days_at(self, store_id: str | None, commit_seq: int) -> StoreDays:
        known = self.stores.get(store_id, ()) if store_id is not None else ()
        at = bisect_right(known, commit_seq, key=lambda one: one.commit_seq)
        return known[at - 1].days if at else UTC_DAYS

    def policies_at(self, commit_seq: int) -> tuple[Policy, ...]:
        return self.policies[: bisect_right(self.policies, commit_seq, key=lambda p: p.commit_seq)]

    def locks_at(self, period_id: str, commit_seq: int) -> tuple[LockException, ...]:
        """Lock exceptions of a period granted at or before a commit, revoked or not."""
        ids = self.locks_of_period.get(period_id, ())
        found = (self.lock_exceptions[one] for one in ids)
        return tuple(one for one in found if one.granted_commit <= commit_seq)

    def route(self, arrival: Arrival) -> Routed:
        """Where an event goes, by what was known at its own commit."""
        seq = arrival.commit_seq
        days = self.days_at(arrival.store_id, seq)
        business_date = days.business_date(arrival.event_time_us)
        period = self.calendar_at(seq).period_of(business_date)
        return route(
            arrival,
            business_date=business_date,
            period_id=period.period_id,
            days=days,
            state=self.state_at(period, seq),
            policy=choose(
                self.policies_at(seq),
                source=arrival.source,
                business_date=business_date,
                period_id=period.period_id,
            ),
            lock_exceptions=self.locks_at(period.period_id, seq),
        )


EMPTY = Books()
"""The books of a lake without any control event: calendar months, all Open."""


def evolve(books: Books, event: Recorded | StoreRegistered) -> Books:
    """The books after one more event, which may come (see `ledger.rules`)."""
    return evolve_all(books, (event,))


def evolve_all(books: Books, events: Iterable[Recorded | StoreRegistered]) -> Books:
    """The books after these events, in order. Cost: a copy of what they touch, plus the events."""
    draft = _Draft(books)
    for event in events:
        draft.apply(event)
    return draft.books()


class _Draft:
    """Books being folded: what is touched is copied once, then changed in place."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._new: dict[str, Any] = {}

    def books(self) -> Books:
        return replace(self._books, **self._new)

    def apply(self, event: Recorded | StoreRegistered) -> None:
        self._new["commit_seq"] = event.commit_seq
        if isinstance(event, StoreRegistered):
            self._append_to("stores", event.store_id, event)
            return
        stream = event.event.stream_id
        self._map("event_ids")[event.event_id] = ev.payload_sha256(event.event)
        self._map("newest_of_stream")[stream] = event
        versions = self._map("stream_versions")
        versions[stream] = max(versions.get(stream, 0) + 1, event.stream_version or 0)
        _FOLDS[type(event.event)](self, event, event.event)

    def _get(self, name: str) -> Any:
        return self._new.get(name, getattr(self._books, name))

    def _map(self, name: str) -> dict[str, Any]:
        if name not in self._new:
            self._new[name] = dict(getattr(self._books, name))
        found: dict[str, Any] = self._new[name]
        return found

    def _add(self, name: str, value: object) -> None:
        self._new[name] = (*self._get(name), value)

    def _append_to(self, name: str, key: str, value: object) -> None:
        known = self._map(name)
        known[key] = (*known.get(key, ()), value)

    def person_added(self, at: Recorded, event: ev.PersonAdded) -> None:
        person = Person(
            person=event.person,
            verifier_key=event.verifier_key,
            roles=event.roles,
            added_commit=at.commit_seq,
            added_us=at.ingest_time_us,
        )
        self._map("people")[event.person] = person
        self._add("people_ever", person)

    def person_removed(self, at: Recorded, event: ev.PersonRemoved) -> None:
        people = self._map("people")
        people[event.person] = replace(people[event.person], removed_commit=at.commit_seq)

    def requested(self, at: Recorded, event: ev.ActionRequested) -> None:
        said = read_statement(event.statement)
        self._map("requests")[event.request_id] = Request(
            request_id=event.request_id,
            action=event.action,
            subject=said["subject"],
            requester=said["person"],
            reason=said["reason"],
            requested_commit=at.commit_seq,
            requested_at_us=at.ingest_time_us,
            statements=(event.statement,),
        )

    def answered(self, at: Recorded, event: ev.ActionApproved | ev.ActionDeclined) -> None:
        said = read_statement(event.statement)
        requests = self._map("requests")
        asked: Request = requests[event.request_id]
        requests[event.request_id] = replace(
            asked,
            state="approved" if isinstance(event, ev.ActionApproved) else "declined",
            answered_by=said["person"],
            answered_reason=said["reason"],
            answered_subject=said["subject"],
            answered_commit=at.commit_seq,
            answered_at_us=at.ingest_time_us,
            statements=(*asked.statements, event.statement),
        )

    def calendar_defined(self, at: Recorded, event: ev.CalendarDefined) -> None:
        periods = tuple(Period(p.first_date, p.end_date, p.period_id) for p in event.periods)
        calendar = Calendar(event.calendar_version, event.kind, periods)
        self._add("calendars", (at.commit_seq, calendar))

    def policy_set(self, at: Recorded, event: ev.LatenessPolicySet) -> None:
        self._add("policies", Policy(**vars(event), commit_seq=at.commit_seq))

    def soft_closed(self, at: Recorded, event: ev.PeriodSoftClosed) -> None:
        state = SoftClosed(
            cut_off_commit=at.commit_seq,
            sealed=event.sealed,
            reason=event.reason,
            closed_edition=self._closed_edition(event.period_id),
        )
        self._put_state(at, event.period_id, state)

    def close_failed(self, at: Recorded, _event: ev.CloseFailed) -> None:
        self._add("failures", at)

    def closed(self, at: Recorded, event: ev.PeriodClosed) -> None:
        state = Closed(
            cut_off_commit=event.cut_off_commit,
            certificate_sha256=event.certificate_sha256,
            closed_edition=event.closed_edition,
            published_edition=event.published_edition,
        )
        self._put_state(at, event.period_id, state)
        self._add("closes", at)
        requests = self._map("requests")
        if event.request_id in requests:
            asked = requests[event.request_id]
            requests[event.request_id] = replace(asked, used_commit=at.commit_seq)
        period = self._calendar().get(event.period_id)
        first = self._get("first_closed")
        if not first or period < first[-1][1]:
            self._add("first_closed", (at.commit_seq, period))
        last = self._get("last_closed")
        self._new["last_closed"] = period if last is None else max(period, last)

    def reopened(self, at: Recorded, event: ev.PeriodReopened) -> None:
        asked = self._get("requests")[event.request_id]
        state = Reopened(
            reason=event.reason,
            requester=asked.requester,
            approver=asked.answered_by,
            closed_edition=self._closed_edition(event.period_id),
        )
        self._put_state(at, event.period_id, state)

    def decided(self, at: Recorded, event: ev.LateEventDecided) -> None:
        self._map("decisions")[event.event_id] = Decision(
            event_id=event.event_id,
            row_index=event.row_index,
            decision=event.decision,
            posting_period=event.posting_period,
            request_id=event.request_id,
            commit_seq=at.commit_seq,
        )

    def lock_granted(self, at: Recorded, event: ev.LockExceptionGranted) -> None:
        granted = LockException(**vars(event), granted_commit=at.commit_seq)
        self._map("lock_exceptions")[event.lock_exception_id] = granted
        self._append_to("locks_of_period", event.period_id, event.lock_exception_id)

    def lock_revoked(self, at: Recorded, event: ev.LockExceptionRevoked) -> None:
        known = self._map("lock_exceptions")
        known[event.lock_exception_id] = replace(
            known[event.lock_exception_id],
            revoked_commit=at.commit_seq,
            revoked_by=read_statement(event.statement)["person"],
        )

    def _calendar(self) -> Calendar:
        calendar: Calendar = self._get("calendars")[-1][1]
        return calendar

    def _closed_edition(self, period_id: str) -> int:
        known = self._get("periods").get(period_id, ())
        return closed_edition_of(known[-1].state) if known else 0

    def _put_state(self, at: Recorded, period_id: str, state: PeriodState) -> None:
        version = Versioned(
            commit_seq=at.commit_seq,
            ingest_time_us=at.ingest_time_us,
            state=state,
            event_type=at.event.event_type,
        )
        self._append_to("periods", period_id, version)


_FOLDS: Mapping[type[ev.ControlEvent], Callable[[_Draft, Recorded, Any], None]] = {
    ev.PersonAdded: _Draft.person_added,
    ev.PersonRemoved: _Draft.person_removed,
    ev.ActionRequested: _Draft.requested,
    ev.ActionApproved: _Draft.answered,
    ev.ActionDeclined: _Draft.answered,
    ev.CalendarDefined: _Draft.calendar_defined,
    ev.LatenessPolicySet: _Draft.policy_set,
    ev.PeriodSoftClosed: _Draft.soft_closed,
    ev.CloseFailed: _Draft.close_failed,
    ev.PeriodClosed: _Draft.closed,
    ev.PeriodReopened: _Draft.reopened,
    ev.LateEventDecided: _Draft.decided,
    ev.LockExceptionGranted: _Draft.lock_granted,
    ev.LockExceptionRevoked: _Draft.lock_revoked,
}


def read_statement(note: str) -> Mapping[str, Any]:
    """What a statement that came through the choke point says: its second line."""
    values: Mapping[str, Any] = json.loads(note.split("\n", maxsplit=2)[1])
    return values


def _at(known: Sequence[T], commit_seq: int, commit_of: Callable[[T], int]) -> T:
    return known[max(bisect_right(known, commit_seq, key=commit_of) - 1, 0)]
