"""What an approval brings about, by action: the control events that go into its commit.

Does not sign or record. Called by `desk.requests`.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from ledger import control_events as ev
from ledger.books import Books
from ledger.errors import IncorrectInput
from ledger.people import Request
from orchestration.desk.decided_events import decided, read_named
from orchestration.home import Home


def of(home: Home, books: Books, asked: Request) -> Sequence[ev.ControlEvent]:
    """The effects of approving `asked` as things stand. IncorrectInput if it is not done so."""
    return _EFFECTS[asked.action](home, books, asked)


def _decide(home: Home, books: Books, asked: Request) -> Sequence[ev.ControlEvent]:
    return decided(books, read_named(home, asked), asked)


def _reopen(_home: Home, _books: Books, asked: Request) -> Sequence[ev.ControlEvent]:
    period_id = str(asked.subject["period_id"])
    return [
        ev.PeriodReopened(period_id=period_id, request_id=asked.request_id, reason=asked.reason)
    ]


def _grant(_home: Home, _books: Books, asked: Request) -> Sequence[ev.ControlEvent]:
    said = dict(asked.subject)
    cap = said.pop("amount_cap")
    return [
        ev.LockExceptionGranted(
            **said,
            amount_cap=None if cap is None else Decimal(cap),
            reason=asked.reason,
            request_id=asked.request_id,
        )
    ]


def _close(_home: Home, _books: Books, asked: Request) -> Sequence[ev.ControlEvent]:
    raise IncorrectInput(
        "close_must_be_approved_by_applying_it",
        thing=f"request {asked.request_id} to close {asked.subject['period_id']}",
        expected="`ledgerlake close apply`, which looks at the plan again, approves and closes",
        found="an approval alone",
        remedy=f"ledgerlake close apply {asked.request_id} --as NAME",
    )


def _replay(_home: Home, _books: Books, asked: Request) -> Sequence[ev.ControlEvent]:
    raise IncorrectInput(
        "replay_must_be_approved_by_applying_it",
        thing=f"request {asked.request_id} to correct interest of {asked.subject['period_id']}",
        expected="`ledgerlake replay apply`, which looks at the plan again, approves and posts",
        found="an approval alone",
        remedy=f"ledgerlake replay apply {asked.request_id} --as NAME",
    )


def _add(_home: Home, _books: Books, asked: Request) -> Sequence[ev.ControlEvent]:
    said = asked.subject
    return [
        ev.PersonAdded(
            person=said["person"],
            verifier_key=said["verifier_key"],
            roles=tuple(said["roles"]),
            request_id=asked.request_id,
        )
    ]


def _remove(_home: Home, _books: Books, asked: Request) -> Sequence[ev.ControlEvent]:
    return [ev.PersonRemoved(person=asked.subject["person"], request_id=asked.request_id)]


_EFFECTS: Mapping[str, Callable[[Home, Books, Request], Sequence[ev.ControlEvent]]] = {
    "decide_exceptions": _decide,
    "reopen_period": _reopen,
    "grant_lock_exception": _grant,
    "close_period": _close,
    "add_person": _add,
    "remove_person": _remove,
    "replay_interest": _replay,
}
