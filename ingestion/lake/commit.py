"""A commit: its facts as data, and its bytes as a Delta log entry.

Holds the `Commit` record, writing it as canonical JSON and reading it back.
Does not touch files. Called by the writer and the log. Format: docs/lake-format.md.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from audit import seal
from ingestion.lake import layout
from ledger.errors import InternalFault


class OffsetRange(NamedTuple):
    """Source offsets [start, stop) of one source partition."""

    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One Parquet file of one family, as its commit names it. Times in microseconds UTC."""

    family: str
    path: str
    sha256: str
    rows: int
    size: int
    first_row_index: int
    min_event_time_us: int
    max_event_time_us: int


@dataclass(frozen=True, kw_only=True)
class QuarantineFile:
    """The quarantined rows of one commit."""

    path: str
    sha256: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How many rows of one source and type ended how. `reason` is set for quarantined rows."""

    source: str
    event_type: str | None
    outcome: str
    reason: str | None
    rows: int


@dataclass(frozen=True, kw_only=True)
class Commit:
    """The facts of commit `seq`. `tree_size` and `tree_root` hold after it."""

    lake_id: str
    seq: int
    previous_sha256: str | None
    commit_id: str
    ingest_time_us: int
    historical_import: bool
    tree_size: int
    tree_root: str
    segments: tuple[Segment, ...] = ()
    quarantine: QuarantineFile | None = None
    sources: dict[tuple[str, str], OffsetRange] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()

    def count(self, outcome: str) -> int:
        return sum(one.rows for one in self.outcomes if one.outcome == outcome)

    @property
    def received(self) -> int:
        return sum(one.rows for one in self.outcomes)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_json(value: object) -> str:
    """Sorted keys, no spaces, text as UTF-8: one value has one form. Floats do not occur."""
    return _ENCODER.encode(value)


def to_bytes(commit: Commit) -> bytes:
    """The content of `_delta_log/<seq>.json`: one action a line."""
    actions: list[dict[str, Any]] = [{"commitInfo": _commit_info(commit)}]
    if commit.seq == 0:
        actions += _creation(commit)
    actions += [{"add": _add(commit, segment)} for segment in commit.segments]
    return seal.sealed("".join(canonical_json(action) + "\n" for action in actions).encode())


def from_bytes(data: bytes, *, name: str) -> Commit:
    """Read a commit back. InternalFault names the file when its content is not a commit."""
    _require_seal(data, name)
    try:
        actions = [json.loads(line) for line in data.splitlines()]
        lake = next(a["commitInfo"]["lake"] for a in actions if "commitInfo" in a)
        sizes = {a["add"]["path"]: a["add"]["size"] for a in actions if "add" in a}
        return _from_lake(lake, sizes)
    except (ValueError, KeyError, TypeError, StopIteration, AttributeError) as error:
        raise InternalFault(
            "commit_must_be_readable",
            thing=f"commit file {name}",
            expected="a commit of the lake format",
            found=f"{type(error).__name__}: {error}",
            remedy="Run `ledgerlake verify`, then restore the file from a copy.",
        ) from error


def _require_seal(data: bytes, name: str) -> None:
    written, computed = seal.seal_written(data), seal.seal_computed(data)
    if written != computed:
        raise InternalFault(
            "commit_must_hash_to_its_own_seal",
            thing=f"commit file {name}",
            expected=f"{seal.SEAL_FIELD} {computed}",
            found=str(written),
            remedy="The file was damaged. Run `ledgerlake verify`, then restore it from a copy.",
        )


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _commit_info(commit: Commit) -> dict[str, Any]:
    return {
        "timestamp": commit.ingest_time_us // 1000,
        "operation": "WRITE" if commit.seq else "CREATE TABLE",
        "isBlindAppend": True,
        "lake": {
            "format_version": layout.FORMAT_VERSION,
            "lake_id": commit.lake_id,
            "seq": commit.seq,
            "previous_sha256": commit.previous_sha256,
            "commit_id": commit.commit_id,
            "ingest_time_us": commit.ingest_time_us,
            "historical_import": commit.historical_import,
            "tree_size": commit.tree_size,
            "tree_root": commit.tree_root,
            "segments": [_segment(one) for one in commit.segments],
            "quarantine": vars(commit.quarantine) if commit.quarantine else None,
            "sources": _sources(commit),
            "counts": {
                "received": commit.received,
                "accepted": commit.count("accepted"),
                "duplicate": commit.count("duplicate"),
                "quarantined": commit.count("quarantined"),
            },
            "outcomes": [vars(one) for one in commit.outcomes],
            seal.SEAL_FIELD: seal.BLANK_SEAL,
        },
    }


def _segment(segment: Segment) -> dict[str, Any]:
    return {name: value for name, value in vars(segment).items() if name != "size"}


def _sources(commit: Commit) -> dict[str, dict[str, dict[str, int]]]:
    sources: dict[str, dict[str, dict[str, int]]] = {}
    for (source, partition), offsets in commit.sources.items():
        sources.setdefault(source, {})[partition] = {"from": offsets.start, "to": offsets.stop}
    return sources


def _creation(commit: Commit) -> list[dict[str, Any]]:
    meta = {
        "id": str(uuid.UUID(commit.lake_id)),
        "name": "events",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": canonical_json(layout.delta_schema()),
        "partitionColumns": ["family"],
        "configuration": {"delta.appendOnly": "true", "delta.enableExpiredLogCleanup": "false"},
        "createdTime": commit.ingest_time_us // 1000,
    }
    return [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}, {"metaData": meta}]


def _add(commit: Commit, segment: Segment) -> dict[str, Any]:
    return {
        "path": segment.path,
        "partitionValues": {"family": segment.family},
        "size": segment.size,
        "modificationTime": commit.ingest_time_us // 1000,
        "dataChange": True,
        "stats": canonical_json({"numRecords": segment.rows}),
    }


def _from_lake(lake: dict[str, Any], sizes: dict[str, int]) -> Commit:
    quarantine = lake["quarantine"]
    return Commit(
        lake_id=lake["lake_id"],
        seq=lake["seq"],
        previous_sha256=lake["previous_sha256"],
        commit_id=lake["commit_id"],
        ingest_time_us=lake["ingest_time_us"],
        historical_import=lake["historical_import"],
        tree_size=lake["tree_size"],
        tree_root=lake["tree_root"],
        segments=tuple(Segment(size=sizes[one["path"]], **one) for one in lake["segments"]),
        quarantine=QuarantineFile(**quarantine) if quarantine else None,
        sources={
            (source, partition): OffsetRange(offsets["from"], offsets["to"])
            for source, partitions in lake["sources"].items()
            for partition, offsets in partitions.items()
        },
        outcomes=tuple(Outcome(**one) for one in lake["outcomes"]),
    )
