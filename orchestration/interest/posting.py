"""Posting interest: many events of one run into the lake, each once, however often it breaks off.

Holds the rows' form and the commits. The run's own source partition counts its rows, so that the
lake itself knows how far a broken run came. Called by `accrue` and `apply`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from audit.canonical import EVENT_SCHEMA
from ingestion import contracts
from ingestion.lake import Batch, Lake, OffsetRange
from ledger.calendar import Period
from ledger.errors import InternalFault
from orchestration.close.signing import When
from orchestration.home import Home
from orchestration.interest.balances import posted_at_us
from orchestration.interest.posted import SOURCE, correlation

CHUNK_ROWS = 50_000
"""Rows of one commit: about a second, so that progress is seen and a broken run loses little."""

Progress = Callable[[int, int], None]
Step = Callable[[str], None]
"""Told each step that is done, the lake's own among them; tests end the process there."""


@dataclass(frozen=True, kw_only=True)
class Posting:
    """Rows to post: event_id, account_id, currency, amount, payload, in one fixed order."""

    run_id: str
    event_type: str
    period: Period
    rows: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class Done:
    """What one call posted. `before`: rows that the lake had from a run that broke off."""

    posted: int
    before: int
    first_commit: int | None
    last_commit: int | None


def post(lake: Lake, posting: Posting, *, when: When, progress: Progress) -> Done:
    """Commit the rows the lake does not have yet, chunk by chunk."""
    total = posting.rows.height
    start = before = min(lake.next_offset(SOURCE, posting.run_id), total)
    posted, commits = 0, list[int]()
    progress(start, total)
    while start < total:
        stop = min(start + CHUNK_ROWS, total)
        batch = _batch(posting, start, stop)
        at_us = max(when.now_us, lake.head.ingest_time_us + 1) if when.historical else None
        result = lake.append(batch, ingest_time_us=at_us)
        if result.quarantined:
            raise _taken(posting, result.quarantined)
        posted += result.accepted
        commits += [] if result.seq is None else [result.seq]
        start = stop
        progress(start, total)
    return Done(
        posted=posted,
        before=before,
        first_commit=commits[0] if commits else None,
        last_commit=commits[-1] if commits else None,
    )


def open_lake(home: Home, step: Step) -> Lake:
    """The home's lake, for writing, its steps told."""
    return Lake.open(home.lake, home.index, tenant_id=home.tenant, step=step)


def _batch(posting: Posting, start: int, stop: int) -> Batch:
    rows = posting.rows[start:stop]
    instant = pl.lit(posted_at_us(posting.period)).cast(pl.Datetime("us", "UTC"))
    given: dict[str, object] = dict.fromkeys(EVENT_SCHEMA.names())
    given |= {
        "event_type": posting.event_type,
        "schema_version": 1,
        "source": SOURCE,
        "source_partition": posting.run_id,
        "correlation_id": correlation(posting.period),
    }
    for name in rows.columns:
        del given[name]
    filled = rows.with_columns(
        *(pl.lit(value).cast(EVENT_SCHEMA[name]).alias(name) for name, value in given.items()),
    ).with_columns(
        event_time=instant,
        source_offset=pl.int_range(start, stop, dtype=pl.Int64),
    )
    checked = contracts.check(filled, contracts.load(), latest_event_time=instant)
    if checked.rejects.height:
        raise InternalFault(
            "interest_must_obey_its_contract",
            thing=f"{posting.event_type} of run {posting.run_id}",
            expected="rows that obey it",
            found=str(checked.rejects.row(0, named=True)),
        )
    events = checked.accepted.select(EVENT_SCHEMA.names())
    return Batch(events=events, offsets={(SOURCE, posting.run_id): OffsetRange(start, stop)})


def _taken(posting: Posting, count: int) -> InternalFault:
    return InternalFault(
        "event_id_must_not_be_reused_with_other_content",
        thing=f"{count} {posting.event_type} of run {posting.run_id}",
        expected="ids the lake does not have, or has with the same content",
        found="other content under the same ids, now in quarantine",
        remedy="Another run posted for the same period. Look at it: ledgerlake replay interest.",
    )
