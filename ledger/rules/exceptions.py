"""Rules of deciding late events: only what is an exception, only into what is open.

Does not hold who may approve (`ledger.rules.requests`). Called by `ledger.rules.batch`.
"""

from ledger import control_events as ev
from ledger.books import Books
from ledger.calendar import Period
from ledger.deciding import no
from ledger.people import Decision
from ledger.periods import Open, Reopened, name_of
from ledger.rules.rejection import Case, Rejections
from ledger.rules.requests import approved_now

DECISIONS = ("next_period", "restated", "rejected", "pending")


def decided(case: Case, event: ev.LateEventDecided) -> Rejections:
    books = case.books
    thing = f"event {event.event_id}"
    if event.decision not in DECISIONS:
        expected = f"one of {', '.join(DECISIONS)}"
        yield no("decision_must_be_known", thing, expected, event.decision)
    subject = {"decision": event.decision}
    yield from approved_now(case, event.request_id, "decide_exceptions", subject)
    arrival = case.evidence.arrivals.get(event.event_id)
    if arrival is None or arrival.row_index != event.row_index:
        expected = f"an event of the lake at row {event.row_index}"
        found = f"row {arrival.row_index}" if arrival else "another event or none"
        yield no("event_must_be_in_the_lake", thing, expected, found)
        return
    routed = books.route(arrival)
    if routed.route != "exception":
        yield no(
            "only_an_exception_can_be_decided",
            thing,
            "an event that was too late for its period",
            f"one booked in {routed.posting_period} by commit {arrival.commit_seq}",
        )
    yield from _follows(books, event, thing)
    own = books.calendar.period_of(routed.business_date)
    if event.decision == "next_period":
        yield from _next_period(books, event, own)
    elif event.decision == "restated":
        yield from _restated(books, event, own)
    elif event.posting_period is not None:
        rule = "posting_period_must_not_be_given"
        yield no(rule, thing, f"none for {event.decision}", event.posting_period)


def _follows(books: Books, event: ev.LateEventDecided, thing: str) -> Rejections:
    """The decision builds on the one before, whose posting can still be taken back."""
    last = books.decisions.get(event.event_id)
    said = (event.previous_decision, event.previous_posting_period)
    known = (last.decision, last.posting_period) if last else (None, None)
    if said != known:
        yield no(
            "exception_must_be_pending_or_undone",
            thing,
            f"previous decision {known[0]} into {known[1]}, as recorded",
            f"{said[0]} into {said[1]}",
            "Somebody else decided it: look again with `ledgerlake exceptions show`.",
        )
    undoes_nothing = event.decision == "pending" and known[0] in (None, "pending")
    if undoes_nothing or known == (event.decision, event.posting_period):
        yield no(
            "exception_must_be_pending_or_undone",
            thing,
            "a decision that changes something",
            f"{event.decision} again" if last else "pending from the start",
        )
    if last is not None and last.posting_period is not None:
        yield from _can_be_taken_back(books, last, last.posting_period, thing)


def _can_be_taken_back(books: Books, last: Decision, target: str, thing: str) -> Rejections:
    state = books.state(target)
    takes = Reopened if last.decision == "restated" else Open
    if not isinstance(state, takes):
        yield no(
            "decision_target_must_be_open",
            thing,
            f"{target} {takes.__name__}, to take the posting back",
            f"{target} {name_of(state)}",
            "What was closed with it stays; post the opposite in an open period.",
        )


def _next_period(books: Books, event: ev.LateEventDecided, own: Period) -> Rejections:
    thing, first = f"event {event.event_id}", books.first_open(own).period_id
    if event.posting_period != first:
        found = books.calendar.find(event.posting_period or "")
        is_open = found and isinstance(books.state_at(found, books.commit_seq), Open)
        rule = (
            "next_period_must_be_the_first_open_one"
            if is_open
            else "posting_date_must_be_in_an_open_period"
        )
        yield no(rule, thing, first, str(event.posting_period))


def _restated(books: Books, event: ev.LateEventDecided, own: Period) -> Rejections:
    state = books.state_at(own, books.commit_seq)
    if event.posting_period != own.period_id or not isinstance(state, Reopened):
        yield no(
            "restated_needs_a_reopened_period",
            f"event {event.event_id}",
            f"its own period {own.period_id}, Reopened",
            f"{event.posting_period}, with {own.period_id} {name_of(state)}",
            f"`ledgerlake reopen {own.period_id}` asks for it.",
        )
