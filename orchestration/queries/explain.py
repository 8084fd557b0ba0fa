"""Why a store's day is what it is: now, as first reported, every correction, its events.

Figures and corrections come from the edition, event ids from the lake's segments of the commits
named. Called by `ledgerlake explain sales`.
"""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from ledger.control_events import LateEventDecided
from orchestration.home import Home
from orchestration.queries.edition_reader import EditionRead, EditionReader, open_edition

_FIGURES = """
select currency, sum(amount) as amount, sum(quantity) as quantity,
    sum(event_count)::bigint as event_count, sum(reported_amount) as reported_amount,
    sum(correction_amount) as correction_amount, sum(correction_count)::bigint as correction_count,
    min(first_known_from) as first_known_from, max(known_from) as known_from
from daily_sales where store_id = $store and business_date = $day group by currency order by 1
"""
_CORRECTIONS = """
select commit_seq, known_from, currency, reason, max(lateness_days) as lateness_days,
    count(*) as cells, sum(amount_delta) as amount_delta, sum(quantity_delta) as quantity_delta,
    sum(event_count_delta)::bigint as event_count_delta
from sales_corrections where store_id = $store and business_date = $day
group by all order by commit_seq, currency
"""
_EXCEPTIONS = """
select event_id, event_type, ingest_time, lateness_days, currency, amount, status
from late_event_exceptions where store_id = $store and business_date = $day order by row_index
"""
_DECIDED = """
select event_id, event_type, event_time, category, channel, amount
from late_event_exceptions
where store_id = $store and business_date = $day and coalesce(currency, '(none)') = $currency
    and event_id in (select unnest($event_ids::varchar[]))
order by row_index limit $most
"""
_EVENT_COLUMNS = ("event_id", "event_type", "event_time", "category", "channel", "amount")

_BOUNDS = """
with registration as (
    select payload ->> '$.time_zone' as time_zone, payload ->> '$.day_cut_off' as day_cut_off
    from staging.stg_control__events
    where event_type = 'StoreRegistered' and store_id = $store and commit_seq <= $commit_seq
    order by commit_seq desc, row_index desc limit 1
)
select timezone(time_zone, $day::date + day_cut_off::time) as day_start,
    timezone(time_zone, $day::date + 1 + day_cut_off::time) as day_end
from registration
"""


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A store's day. `amount` per currency = reported + the corrections' deltas."""

    edition: EditionRead
    store: str
    business_date: date
    figures: list[dict[str, Any]]
    corrections: list[dict[str, Any]]
    exceptions: list[dict[str, Any]]


@dataclass(frozen=True)
class _Day:
    """One store's business date, asked of one edition."""

    home: Home
    reader: EditionReader
    store: str
    day: date

    def rows(self, query: str, **more: object) -> list[dict[str, Any]]:
        return self.reader.rows(query, {"store": self.store, "day": self.day, **more})

    def events(self, correction: dict[str, Any], most: int | None) -> list[dict[str, Any]]:
        """The events of this day that a correction's commit brought or decided, oldest first."""
        commit_seq = int(correction["commit_seq"])
        segments = self._segments(commit_seq, "sales")
        if not segments:
            decided = self._decided(commit_seq)
            currency = correction["currency"]
            return self.rows(_DECIDED, event_ids=decided, currency=currency, most=most)
        start, stop = self._bounds(commit_seq)
        found = (
            pl.scan_parquet(segments, hive_partitioning=False)
            .filter(
                pl.col("store_id") == self.store,
                pl.col("event_time") >= start,
                pl.col("event_time") < stop,
                pl.col("currency").fill_null("(none)") == correction["currency"],
            )
            .sort("row_index")
            .select(_EVENT_COLUMNS)
            .slice(0, most)
            .collect()
        )
        return found.to_dicts()

    def _decided(self, commit_seq: int) -> list[str]:
        """Ids of the late events that two people decided in a commit."""
        rows = pl.read_parquet(self._segments(commit_seq, "control"), hive_partitioning=False)
        decisions = rows.filter(pl.col("event_type") == LateEventDecided.__name__)
        return [str(json.loads(one)["event_id"]) for one in decisions["payload"]]

    def _segments(self, commit_seq: int, family: str) -> list[Path]:
        commit = CommitLog(LocalStore(self.home.lake)).read(commit_seq).commit
        return [self.home.lake / one.path for one in commit.segments if one.family == family]

    def _bounds(self, commit_seq: int) -> tuple[datetime, datetime]:
        """First instant of the business day and of the next, as known at the commit."""
        rows = self.rows(_BOUNDS, commit_seq=commit_seq)
        if rows:
            return rows[0]["day_start"], rows[0]["day_end"]
        start = datetime.combine(self.day, time(), UTC)
        return start, start + timedelta(days=1)


def explain_sales(home: Home, *, store: str, day: date, events_each: int | None) -> Explained:
    """The whole story of a store's day. `events_each`: most events per correction, None for all."""
    with open_edition(home) as reader:
        asked = _Day(home, reader, store, day)
        return Explained(
            edition=reader.edition,
            store=store,
            business_date=day,
            figures=asked.rows(_FIGURES),
            corrections=[
                {**one, "events": asked.events(one, events_each)}
                for one in asked.rows(_CORRECTIONS)
            ],
            exceptions=asked.rows(_EXCEPTIONS),
        )
