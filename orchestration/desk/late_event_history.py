"""Every decision ever made about one late event, oldest first.

Reads the lake's control segments. Called by `exceptions show`.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from ingestion.control import rows
from ingestion.control.books import control_segments
from ingestion.lake.store import LocalStore
from ledger.books import Books
from ledger.control_events import LateEventDecided
from orchestration.home import Home
from orchestration.status import at


@dataclass(frozen=True, kw_only=True)
class PastDecision:
    """One decision, with its four eyes."""

    decision: str
    posting_period: str | None
    commit_seq: int
    decided_at: datetime
    requester: str
    approver: str | None
    reason: str
    request_id: str


def read_history(home: Home, books: Books, event_id: str) -> list[PastDecision]:
    """Decisions about the event as of these books."""
    paths = control_segments(LocalStore(home.lake), until_commit=books.commit_seq)
    found = [home.lake / path for path in paths]
    if not found or event_id not in books.decisions:
        return []
    stream = pl.col("stream_id") == f"exception/{event_id}"
    decided = pl.scan_parquet(found, hive_partitioning=False).filter(stream).sort("row_index")
    return [
        _past(books, one.event, one.commit_seq, one.ingest_time_us)
        for one in rows.recorded(decided.collect())
        if isinstance(one.event, LateEventDecided)
    ]


def _past(
    books: Books, event: LateEventDecided, commit_seq: int, ingest_time_us: int
) -> PastDecision:
    asked = books.requests[event.request_id]
    return PastDecision(
        decision=event.decision,
        posting_period=event.posting_period,
        commit_seq=commit_seq,
        decided_at=at(ingest_time_us),
        requester=asked.requester,
        approver=asked.answered_by,
        reason=asked.reason,
        request_id=event.request_id,
    )
