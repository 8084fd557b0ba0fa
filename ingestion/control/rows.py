"""Control events between rows of the lake and the records the rules read.

Holds both directions, and which rows are reserved. Does not read files. Called by the gate, by
`ingestion.control.books` and by `ingestion.control.write`.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl

from audit.canonical import EVENT_SCHEMA
from ledger import control_events as ev
from ledger import origins, saga_kinds
from ledger.books import Recorded, StoreRegistered
from ledger.business_days import StoreDays
from ledger.errors import InternalFault
from ledger.instants import from_us, to_us
from ledger.routing import Arrival

FAMILY = "control"
STORE_REGISTERED = "StoreRegistered"
_FOLDED = sorted([*ev.RESERVED, STORE_REGISTERED])

IS_RESERVED = (pl.col("family") == FAMILY) & pl.col("event_type").is_in(sorted(ev.RESERVED))
_FROM_SETTINGS = (
    (pl.col("source") == ev.SETTINGS_SOURCE)
    & (pl.col("event_type") == "LatenessPolicySet")
    & (pl.col("schema_version") == 1)
)
IS_OURS = (pl.col("source") == ev.SOURCE) | _FROM_SETTINGS
"""Rows of reserved types that the choke point tries; those of other sources are quarantined."""

_FROM_JOURNAL = (pl.col("source") == origins.JOURNAL) & (
    pl.col("source_partition") == origins.JOURNAL_PARTITION
)
_IS_SAGA = (pl.col("family") == FAMILY) & pl.col("event_type").is_in(sorted(saga_kinds.RESERVED))
IS_FOREIGN = (IS_RESERVED & ~IS_OURS) | (_IS_SAGA & ~_FROM_JOURNAL)
"""Rows of reserved types that did not come the one way they may; they are quarantined."""

FOREIGN_RULE = (
    pl.when(_IS_SAGA).then(pl.lit(saga_kinds.JOURNAL_RULE)).otherwise(pl.lit(ev.CHOKE_POINT_RULE))
)
_JOURNAL = f"source {origins.JOURNAL}, partition {origins.JOURNAL_PARTITION}"
FOREIGN_DETAIL = pl.format(
    "expected {}, found source {}, partition {}",
    pl.when(_IS_SAGA).then(pl.lit(_JOURNAL)).otherwise(pl.lit(f"source {ev.SOURCE}")),
    "source",
    "source_partition",
)
"""The rule a foreign row breaks, and where it came from."""


def holds_control(events: pl.DataFrame) -> bool:
    """Is any row of family control? All that a batch of sales pays."""
    return bool((events["family"] == FAMILY).any())


def recorded(rows: pl.DataFrame) -> list[Recorded]:
    """Rows of reserved types, with the lake's columns, as records. IncorrectInput names a payload
    that is not in its contract's form."""
    return [_recorded(row) for row in rows.iter_rows(named=True)]


def folded(rows: pl.DataFrame) -> Iterator[Recorded | StoreRegistered]:
    """What the books take from a control segment, in its order.

    A policy of version 1 may be of any source: lakes were filled before the choke point was there.
    """
    for row in rows.filter(pl.col("event_type").is_in(_FOLDED)).iter_rows(named=True):
        if row["event_type"] == STORE_REGISTERED:
            yield _store(row)
        elif row["source"] == ev.SOURCE or _is_old_policy(row):
            yield _recorded(row)
        else:
            raise InternalFault(
                ev.CHOKE_POINT_RULE,
                thing=f"row {row['row_index']}, {row['event_type']}",
                expected=f"source {ev.SOURCE!r}",
                found=f"source {row['source']!r}",
                remedy="Run `ledgerlake verify`; this row was written past the choke point.",
            )


def arrivals(rows: pl.DataFrame) -> dict[str, Arrival]:
    """Events of the lake as routing reads them, by event id."""
    return {
        row["event_id"]: Arrival(
            event_id=row["event_id"],
            row_index=row["row_index"],
            commit_seq=row["commit_seq"],
            event_time_us=to_us(row["event_time"]),
            ingest_time_us=to_us(row["ingest_time"]),
            source=row["source"],
            store_id=row["store_id"],
            amount=row["amount"],
        )
        for row in rows.iter_rows(named=True)
        if row["family"] != FAMILY
    }


def as_events(
    events: Sequence[ev.ControlEvent],
    *,
    event_id: Callable[[ev.ControlEvent, int], str],
    stream_version: Callable[[ev.ControlEvent], int],
    first_offset: int,
    at_us: int,
) -> pl.DataFrame:
    """Control events as rows for the lake. `event_id` is told the event and its stream version."""
    rows = []
    for offset, event in enumerate(events, first_offset):
        version = stream_version(event)
        row: dict[str, object] = dict.fromkeys(EVENT_SCHEMA.names())
        row |= {
            "family": FAMILY,
            "event_id": event_id(event, version),
            "event_type": event.event_type,
            "schema_version": event.schema_version,
            "stream_id": event.stream_id,
            "stream_version": version,
            "event_time": from_us(at_us),
            "source": ev.SOURCE,
            "source_partition": ev.PARTITION,
            "source_offset": offset,
            "correlation_id": getattr(event, "request_id", None),
            "payload": event.payload_text(),
        }
        rows.append(row)
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)


def _recorded(row: dict[str, Any]) -> Recorded:
    return Recorded(
        event=ev.parse(row["event_type"], row["schema_version"], row["payload"]),
        event_id=row["event_id"],
        commit_seq=row["commit_seq"],
        ingest_time_us=to_us(row["ingest_time"]),
        row_index=row["row_index"],
        stream_version=row["stream_version"],
        source=row["source"],
    )


def _is_old_policy(row: dict[str, Any]) -> bool:
    return (row["event_type"], row["schema_version"]) == ("LatenessPolicySet", 1)


def _store(row: dict[str, Any]) -> StoreRegistered:
    values = json.loads(row["payload"])
    days = StoreDays(time_zone=values["time_zone"], day_cut_off=values["day_cut_off"])
    return StoreRegistered(store_id=row["store_id"], days=days, commit_seq=row["commit_seq"])
