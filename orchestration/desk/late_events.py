"""Late events that went to people, and what became of each, as known at the lake's head.

Rows come from the published edition, or from the warehouse if a build has passed since, plus the
commits behind it, routed as they are read; what was decided always comes from the books. Does not
decide. Called by `exceptions` and `desk.decide`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb

from ledger.books import Books
from ledger.errors import IncorrectInput
from ledger.people import Request
from ledger.signs import COUNTS_DOWN
from orchestration.build import PASSED
from orchestration.desk.decided_events import read_named
from orchestration.desk.known import Known, read_known
from orchestration.desk.tail_events import COLUMNS, events_where
from orchestration.home import Home
from orchestration.locks import Busy, exclusive
from orchestration.queries.edition_reader import open_edition
from orchestration.status import at, read_build_record

STATUSES = ("pending", "next_period", "restated", "rejected")
REASONS = (
    *("too_late", "over_amount_cap", "period_soft_closed", "period_closed", "period_reopened"),
)
_NAMES = (*COLUMNS, "business_date", "lateness_days", "exception_reason")
_QUERY = f"""
select {", ".join(_NAMES)}
from {{table}}
where
    commit_seq <= $until
    and store_id is not distinct from coalesce($store_id, store_id)
    and business_date >= coalesce($first, business_date)
    and coalesce(business_date < $until_day, true)
order by row_index
"""


@dataclass(frozen=True, kw_only=True)
class LateEvent:
    """One exception. `status` is the newest decision; `asked` the open request that is about it."""

    event_id: str
    event_type: str
    row_index: int
    commit_seq: int
    source: str
    store_id: str | None
    account_id: str | None
    category: str | None
    channel: str | None
    currency: str | None
    amount: Decimal | None
    quantity: Decimal | None
    event_time: datetime
    ingest_time: datetime
    business_date: date
    period_id: str
    lateness_days: int
    exception_reason: str
    status: str
    posting_period: str | None
    requester: str | None
    approver: str | None
    decided_at: datetime | None
    decision_reason: str | None
    request_id: str | None
    asked: str | None

    @property
    def booked_amount(self) -> Decimal:
        """What it would add to a figure."""
        amount = self.amount or Decimal(0)
        return -amount if self.event_type in COUNTS_DOWN else amount


@dataclass(frozen=True, kw_only=True)
class LateEvents:
    """All exceptions as of `commit_seq`; those after `base_commit` were read from the lake."""

    commit_seq: int
    known_as_of: datetime
    base: str
    base_commit: int
    events: tuple[LateEvent, ...]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A choice of late events; None: any."""

    period_id: str | None = None
    store_id: str | None = None
    source: str | None = None
    first: date | None = None
    last: date | None = None
    exception_reason: str | None = None
    status: str | None = None

    def takes(self, one: LateEvent) -> bool:
        return (
            self.period_id in (None, one.period_id)
            and self.store_id in (None, one.store_id)
            and self.source in (None, one.source)
            and (self.first is None or one.business_date >= self.first)
            and (self.last is None or one.business_date <= self.last)
            and self.exception_reason in (None, one.exception_reason)
            and self.status in (None, one.status)
        )


@dataclass(frozen=True, kw_only=True)
class _Base:
    name: str
    commit_seq: int
    rows: Sequence[dict[str, Any]]


_NO_BASE = _Base(name="lake", commit_seq=-1, rows=())


def read_late_events(
    home: Home, *, known: Known | None = None, wanted: Wanted | None = None
) -> LateEvents:
    """Every exception of the lake, or those that are wanted, in order of arrival."""
    known, wanted = known or read_known(home), wanted or Wanted()
    base = _base(home, _asked_for(known, wanted), until=known.commit_seq)
    asked = dict(_asked(home, known.books))
    behind = events_where(
        home,
        known.books,
        lambda one: known.books.route(one).route == "exception",
        after=base.commit_seq,
        until=known.commit_seq,
    )
    late = [
        {
            **row,
            "business_date": routed.business_date,
            "lateness_days": routed.lateness_days,
            "exception_reason": routed.reason,
        }
        for row, routed in behind
    ]
    events = (_late_event(known.books, row, asked) for row in (*base.rows, *late))
    return LateEvents(
        commit_seq=known.commit_seq,
        known_as_of=at(known.ingest_time_us),
        base=base.name,
        base_commit=base.commit_seq,
        events=tuple(one for one in events if wanted.takes(one)),
    )


def sums(events: Iterable[LateEvent]) -> list[dict[str, Any]]:
    """Count and amount per currency, as figures would count them."""
    totals: dict[str, dict[str, Any]] = {}
    for one in events:
        currency = one.currency or "(none)"
        total = totals.setdefault(
            currency, {"currency": currency, "events": 0, "amount": Decimal(0)}
        )
        total["events"] += 1
        total["amount"] += one.booked_amount
    return [totals[name] for name in sorted(totals)]


def _late_event(books: Books, row: dict[str, Any], asked: dict[str, str]) -> LateEvent:
    decision = books.decisions.get(row["event_id"])
    request = books.requests.get(decision.request_id) if decision else None
    answered_us = request.answered_at_us if request else None
    return LateEvent(
        **row,
        period_id=books.calendar.period_of(row["business_date"]).period_id,
        status=decision.decision if decision else "pending",
        posting_period=decision.posting_period if decision else None,
        requester=request.requester if request else None,
        approver=request.answered_by if request else None,
        decided_at=at(answered_us) if answered_us is not None else None,
        decision_reason=request.reason if request else None,
        request_id=decision.request_id if decision else None,
        asked=asked.get(row["event_id"]),
    )


def _asked(home: Home, books: Books) -> Iterator[tuple[str, str]]:
    """(event id, request id) of open requests to decide."""
    for one in books.requests.values():
        if one.state == "open" and one.action == "decide_exceptions":
            for event_id in _named(home, one):
                yield event_id, one.request_id


def _named(home: Home, asked: Request) -> list[str]:
    try:
        return [one.event_id for one in read_named(home, asked)]
    except IncorrectInput:
        return []  # its list is lost: `requests show` and `requests approve` say so


def _asked_for(known: Known, wanted: Wanted) -> dict[str, object]:
    """Arguments of the query that leave out most of what is not wanted."""
    period = known.books.calendar.find(wanted.period_id) if wanted.period_id else None
    ends = period is not None and period.end_date < date.max
    return {
        "store_id": wanted.store_id,
        "first": period.first_date if period else None,
        "until_day": period.end_date if period and ends else None,
    }


def _base(home: Home, asked: dict[str, object], *, until: int) -> _Base:
    """The newest of edition and warehouse that can be asked; the lake alone if neither can."""
    edition = _of_edition(home, asked, until)
    record = read_build_record(home)
    passed = record is not None and record["outcome"] == PASSED
    built = record["commit_seq"] if record and passed else None
    if built is not None and built > edition.commit_seq and home.warehouse.exists():
        return _of_warehouse(home, asked, min(built, until)) or edition
    return edition


def _of_edition(home: Home, asked: dict[str, object], until: int) -> _Base:
    if not home.current.exists():
        return _NO_BASE
    try:
        with open_edition(home) as reader:
            query = _QUERY.format(table="late_event_exceptions")
            rows = reader.rows(query, {**asked, "until": until})
            seq = min(reader.edition.commit_seq, until)
            return _Base(name=f"edition {reader.edition.number}", commit_seq=seq, rows=rows)
    except duckdb.BinderException:
        return _NO_BASE  # published by a version without these columns


def _of_warehouse(home: Home, asked: dict[str, object], built: int) -> _Base | None:
    """None while somebody builds, or if a version without these columns did."""
    try:
        with (
            exclusive(home.build_lock, doing="list exceptions"),
            duckdb.connect(str(home.warehouse), read_only=True) as connection,
        ):
            connection.execute("set TimeZone = 'UTC'")
            query = _QUERY.format(table="late_event_exceptions")
            found = connection.execute(query, {**asked, "until": built})
            rows = [dict(zip(_NAMES, row, strict=True)) for row in found.fetchall()]
            return _Base(name="warehouse", commit_seq=built, rows=rows)
    except (Busy, duckdb.IOException, duckdb.BinderException):
        return None
