"""Which events a request is about, and the decisions that follow from its approval.

A request holds the count and hash of its events only. Their list lies in `data/requests/`, so that
the approver decides the same ones; without it the request cannot be approved. Called by
`desk.decide` and `desk.effects`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from audit.statement import events_sha256
from ledger.books import Books
from ledger.control_events import LateEventDecided
from ledger.errors import IncorrectInput
from ledger.people import Request
from orchestration.home import Home
from orchestration.publish.edition import replace_durably


@dataclass(frozen=True, kw_only=True)
class NamedEvent:
    """An event of a request, and what was decided about it when it was asked."""

    event_id: str
    row_index: int
    business_date: date
    previous_decision: str | None
    previous_posting_period: str | None


def keep_named(home: Home, request_id: str, events: Sequence[NamedEvent]) -> None:
    """Keep the list durably, before the request is recorded."""
    path = _path(home, request_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(one), "business_date": one.business_date.isoformat()} for one in events]
    replace_durably(path, json.dumps(rows, ensure_ascii=False, indent=0).encode())


def read_named(home: Home, asked: Request) -> list[NamedEvent]:
    """The list, found to be the one that was signed. IncorrectInput if it is lost or another."""
    path = _path(home, asked.request_id)
    try:
        rows = json.loads(path.read_bytes())
        found = [
            NamedEvent(**{**one, "business_date": date.fromisoformat(one["business_date"])})
            for one in rows
        ]
    except FileNotFoundError:
        raise _wrong(asked, f"file {path}", "no such file") from None
    except (ValueError, TypeError, KeyError) as error:
        raise _wrong(asked, f"a list of events in {path}", str(error)) from None
    digest = events_sha256(one.event_id for one in found)
    if digest != asked.subject["events_sha256"] or len(found) != asked.subject["event_count"]:
        expected = (
            f"{asked.subject['event_count']} events of SHA-256 {asked.subject['events_sha256']}"
        )
        raise _wrong(asked, expected, f"{len(found)} of SHA-256 {digest} in {path}")
    return found


def decided(books: Books, events: Sequence[NamedEvent], asked: Request) -> list[LateEventDecided]:
    """One decision per event, into the period that is right as things stand.

    Each builds on what was decided when it was asked: if somebody decided otherwise meanwhile, the
    choke point refuses.
    """
    decision = str(asked.subject["decision"])
    return [
        LateEventDecided(
            event_id=one.event_id,
            row_index=one.row_index,
            decision=decision,
            posting_period=posting_period(books, decision, one.business_date),
            previous_decision=one.previous_decision,
            previous_posting_period=one.previous_posting_period,
            request_id=asked.request_id,
        )
        for one in events
    ]


def posting_period(books: Books, decision: str, business_date: date) -> str | None:
    """Where a decision books an event of this day now; None: nowhere."""
    own = books.calendar.period_of(business_date)
    if decision == "next_period":
        return books.first_open(own).period_id
    return own.period_id if decision == "restated" else None


def _path(home: Home, request_id: str) -> Path:
    return home.root / "requests" / home.tenant / f"{request_id}.json"


def _wrong(asked: Request, expected: str, found: str) -> IncorrectInput:
    return IncorrectInput(
        "events_must_be_those_of_the_request",
        thing=f"request {asked.request_id}",
        expected=expected,
        found=found,
        remedy="Decline it, and ask again with `ledgerlake exceptions decide`.",
    )
