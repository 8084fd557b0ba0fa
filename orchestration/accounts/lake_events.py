"""The events of single accounts, read from the lake's segments.

Holds `AccountLake`, which keeps the list of segments and follows the log. Folds nothing. Called by
`past` and by histories.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.account_codec import ACCOUNT_CODEC
from ingestion.lake import Segment
from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore

COLUMNS = (
    *("account_id", "event_type", "event_time", "currency", "amount", "payload"),
    *("commit_seq", "row_index", "ingest_time", "event_id", "schema_version", "stream_version"),
    *("source", "correlation_id", "causation_id"),
)


@dataclass(frozen=True, kw_only=True)
class Span:
    """Events at or before `valid_us`, of commits up to `commit`; but those before `from_us` of
    commits up to `from_commit`, which a snapshot has."""

    valid_us: int
    commit: int
    from_us: int = -(2**63)
    from_commit: int = -1


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

    def rows(self, account_id: str, span: Span) -> Sequence[Mapping[str, Any]]:
        """The account's rows of the span, in the lake's order."""
        return self._read(pl.col("account_id") == account_id, span)

    def rows_of(
        self, account_ids: Collection[str], span: Span
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """As `rows`, of several accounts in one pass over the segments."""
        found: dict[str, list[Mapping[str, Any]]] = {one: [] for one in account_ids}
        for row in self._read(pl.col("account_id").is_in(sorted(account_ids)), span):
            found[row["account_id"]].append(row)
        return found

    def _read(self, wanted: pl.Expr, span: Span) -> Sequence[Mapping[str, Any]]:
        paths = [
            self.folder / one.path
            for seq, one in self._segments
            if seq <= span.commit
            and one.min_event_time_us <= span.valid_us
            and (one.max_event_time_us >= span.from_us or seq > span.from_commit)
        ]
        if not paths:
            return []
        at = pl.col("event_time").dt.epoch("us")
        found = (
            pl.scan_parquet(paths, hive_partitioning=False)
            .filter(
                wanted
                & pl.col("event_type").is_in(sorted(ACCOUNT_CODEC.event_types))
                & (at <= span.valid_us)
                & ((at >= span.from_us) | (pl.col("commit_seq") > span.from_commit))
            )
            .select(COLUMNS)
            .sort("row_index")
        )
        return found.collect().to_dicts()
