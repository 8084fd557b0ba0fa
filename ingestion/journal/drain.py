"""The journal into the lake: its positions are the offsets, so each event comes once.

Holds `drain`. Decides nothing and changes no state. Called by the command line and after commands.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from audit.canonical import EVENT_SCHEMA
from ingestion import contracts
from ingestion.journal import rows
from ingestion.journal.journal import Journal
from ingestion.journal.records import PARTITION, SOURCE, JournalEvent
from ingestion.lake import Batch, Lake, OffsetRange, as_rejects

BATCH_EVENTS = 50_000
"""Most events of one commit: 0.3 s and 60 MB; more gain nothing."""


@dataclass(frozen=True, kw_only=True)
class Drained:
    """What came into the lake in this run. `quarantined` events broke their contract there:
    the states know them, the figures do not."""

    events: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    first_commit: int | None = None
    last_commit: int | None = None
    drained_to: int = 0


def drain(
    journal: Journal,
    lake: Lake,
    *,
    registry: contracts.Registry,
    latest_event_us: int,
    batch_events: int = BATCH_EVENTS,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Drained:
    """Bring what the lake has not yet into it; when this returns, it is durable there.

    Killed anywhere, the next run goes on behind what the lake has. `latest_event_us`: no event may
    lie after it. IncorrectInput when the journal is not that of this lake.
    """
    head = lake.refresh()
    at = lake.next_offset(SOURCE, PARTITION)
    journal.bind(head.lake_id, at)
    if journal.drained_to() < at:  # killed between the lake's commit and the mark
        journal.drained(at)
    done, total = Drained(drained_to=at), journal.next_position() - at
    while events := journal.pending(at, batch_events):
        journal.step("read")
        batch = as_batch(events, registry, latest_event_us=latest_event_us)
        result = lake.append(batch)
        journal.step("in_lake")
        at = events[-1].position + 1
        journal.drained(at)
        journal.step("marked")
        done = replace(
            done,
            events=done.events + (len(events) if result.seq is not None else 0),
            accepted=done.accepted + result.accepted,
            duplicate=done.duplicate + result.duplicate,
            quarantined=done.quarantined + result.quarantined,
            first_commit=done.first_commit if done.first_commit is not None else result.seq,
            last_commit=result.seq if result.seq is not None else done.last_commit,
            drained_to=at,
        )
        progress(done.events, total)
    return done


def as_batch(
    events: Sequence[JournalEvent], registry: contracts.Registry, *, latest_event_us: int
) -> Batch:
    """Events of the journal as a batch: what breaks its contract goes to quarantine, as ever."""
    frame = rows.as_frame(events)
    checked = contracts.check(
        frame.drop("family"),
        registry,
        conversions=[contracts.CHOKE_POINT],
        latest_event_time=pl.lit(latest_event_us, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
    )
    rejects = frame[checked.rejects["row"]].with_columns(
        checked.rejects["reason"], checked.rejects["detail"], raw=pl.col("payload").cast(pl.Binary)
    )
    offsets = OffsetRange(events[0].position, events[-1].position + 1)
    return Batch(
        checked.accepted.select(EVENT_SCHEMA.names()),
        as_rejects(rejects),
        {(SOURCE, PARTITION): offsets},
    )
