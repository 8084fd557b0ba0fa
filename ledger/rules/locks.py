"""Rules of lock exceptions: approved, for 5 minutes to 24 hours, revocable.

Does not say what they let through (`ledger.policies`). Called by `ledger.rules.batch`.
"""

from ledger import control_events as ev
from ledger.deciding import Rejection, no
from ledger.people import REVOKE
from ledger.periods import BeforeFirstClose, Closed
from ledger.rules.moments import timely
from ledger.rules.rejection import Case, Rejections
from ledger.rules.requests import approved_now, keys_of, note_sha256, person_may

MINUTE_US = 60_000_000
SHORTEST_US = 5 * MINUTE_US
LONGEST_US = 24 * 60 * MINUTE_US


def granted(case: Case, event: ev.LockExceptionGranted) -> Rejections:
    """How long it lasts counts from the request: waiting for approval takes no right away."""
    books = case.books
    thing = f"lock exception {event.lock_exception_id}"
    payload = event.payload()
    subject = {
        name: value for name, value in payload.items() if name not in ("reason", "request_id")
    }
    yield from approved_now(case, event.request_id, "grant_lock_exception", subject)
    if event.lock_exception_id in books.lock_exceptions:
        expected = "an id nobody used"
        yield no("lock_exception_id_must_be_new", thing, expected, event.lock_exception_id)
    period = books.calendar.find(event.period_id)
    if period is None:
        expected = "a period of the calendar"
        yield no("period_must_be_in_the_calendar", thing, expected, repr(event.period_id))
        return
    if isinstance(books.state_at(period, books.commit_seq), Closed | BeforeFirstClose):
        yield no(
            "closed_period_must_be_reopened_first",
            thing,
            f"{event.period_id} not Closed, as no exception opens a closed period",
            "Closed",
        )
    lasts = event.expires_at_us - books.requests[event.request_id].requested_at_us
    if not SHORTEST_US <= lasts <= LONGEST_US:
        yield no(
            "lock_exception_must_last_5_minutes_to_24_hours",
            thing,
            "an expiry 5 minutes to 24 hours after the request",
            f"{lasts / MINUTE_US:.1f} minutes",
        )
    if event.expires_at_us <= case.at.ingest_time_us:
        expected = "an expiry that is still to come"
        yield no("lock_exception_must_not_have_expired", thing, expected, "one that is over")


def revoked(case: Case, event: ev.LockExceptionRevoked) -> Rejections:
    books = case.books
    thing = f"lock exception {event.lock_exception_id}"
    known = books.lock_exceptions.get(event.lock_exception_id)
    if known is None or known.revoked_commit is not None:
        found = f"revoked by {known.revoked_by}" if known else "no such lock exception"
        yield no("lock_exception_must_be_in_force", thing, "one that is not revoked", found)
        return
    said = case.evidence.open_statement(event.statement, keys_of(books))
    if isinstance(said, Rejection):
        yield said
        return
    if said.lake_id != case.evidence.lake_id:
        expected = f"lake {case.evidence.lake_id}"
        yield no("statement_must_be_for_this_lake", thing, expected, f"lake {said.lake_id}")
    asked = books.requests[known.request_id]
    subject = {"lock_exception_id": event.lock_exception_id}
    wanted = (REVOKE, "revoker", known.request_id, note_sha256(asked), subject)
    found_ = (said.action, said.role, said.request_id, said.request_sha256, dict(said.subject))
    if found_ != wanted:
        yield no("statement_must_match_the_event", thing, str(wanted), str(found_))
    # Closing a hole needs no second person: whoever may ask or approve may do it.
    roles = books.people[said.person].roles
    role = "requester" if "requester" in roles else "approver"
    yield from person_may(books, said.person, role, thing)
    yield from timely(case, said, thing, answers=asked)
