"""Parquet files of a lake against the commit that names them: bytes, columns, every row.

Holds the streaming checks of one segment or quarantine file; a file is hashed in pieces and
decoded a chunk of rows at a time, so memory does not follow its size. Does not know the commits
around it (`audit.commit_chain`). Called by `verify_lake`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from audit.canonical import CANONICAL, CHUNK_ROWS, SEGMENT_SCHEMA
from audit.commit_file import CommitFile, QuarantineEntry, SegmentEntry
from audit.findings import RESTORE, broken

QUARANTINE_SCHEMA: Final = pl.Schema(
    [
        ("commit_seq", pl.Int64),
        ("ingest_time", pl.Datetime("us", "UTC")),
        ("source", pl.String),
        ("source_partition", pl.String),
        ("source_offset", pl.Int64),
        ("event_type", pl.String),
        ("event_id", pl.String),
        ("reason", pl.String),
        ("detail", pl.String),
        ("raw", pl.Binary),
        ("existing_sha256", pl.String),
        ("received_sha256", pl.String),
    ]
)
REQUIRED_IN_QUARANTINE: Final = (
    "commit_seq",
    "ingest_time",
    "source",
    "source_partition",
    "source_offset",
    "reason",
    "detail",
)
REQUIRED_IN_SEGMENT: Final = tuple(
    c.name for c in CANONICAL if not c.nullable and c.name != "family"
)
_READ_BYTES: Final = 1 << 20

Accepted = Counter[tuple[str, str]]
Quarantined = Counter[tuple[str, str | None, str]]


def require_file(lake_dir: Path, path: str, sha256: str, *, commit: int) -> int:
    """The file is there and holds the bytes the commit names. Returns its size in bytes."""
    file = lake_dir / path
    try:
        digest, size = _hash_file(file)
    except OSError as error:
        raise broken(
            "file_must_exist_and_be_readable",
            commit=commit,
            segment=path,
            expected="a readable file",
            found=f"{type(error).__name__}: {error.strerror}",
            what_to_do=RESTORE,
        ) from error
    if digest != sha256:
        raise broken(
            "file_must_hash_to_its_name",
            commit=commit,
            segment=path,
            expected=f"SHA-256 {sha256}",
            found=f"{digest} over {size} bytes",
            what_to_do=RESTORE,
        )
    return size


def _hash_file(file: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with file.open("rb", buffering=0) as handle:
        while piece := handle.read(_READ_BYTES):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size


class SegmentCheck:
    """Checks the rows of one segment chunk by chunk; `Broken` names the first bad row."""

    def __init__(self, commit: CommitFile, segment: SegmentEntry, tenant_id: str | None) -> None:
        self._commit = commit
        self._segment = segment
        self._accepted: Accepted = Counter()
        self._rows = 0
        self._times: list[int] = []
        self.tenant_id = tenant_id

    @property
    def accepted(self) -> Accepted:
        """Rows seen per (source, event_type)."""
        return self._accepted

    def chunks(self, lake_dir: Path) -> Iterator[pl.DataFrame]:
        """All rows with `family` beside them, checked, at most CHUNK_ROWS at a time."""
        place = (self._commit.seq, self._segment.path)
        for chunk in _chunks(lake_dir / self._segment.path, SEGMENT_SCHEMA, *place):
            self._check(chunk)
            self._rows += chunk.height
            yield chunk.with_columns(family=pl.lit(self._segment.family))
        self._require_totals()

    def _check(self, chunk: pl.DataFrame) -> None:
        _require_no_nulls(chunk, REQUIRED_IN_SEGMENT, self._commit.seq, self._segment.path)
        if self.tenant_id is None:
            self.tenant_id = chunk["tenant_id"][0]
        first = self._segment.first_row_index + self._rows
        _require_columns(
            chunk,
            {
                "tenant_id": self.tenant_id,
                "row_index": np.arange(first, first + chunk.height, dtype=np.int64),
                "commit_seq": self._commit.seq,
                "ingest_time": self._commit.ingest_time_us,
            },
            commit=self._commit.seq,
            path=self._segment.path,
            first_row=first,
        )
        times = chunk["event_time"].to_physical().to_numpy()
        self._times += [int(times.min()), int(times.max())]
        self._count(chunk)

    def _count(self, chunk: pl.DataFrame) -> None:
        for source, partition, event_type, rows, low, high in _spans(chunk, "event_type"):
            self._accepted[source, event_type] += rows
            _require_span(self._commit, self._segment.path, (source, partition), low, high)

    def _require_totals(self) -> None:
        segment = self._segment
        if self._rows != segment.rows:
            found: tuple[object, object] = (f"{segment.rows} rows", f"{self._rows} rows")
        elif (min(self._times), max(self._times)) != (
            segment.min_event_time_us,
            segment.max_event_time_us,
        ):
            found = (
                f"event times {segment.min_event_time_us} to {segment.max_event_time_us}",
                f"{min(self._times)} to {max(self._times)}",
            )
        else:
            return
        raise broken(
            "segment_must_hold_what_its_commit_says",
            commit=self._commit.seq,
            segment=segment.path,
            expected=found[0],
            found=found[1],
        )


def check_quarantine(lake_dir: Path, commit: CommitFile, entry: QuarantineEntry) -> Quarantined:
    """Rows per (source, event_type, reason). `raw` is covered by the file's hash, not decoded.

    A problem's `row` is the position in this file: quarantined rows have no `row_index`.
    """
    counted: Quarantined = Counter()
    rows = 0
    place = (commit.seq, entry.path)
    for chunk in _chunks(lake_dir / entry.path, QUARANTINE_SCHEMA, *place, leave_out="raw"):
        _require_no_nulls(chunk, REQUIRED_IN_QUARANTINE, *place)
        said = {"commit_seq": commit.seq, "ingest_time": commit.ingest_time_us}
        _require_columns(chunk, said, commit=commit.seq, path=entry.path, first_row=rows)
        for source, partition, event_type, reason, n, low, high in _spans(
            chunk, "event_type", "reason"
        ):
            counted[source, event_type, reason] += n
            _require_span(commit, entry.path, (source, partition), low, high)
        rows += chunk.height
    if rows != entry.rows:
        raise broken(
            "segment_must_hold_what_its_commit_says",
            commit=commit.seq,
            segment=entry.path,
            expected=f"{entry.rows} rows",
            found=f"{rows} rows",
        )
    return counted


def id_hashes(chunk: pl.DataFrame) -> NDArray[np.uint64]:
    """64 bits of each `event_id`: equal ids give equal hashes, within one process."""
    return chunk["event_id"].hash().to_numpy()


def read_event_id(lake_dir: Path, path: str, position: int) -> str:
    """The `event_id` of one row of a segment that was checked before."""
    scan = _scan(lake_dir / path).slice(position, 1).select("event_id")
    return str(scan.collect().item())


def _spans(chunk: pl.DataFrame, *names: str) -> Iterator[tuple[Any, ...]]:
    """Rows, lowest and highest offset per source, partition and `names`."""
    offset = pl.col("source_offset")
    grouped = chunk.group_by("source", "source_partition", *names).agg(
        rows=pl.len(), low=offset.min(), high=offset.max()
    )
    return grouped.iter_rows()


def _require_span(
    commit: CommitFile, path: str, source: tuple[str, str], low: int, high: int
) -> None:
    span = commit.offsets.get(source)
    if span is None or low < span[0] or high >= span[1]:
        raise broken(
            "row_offsets_must_lie_in_the_commits_offsets",
            commit=commit.seq,
            segment=path,
            expected=f"source {source[0]!r}, partition {source[1]!r}: offsets in {span}",
            found=f"{low} to {high}",
        )


def _require_columns(
    chunk: pl.DataFrame,
    expected: Mapping[str, str | int | NDArray[np.int64] | None],
    *,
    commit: int,
    path: str,
    first_row: int,
) -> None:
    """Every row has the expected value of each column, or its own one of an array."""
    for name, value in expected.items():
        column = chunk[name].to_physical()
        right = column == value if isinstance(value, str) else column.to_numpy() == value
        if not right.all():
            at = int(np.argmin(np.asarray(right)))
            raise broken(
                "row_must_carry_what_its_commit_says",
                commit=commit,
                segment=path,
                row=first_row + at,
                expected=f"{name} {value[at] if isinstance(value, np.ndarray) else value}",
                found=column[at],
            )


def _require_no_nulls(chunk: pl.DataFrame, names: tuple[str, ...], commit: int, path: str) -> None:
    for name in names:
        if chunk[name].null_count():
            raise broken(
                "required_column_must_have_no_null",
                commit=commit,
                segment=path,
                expected=f"{name} in every row",
                found=f"{chunk[name].null_count()} nulls",
            )


def _scan(file: Path) -> pl.LazyFrame:
    return pl.scan_parquet(file, glob=False, hive_partitioning=False)


def _chunks(
    file: Path, schema: pl.Schema, commit: int, path: str, *, leave_out: str = ""
) -> Iterator[pl.DataFrame]:
    """Rows of a Parquet file, CHUNK_ROWS at a time; its columns must be `schema`, in order."""
    wanted = [name for name in schema if name != leave_out]
    at, full = 0, True
    while full:
        try:
            scan = _scan(file)
            if at == 0:
                _require_schema(scan.collect_schema(), schema, commit, path)
            chunk = scan.select(wanted).slice(at, CHUNK_ROWS).collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise broken(
                "file_must_be_parquet",
                commit=commit,
                segment=path,
                expected="a Parquet file",
                found=f"{type(error).__name__}: {error}",
            ) from error
        full = chunk.height == CHUNK_ROWS
        at += chunk.height
        if chunk.height:
            yield chunk


def _require_schema(found: pl.Schema, expected: pl.Schema, commit: int, path: str) -> None:
    if list(found.items()) != list(expected.items()):
        raise broken(
            "file_must_have_the_columns_of_the_format",
            commit=commit,
            segment=path,
            expected=dict(expected),
            found=dict(found),
        )
