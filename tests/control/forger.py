"""A forger with write access to the lake's folder: commits well-hashed events past the choke point.

Holds `Forger`. Called by the tests of the re-check. Not a test itself.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import polars as pl

from ingestion.control import rows
from ingestion.lake import Batch, Lake, OffsetRange
from ledger import control_events as ev


class Forger(Lake):
    """The lake's own writer with its gate taken out."""

    def _require_allowed(self, rows: pl.DataFrame) -> None:
        """Let everything in."""


def forge(
    lake_dir: Path,
    index: Path,
    *events: ev.ControlEvent,
    source: str = ev.SOURCE,
    instead: Mapping[str, pl.Expr] = MappingProxyType({}),
) -> int:
    """Commit events past the choke point, with other columns `instead`; the lake's own proofs hold
    afterwards."""
    lake = Forger.open(lake_dir, index, now=lambda: 0)  # a moment after the lake's own clock
    offset = lake.next_offset(source, ev.PARTITION)
    frame = rows.as_events(
        events,
        event_id=lambda event, _version: f"forged/{event.event_type}/{offset}",
        stream_version=lambda event: lake.books().stream_versions.get(event.stream_id, 0) + 1,
        first_offset=offset,
        at_us=lake.head.ingest_time_us,
    )
    offsets = {(source, ev.PARTITION): OffsetRange(offset, offset + len(events))}
    batch = Batch(events=frame.with_columns(source=pl.lit(source), **instead), offsets=offsets)
    # Not by `append`, which would set rows of another source aside.
    seq = lake.append_made(lambda: batch, given=batch.rows).seq
    assert seq is not None
    return seq
