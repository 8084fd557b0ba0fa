"""Events of the lake's commits, routed by the books: what no build has looked at yet.

Holds which events of a span of commits a route is asked for, with `ledger.routing` as the judge.
Reads segments; knows no warehouse. Called by `desk.late_events` and `desk.lock_audit`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import polars as pl

from ingestion.contracts.lookups import as_newest
from ingestion.lake import Segment
from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from ledger.books import Books
from ledger.instants import to_us
from ledger.routing import Arrival, Routed
from orchestration.home import Home

Row = Mapping[str, Any]
Wanted = Callable[[Arrival], bool]

FAMILIES = ("sales", "accounts")
SEGMENTS_AT_ONCE = 256
"""Small commits are read together; one large segment of millions of rows is streamed."""

SPAN = "12h"
"""Events of one source, store, commit and span lie on two business days at most, so the first and
the last of them, with the largest amount, stand for all: if both book, all do."""

COLUMNS = (
    *("event_id", "event_type", "commit_seq", "row_index", "ingest_time", "event_time"),
    *("store_id", "account_id", "category", "channel", "currency", "amount", "quantity"),
    *("source",),
)
_KEYS = ("commit_seq", "source", "store_id", "span")


def events_where(
    home: Home, books: Books, wanted: Wanted, *, after: int, until: int
) -> Iterator[tuple[Row, Routed]]:
    """Events of commits (after, until] that `wanted` says yes to, in order, with their route.

    `wanted` must say yes to a group's first or last event if it does to any of the group: see SPAN.
    """
    segments = _segments(home, after, until)
    while part := list(islice(segments, SEGMENTS_AT_ONCE)):
        found: list[Row] = []
        for family in FAMILIES:
            found += _matching(home, [one for one in part if one.family == family], wanted)
        newest = ({name: one[name] for name in COLUMNS} for one in as_newest(home.lake, found))
        for row in sorted(newest, key=lambda one: one["row_index"]):
            arrival = arrival_of(row)
            if wanted(arrival):
                yield row, books.route(arrival)


def arrival_of(row: Row) -> Arrival:
    """What routing reads of a row."""
    return Arrival(
        event_id=row["event_id"],
        row_index=row["row_index"],
        commit_seq=row["commit_seq"],
        event_time_us=to_us(row["event_time"]),
        ingest_time_us=to_us(row["ingest_time"]),
        source=row["source"],
        store_id=row["store_id"],
        amount=row["amount"],
    )


def _segments(home: Home, after: int, until: int) -> Iterator[Segment]:
    log = CommitLog(LocalStore(home.lake))
    for seq in range(after + 1, until + 1):
        yield from log.read(seq).commit.segments


def _matching(home: Home, segments: Sequence[Segment], wanted: Wanted) -> Iterable[Row]:
    if not segments:
        return []
    paths = [home.lake / one.path for one in segments]
    events = pl.scan_parquet(paths, hive_partitioning=False).with_columns(
        span=pl.col("event_time").dt.truncate(SPAN)
    )
    groups = events.group_by(_KEYS).agg(
        pl.col("ingest_time").first(),
        first=pl.col("event_time").min(),
        last=pl.col("event_time").max(),
        amount=pl.col("amount").abs().max(),
    )
    kept = [one for one in groups.collect().to_dicts() if any(map(wanted, _ends(one)))]
    if not kept:
        return []
    keys = pl.LazyFrame(kept, schema=groups.collect_schema()).select(_KEYS)
    found = events.join(keys, on=_KEYS, how="semi", nulls_equal=True)
    return found.select(*COLUMNS, "schema_version").collect().to_dicts()


def _ends(group: Row) -> Iterator[Arrival]:
    for name in ("first", "last"):
        yield arrival_of({**group, "event_id": "", "row_index": -1, "event_time": group[name]})
