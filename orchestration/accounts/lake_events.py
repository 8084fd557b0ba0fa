"""The events of single accounts, read from the lake's segments.

Holds `AccountLake`, which keeps the list of segments and follows the log. Folds nothing. Called by
`past` and by histories.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from audit.canonical import DECIMAL_SCALE
from ingestion.account_codec import ACCOUNT_CODEC, KINDS, UNKNOWN_CURRENCY, event_of
from ingestion.contracts.lookups import frame_as_newest
from ingestion.lake import Segment
from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from ledger.accounts import SIGNS, AccountEvent, Moved

_MOVES = {kind.__name__: kind for kind in SIGNS}
COLUMNS = (
    *("account_id", "event_type", "event_time", "currency", "amount", "payload"),
    *("ingest_time", "event_id", "source", "schema_version", "commit_seq"),
)
END = 253_402_300_799_999_999
"""The last instant of year 9999: after every event, and every commit."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Events at or before `valid_us`, of commits up to `commit`; but those before `from_us` of
    commits up to `from_commit`, which a snapshot has."""

    valid_us: int
    commit: int
    from_us: int = -(2**63)
    from_commit: int = -1


@dataclass(frozen=True, kw_only=True)
class Summed:
    """The events of a span: those that only move the balance as sums, the others one by one."""

    events: list[AccountEvent] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.events) + sum(one.events for one in self.moved)


@dataclass
class AccountLake:
    """One lake's account segments. `refresh` before asking; it costs what is new."""

    folder: Path
    seq: int = -1
    _segments: list[tuple[int, Segment]] = field(default_factory=list)
    _known: list[int] = field(default_factory=list)

    def refresh(self) -> None:
        """Read the commits that came since."""
        for logged in CommitLog(LocalStore(self.folder)).after(self.seq):
            commit = logged.commit
            self.seq = commit.seq
            self._known.append(commit.ingest_time_us)
            family = ACCOUNT_CODEC.family
            self._segments += [(commit.seq, s) for s in commit.segments if s.family == family]

    def commit_known(self, known_us: int) -> int:
        """The newest commit that was known then, itself included; -1 before the first."""
        low, high = 0, len(self._known)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._known[middle] <= known_us else (low, middle)
        return low - 1

    def summed(self, account_id: str, span: Span) -> Summed:
        """The account's events of the span, as much of them summed as an account can take so."""
        found = self._newest(pl.col("account_id") == account_id, span)
        if found is None:
            return Summed()
        others = found.filter(_is_one_of(KINDS.keys() - _MOVES.keys()))
        return Summed(events=_events(others), moved=list(_sums(found)))

    def events_of(
        self, account_ids: Collection[str], span: Span
    ) -> Mapping[str, Sequence[AccountEvent]]:
        """Events by account, of several accounts in one pass over the segments."""
        events: dict[str, list[AccountEvent]] = {one: [] for one in account_ids}
        found = self._newest(pl.col("account_id").is_in(sorted(account_ids)), span)
        for one in [] if found is None else _events(found):
            events[one.account_id].append(one)
        return events

    def rows(self, account_id: str) -> Sequence[Mapping[str, Any]]:
        """All rows of the account with where they come from, in the lake's order."""
        found = self._wanted(pl.col("account_id") == account_id, Span(valid_us=END, commit=END))
        if found is None:
            return []
        known = found.filter(pl.col("event_type").is_in(sorted(KINDS))).sort("row_index")
        newest = frame_as_newest(self.folder, known.select(COLUMNS).collect())
        return newest.to_dicts()

    def _newest(self, wanted: pl.Expr, span: Span) -> pl.DataFrame | None:
        """What is folded, in any order. Amounts come as the whole numbers they are stored as:
        making a Decimal of one takes Polars ten times as long as Python."""
        found = self._wanted(wanted, span)
        if found is None:
            return None
        columns = found.select(
            "event_type",
            "account_id",
            pl.col("event_time").dt.epoch("us"),
            "currency",
            pl.col("amount").to_physical().cast(pl.Int64),
            "payload",
            "schema_version",
            "commit_seq",
        )
        return frame_as_newest(self.folder, columns.collect())

    def _wanted(self, wanted: pl.Expr, span: Span) -> pl.LazyFrame | None:
        paths = [
            self.folder / one.path
            for seq, one in self._segments
            if seq <= span.commit
            and one.min_event_time_us <= span.valid_us
            and (one.max_event_time_us >= span.from_us or seq > span.from_commit)
        ]
        if not paths:
            return None
        at = pl.col("event_time")
        wanted &= at <= _instant(span.valid_us)
        if span.from_commit >= 0:
            wanted &= (at >= _instant(span.from_us)) | (pl.col("commit_seq") > span.from_commit)
        return pl.scan_parquet(paths, hive_partitioning=False).filter(wanted)


def _events(rows: pl.DataFrame) -> list[AccountEvent]:
    return [
        event_of(
            event_type,
            account_id,
            at_us,
            currency=currency,
            amount=None if unscaled is None else Decimal(unscaled).scaleb(-DECIMAL_SCALE),
            payload=payload,
        )
        for event_type, account_id, at_us, currency, unscaled, payload, *_ in rows.rows()
        if event_type in KINDS
    ]


def _sums(rows: pl.DataFrame) -> Iterator[Moved]:
    """One per type that only moves, and currency. A sum is wider than an amount, so that it holds
    any number of them."""
    by_kind = rows.group_by("event_type", "currency").agg(
        pl.col("amount").cast(pl.Int128).sum(), pl.len().alias("events")
    )
    for event_type, currency, unscaled, events in by_kind.rows():
        if event_type in _MOVES:
            yield Moved(
                kind=_MOVES[event_type],
                currency=currency or UNKNOWN_CURRENCY,
                amount=Decimal(unscaled).scaleb(-DECIMAL_SCALE),
                events=events,
            )


def _is_one_of(event_types: Collection[str]) -> pl.Expr:
    """`is_in` takes Polars 3 ms to set up."""
    return pl.any_horizontal(pl.col("event_type") == one for one in sorted(event_types))


def _instant(at_us: int) -> pl.Expr:
    return pl.lit(min(at_us, END), dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
