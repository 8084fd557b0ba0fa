"""Periods as people ask for them: the state of each, who put it there, when and why; soft-closing.

Closing and reopening are in `orchestration.close`. Called by `periods`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from ledger.books import Books, Versioned
from ledger.calendar import Period
from ledger.control_events import PeriodClosed, PeriodSoftClosed
from ledger.instants import from_us
from ledger.people import Request
from ledger.periods import (
    BeforeFirstClose,
    Closed,
    Open,
    PeriodState,
    Reopened,
    SoftClosed,
    closed_edition_of,
    name_of,
)
from orchestration.close import signing
from orchestration.close.signing import When
from orchestration.desk.known import Known, read_known
from orchestration.desk.people import require_active
from orchestration.desk.requests import require_reason
from orchestration.home import Home
from orchestration.status import at


@dataclass(frozen=True, kw_only=True)
class Change:
    """A state a period was put into; `who` is None where the clock or a failed close did it."""

    state: str
    sealed: bool
    closed_edition: int
    commit_seq: int
    since: datetime
    who: str | None
    why: str


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A period and its state now. `changes` oldest first; none: it has always been as it is."""

    period_id: str
    first_date: date
    end_date: date
    state: str
    sealed: bool
    closed_edition: int
    since: datetime | None
    who: str | None
    why: str | None
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class SoftClosing:
    """`new` is False when it was SoftClosed already."""

    period: Listed
    new: bool


def list_periods(home: Home, *, now_us: int) -> list[Listed]:
    """Periods from the first event's, or the first with a state, to the one of today."""
    known = read_known(home)
    calendar = known.books.calendar
    days = [*_event_days(home, known), *_days_with_state(known.books)]
    today = from_us(now_us).date()
    first, last = min([*days, today]), max([*_days_with_state(known.books), today])
    ends = calendar.period_of(last).end_date
    return [_listed(known.books, one) for one in calendar.between(first, ends)]


def show_period(home: Home, period_id: str) -> Listed:
    """One period with every state it was put into. IncorrectInput if the calendar has none."""
    books = read_known(home).books
    return _listed(books, books.calendar.get(period_id))


def soft_close(home: Home, period_id: str, *, person: str, reason: str, when: When) -> SoftClosing:
    """Let only the policy's sources book from now on. Changes nothing if it is SoftClosed."""
    require_reason(reason)
    books = read_known(home).books
    require_active(books, person)
    before = books.state(period_id)
    if isinstance(before, SoftClosed):
        return SoftClosing(period=show_period(home, period_id), new=False)
    event = PeriodSoftClosed(period_id=period_id, sealed=False, reason=f"{person}: {reason}")
    signing.record(home, [event], when)
    return SoftClosing(period=show_period(home, period_id), new=True)


def _listed(books: Books, period: Period) -> Listed:
    changes = tuple(_change(books, period, one) for one in books.history(period.period_id))
    state = books.state_at(period, books.commit_seq)
    last = changes[-1] if changes else None
    why = last.why if last else None
    if isinstance(state, BeforeFirstClose):
        why = "lies before the first period that was closed"
    return Listed(
        period_id=period.period_id,
        first_date=period.first_date,
        end_date=period.end_date,
        state=name_of(state),
        sealed=isinstance(state, SoftClosed) and state.sealed,
        closed_edition=closed_edition_of(state),
        since=last.since if last else None,
        who=last.who if last else None,
        why=why,
        changes=changes,
    )


def _change(books: Books, period: Period, one: Versioned) -> Change:
    who, why = _who_and_why(books, period, one)
    return Change(
        state=name_of(one.state),
        sealed=isinstance(one.state, SoftClosed) and one.state.sealed,
        closed_edition=closed_edition_of(one.state),
        commit_seq=one.commit_seq,
        since=at(one.ingest_time_us),
        who=who,
        why=why,
    )


def _who_and_why(books: Books, period: Period, one: Versioned) -> tuple[str | None, str]:
    state: PeriodState = one.state
    match state:
        case Closed():
            asked = _request_of_close(books, period, one.commit_seq)
            return f"{asked.requester}, approved by {asked.answered_by}", asked.reason
        case Reopened():
            return f"{state.requester}, approved by {state.approver}", state.reason
        case SoftClosed():
            who, colon, why = state.reason.partition(": ")
            by_person = bool(colon) and who in books.people
            return (who, why) if by_person else (None, state.reason)
        case Open() | BeforeFirstClose():
            return None, ""


def _request_of_close(books: Books, period: Period, commit_seq: int) -> Request:
    for one in books.closes:
        event = one.event
        if isinstance(event, PeriodClosed) and (one.commit_seq, event.period_id) == (
            commit_seq,
            period.period_id,
        ):
            return books.requests[event.request_id]
    raise AssertionError(f"{period.period_id} Closed in commit {commit_seq} without PeriodClosed")


def _days_with_state(books: Books) -> Iterator[date]:
    for period_id in books.periods:
        found = books.calendar.find(period_id)
        if found is not None:
            yield found.first_date


def _event_days(home: Home, known: Known) -> Iterator[date]:
    """UTC days of the oldest events of each commit: a business date is a day off at most."""
    for logged in CommitLog(LocalStore(home.lake)).after(-1):
        if logged.commit.seq > known.commit_seq:
            return
        for one in logged.commit.segments:
            if one.family != "control":
                yield at(one.min_event_time_us).date()
