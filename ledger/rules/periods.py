"""Rules of closing: in order, sealed first, approved; reopened latest first.

As closing goes in order and reopening latest first, the periods that are Closed are a run without a
gap: looking at the neighbour is enough. Called by `ledger.rules.batch`.
"""

from ledger import control_events as ev
from ledger.books import Books
from ledger.calendar import Period
from ledger.deciding import Rejection, no
from ledger.periods import (
    BeforeFirstClose,
    Closed,
    PeriodState,
    Reopened,
    SoftClosed,
    closed_edition_of,
    name_of,
)
from ledger.rules.rejection import Case, Rejections
from ledger.rules.requests import approved_now


def soft_closed(case: Case, event: ev.PeriodSoftClosed) -> Rejections:
    books = case.books
    period = books.calendar.find(event.period_id)
    if period is None:
        yield _unknown(event.period_id)
        return
    state = books.state_at(period, books.commit_seq)
    thing = f"period {event.period_id}"
    if isinstance(state, Closed | BeforeFirstClose):
        yield no(
            "closed_period_must_be_reopened_first",
            thing,
            "a period that is not Closed",
            "Closed",
            f"`ledgerlake reopen {event.period_id}` asks for it.",
        )
    if event.sealed:
        yield from _in_order(books, period)
    if not event.sealed and isinstance(state, Reopened):
        expected = "a seal: a Reopened period is closed again, not soft-closed"
        yield no("reopened_period_must_be_sealed", thing, expected, "sealed false")
    if not event.sealed and isinstance(state, SoftClosed) and state.sealed:
        failed = [one for one in books.failures if one.event.stream_id == case.at.event.stream_id]
        if not failed or failed[-1].commit_seq < state.cut_off_commit:
            yield no(
                "seal_must_be_lifted_by_a_failed_close",
                thing,
                f"a CloseFailed after the seal of commit {state.cut_off_commit}",
                "none: a close is under way",
                "Wait for the close, or run `ledgerlake close apply` again: it resumes.",
            )


def close_failed(case: Case, event: ev.CloseFailed) -> Rejections:
    books = case.books
    if books.calendar.find(event.period_id) is None:
        yield _unknown(event.period_id)


def closed(case: Case, event: ev.PeriodClosed) -> Rejections:
    books = case.books
    period = books.calendar.find(event.period_id)
    if period is None:
        yield _unknown(event.period_id)
        return
    state = books.state_at(period, books.commit_seq)
    thing = f"period {event.period_id}"
    if not isinstance(state, SoftClosed) or not state.sealed:
        found = name_of(state)
        yield no("period_must_be_sealed_first", thing, "SoftClosed and sealed", found)
    yield from _in_order(books, period)
    wanted = closed_edition_of(state) + 1
    if event.closed_edition != wanted:
        rule = "closed_edition_must_follow_the_last"
        yield no(rule, thing, f"edition {wanted}", f"edition {event.closed_edition}")
    if not 0 <= event.cut_off_commit < case.at.commit_seq:
        expected = f"a commit before {case.at.commit_seq}"
        yield no("cut_off_must_be_in_the_lake", thing, expected, str(event.cut_off_commit))
    yield from _approved_close(books, event, thing)


def _approved_close(books: Books, event: ev.PeriodClosed, thing: str) -> Rejections:
    asked = books.requests.get(event.request_id)
    if asked is None or asked.action != "close_period" or asked.state != "approved":
        found = f"{asked.action}, {asked.state}" if asked else "no such request"
        expected = "an approved request to close it"
        yield no("close_must_be_approved", thing, expected, found)
        return
    if asked.subject["period_id"] != event.period_id or asked.used_commit is not None:
        used = f", used in commit {asked.used_commit}" if asked.used_commit is not None else ""
        found = f"a request to close {asked.subject['period_id']}{used}"
        yield no("close_must_be_approved", thing, "an unused request to close it", found)
        return
    spent = _newest_end(books, event.period_id)
    if asked.answered_commit is not None and asked.answered_commit <= spent:
        yield no(
            "close_must_be_approved",
            thing,
            f"an approval after commit {spent}, which ended a close of it or reopened it",
            f"one of commit {asked.answered_commit}",
            "What was approved was another close: plan anew, and have that approved.",
        )


def _newest_end(books: Books, period_id: str) -> int:
    """The last commit in which the period was closed, not closed, or reopened; -1 if none was."""
    ended = [
        one.commit_seq
        for one in (*books.closes, *books.failures)
        if one.event.stream_id == f"period/{period_id}"
    ]
    states = books.history(period_id)
    reopened = [one.commit_seq for one in states if isinstance(one.state, Reopened)]
    return max((*ended, *reopened), default=-1)


def reopened(case: Case, event: ev.PeriodReopened) -> Rejections:
    books = case.books
    period = books.calendar.find(event.period_id)
    if period is None:
        yield _unknown(event.period_id)
        return
    state = books.state_at(period, books.commit_seq)
    thing = f"period {event.period_id}"
    if not _can_reopen(state):
        yield no(
            "only_a_closed_period_can_be_reopened",
            thing,
            "Closed, or SoftClosed after a failed close of its next edition",
            "locked before the first period ever closed"
            if isinstance(state, BeforeFirstClose)
            else name_of(state),
        )
    later = books.calendar.after(period)
    following = books.state_at(later, books.commit_seq)
    if isinstance(following, Closed) or (isinstance(following, SoftClosed) and following.sealed):
        yield no(
            "later_period_must_be_reopened_first",
            thing,
            f"{later.period_id} not closed, as periods are reopened latest first",
            f"{later.period_id} {name_of(following)}",
            f"Reopen {later.period_id} first.",
        )
    subject = {"period_id": event.period_id}
    yield from approved_now(case, event.request_id, "reopen_period", subject)


def _can_reopen(state: PeriodState) -> bool:
    if isinstance(state, SoftClosed):
        return not state.sealed and state.closed_edition > 0
    return isinstance(state, Closed)


def _in_order(books: Books, period: Period) -> Rejections:
    """The period before is Closed; of the first to be closed, none before it has been touched."""
    earlier = books.calendar.before(period)
    if books.last_closed is None:
        known = (books.calendar.find(one) for one in books.periods)
        touched = [one for one in known if one is not None and one < period]
        if not touched:
            return
        earlier = max(touched)
    state = books.state_at(earlier, books.commit_seq)
    if isinstance(state, Closed | BeforeFirstClose):
        return
    yield no(
        "earlier_period_must_be_closed_first",
        f"period {period.period_id}",
        f"{earlier.period_id} Closed, as periods are closed in order",
        f"{earlier.period_id} {name_of(state)}",
        f"Close {earlier.period_id} first.",
    )


def _unknown(period_id: str) -> Rejection:
    return no("period_must_be_in_the_calendar", f"period {period_id!r}", "a period", "none")
