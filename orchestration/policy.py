"""The lateness policy: what the lake says, what the settings say, and recording a change.

Does not route events (dbt does, as known at each commit). Called by `init` and `doctor`.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from audit.canonical import EVENT_SCHEMA
from ingestion.control.books import newest_control_segments
from ingestion.lake import Batch, Lake, OffsetRange
from ingestion.lake.store import LocalStore
from ledger.instants import from_us
from orchestration.settings import Lateness

EVENT_TYPE = "LatenessPolicySet"
SOURCE = "ledgerlake-settings"
PARTITION = "lateness"

_SCOPE = ("source", "period_id", "effective_from")
"""A policy with one of these is for some events only (`ledgerlake policy set`); the settings give
the one for all."""


@dataclass(frozen=True)
class RecordedPolicy:
    """A policy as an event of the lake holds it."""

    max_delay_days: int
    initial_grace_hours: int
    commit_seq: int

    def equals(self, settings: Lateness) -> bool:
        ours = (self.max_delay_days, self.initial_grace_hours)
        return ours == (settings.max_delay_days, settings.initial_grace_hours)


def newest_recorded(lake_dir: Path) -> RecordedPolicy | None:
    """The policy in force, None if none was ever recorded. Reads control segments, newest first."""
    for seq, path in newest_control_segments(LocalStore(lake_dir)):
        policy = _last_policy(lake_dir / path, seq)
        if policy:
            return policy
    return None


def record(lake: Lake, policy: Lateness, *, now_us: int, historical: bool) -> int | None:
    """Commit `policy` as the one in force from here on. Returns the commit's number."""
    offset = lake.next_offset(SOURCE, PARTITION)
    batch = Batch(
        events=_event(policy, offset=offset, now_us=now_us),
        offsets={(SOURCE, PARTITION): OffsetRange(offset, offset + 1)},
    )
    return lake.append(batch, ingest_time_us=now_us if historical else None).seq


def _last_policy(segment: Path, seq: int) -> RecordedPolicy | None:
    payloads = (
        pl.scan_parquet(segment, hive_partitioning=False)
        .filter(pl.col("event_type") == EVENT_TYPE)
        .sort("row_index")
        .select("payload")
        .collect()
    )
    known = (json.loads(text) for text in payloads["payload"])
    general = [one for one in known if not any(one.get(name) for name in _SCOPE)]
    if not general:
        return None
    values = general[-1]
    return RecordedPolicy(int(values["max_delay_days"]), int(values["initial_grace_hours"]), seq)


def _event(policy: Lateness, *, offset: int, now_us: int) -> pl.DataFrame:
    values = {
        "max_delay_days": policy.max_delay_days,
        "initial_grace_hours": policy.initial_grace_hours,
    }
    row: dict[str, object] = dict.fromkeys(EVENT_SCHEMA.names())
    row |= {
        "family": "control",
        "event_id": f"lateness-policy-{offset}",
        "event_type": EVENT_TYPE,
        "schema_version": 1,
        "stream_id": "policy/lateness",
        "stream_version": offset + 1,
        "event_time": from_us(now_us),
        "source": SOURCE,
        "source_partition": PARTITION,
        "source_offset": offset,
        "payload": json.dumps(values, sort_keys=True, separators=(",", ":")),
    }
    return pl.DataFrame([row], schema=EVENT_SCHEMA)
