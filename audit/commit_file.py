"""One commit file of a lake, read strictly: bytes in, facts out, or the broken rule.

Holds the shape of `_delta_log/<seq>.json` (format version 1) and every check that needs this one
file only: seal, canonical JSON, fields, numbers that must add up, Delta actions that must agree.
Does not look at other commits (`audit.commit_chain`) or at segments. Called by `verify_lake`.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from audit import canonical, seal
from audit.commit_shape import (
    ADD,
    COMMIT_INFO,
    META_DATA,
    PROTOCOL,
    QUARANTINE,
    fields_problem,
    require_shape,
)
from audit.findings import RESTORE, broken

FORMAT_VERSIONS: Final = (1, 2)
"""They differ in the folder of a segment; a lake may hold commits of both."""

OUTCOMES: Final = ("accepted", "duplicate", "quarantined")
SEGMENT_PATH: Final = re.compile(
    r"family=(?P<family>[a-z]+)/(?:[0-9]{18}/)?(?P<seq>[0-9]{20})-(?P<sha256>[0-9a-f]{64})\.parquet"
)
QUARANTINE_PATH: Final = re.compile(
    r"_quarantine/(?P<seq>[0-9]{20})-(?P<sha256>[0-9a-f]{64})\.parquet"
)
DELTA_TYPES: Final = {
    canonical.Kind.TEXT: "string",
    canonical.Kind.INT32: "integer",
    canonical.Kind.INT64: "long",
    canonical.Kind.INSTANT: "timestamp",
    canonical.Kind.DECIMAL: "decimal(18,4)",
}


@dataclass(frozen=True, kw_only=True)
class SegmentEntry:
    family: str
    path: str
    sha256: str
    rows: int
    first_row_index: int
    min_event_time_us: int
    max_event_time_us: int


@dataclass(frozen=True, kw_only=True)
class QuarantineEntry:
    path: str
    sha256: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class CommitFile:
    """Facts of one commit. `outcomes` maps (outcome, source, event_type, reason) to rows."""

    seq: int
    lake_id: str
    previous_sha256: str | None
    ingest_time_us: int
    tree_size: int
    tree_root: str
    segments: tuple[SegmentEntry, ...]
    sizes: dict[str, int]
    quarantine: QuarantineEntry | None
    offsets: dict[tuple[str, str], tuple[int, int]]
    outcomes: Counter[tuple[str, str, str | None, str | None]]

    @property
    def rows(self) -> int:
        return sum(segment.rows for segment in self.segments)


def read_commit(data: bytes, seq: int) -> CommitFile:
    """The facts of commit `seq` from its bytes. Raises `Broken`."""
    _require_seal(data, seq)
    actions = _parse(data, seq)
    head = 3 if seq == 0 else 1
    shapes = [COMMIT_INFO, PROTOCOL, META_DATA][:head] + [ADD] * (len(actions) - head)
    if len(actions) < head:
        fields_problem(seq, "its lines", f"at least {head} actions", len(actions))
    for number, (action, shape) in enumerate(zip(actions, shapes, strict=True), start=1):
        require_shape(action, shape, f"line {number}", seq)
    info, adds = actions[0]["commitInfo"], [action["add"] for action in actions[head:]]
    _require_lake_values(info["lake"], seq)
    commit = _facts(info["lake"], adds)
    _require_counts(commit, info["lake"]["counts"])
    _require_names(commit, info["lake"]["format_version"])
    _require_agreement(info, adds, commit)
    if seq == 0:
        _require_table(actions[1]["protocol"], actions[2]["metaData"], commit)
    return commit


def _require_seal(data: bytes, seq: int) -> None:
    written, computed = seal.seal_written(data), seal.seal_computed(data)
    if written != computed:
        raise broken(
            "commit_must_hash_to_its_own_seal",
            commit=seq,
            expected=f"{seal.SEAL_FIELD} {computed}",
            found=written or "no seal",
            what_to_do=RESTORE,
        )


def _parse(data: bytes, seq: int) -> list[dict[str, Any]]:
    """Actions, when writing them again gives the same bytes (so: no key twice, no spaces)."""
    try:
        lines = data.decode("utf-8").removesuffix("\n").split("\n")
        actions = [json.loads(s, parse_float=_refuse, parse_constant=_refuse) for s in lines]
        again = "".join(canonical_json(action) + "\n" for action in actions).encode()
    except (ValueError, RecursionError) as error:
        raise _not_canonical(seq, f"{type(error).__name__}: {error}") from error
    if again != data:
        at = next((n for n, (a, b) in enumerate(zip(again, data, strict=False)) if a != b), -1)
        raise _not_canonical(seq, f"other bytes from position {at if at >= 0 else len(again)}")
    return actions


def canonical_json(value: object) -> str:
    """Sorted keys, no spaces, text as UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is not an integer")


def _not_canonical(seq: int, found: str) -> Exception:
    return broken(
        "commit_must_be_canonical_json",
        commit=seq,
        expected="lines of JSON with sorted keys, no spaces, UTF-8, integers only",
        found=found,
        what_to_do=RESTORE,
    )


def _require_lake_values(lake: dict[str, Any], seq: int) -> None:
    if lake["quarantine"] is not None:
        require_shape(lake["quarantine"], QUARANTINE, "quarantine", seq)
    if lake["format_version"] not in FORMAT_VERSIONS:
        fields_problem(seq, "format_version", FORMAT_VERSIONS, lake["format_version"])
    if lake["seq"] != seq:
        raise broken(
            "commit_must_carry_its_own_number",
            commit=seq,
            expected=f"seq {seq}, as its file is named",
            found=lake["seq"],
        )
    for name, digits in (("lake_id", 32), ("commit_id", 32), ("tree_root", 64)):
        if not re.fullmatch(f"[0-9a-f]{{{digits}}}", lake[name]):
            fields_problem(seq, name, f"{digits} lower-case hex digits", lake[name])


def _facts(lake: dict[str, Any], adds: list[dict[str, Any]]) -> CommitFile:
    outcomes: Counter[tuple[str, str, str | None, str | None]] = Counter()
    for one in lake["outcomes"]:
        outcomes[one["outcome"], one["source"], one["event_type"], one["reason"]] += one["rows"]
    return CommitFile(
        seq=lake["seq"],
        lake_id=lake["lake_id"],
        previous_sha256=lake["previous_sha256"],
        ingest_time_us=lake["ingest_time_us"],
        tree_size=lake["tree_size"],
        tree_root=lake["tree_root"],
        segments=tuple(SegmentEntry(**one) for one in lake["segments"]),
        sizes={add["path"]: add["size"] for add in adds},
        quarantine=QuarantineEntry(**lake["quarantine"]) if lake["quarantine"] else None,
        offsets={
            (source, partition): (span["from"], span["to"])
            for source, partitions in lake["sources"].items()
            for partition, span in partitions.items()
        },
        outcomes=outcomes,
    )


def _require_counts(commit: CommitFile, counts: dict[str, int]) -> None:
    totals: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
    for (outcome, _source, _type, reason), rows in commit.outcomes.items():
        if outcome not in OUTCOMES or rows < 1 or (reason is None) == (outcome == "quarantined"):
            fields_problem(
                commit.seq,
                "outcomes",
                f"rows >= 1, one of {OUTCOMES}, a reason for quarantined rows only",
                f"{rows} {outcome} rows with reason {reason}",
            )
        totals[outcome] += rows
    expected = {"received": totals.total(), **totals}
    in_files = {
        "accepted": commit.rows,
        "quarantined": commit.quarantine.rows if commit.quarantine else 0,
    }
    if counts != expected or any(counts[name] != rows for name, rows in in_files.items()):
        raise broken(
            "counts_must_add_up",
            commit=commit.seq,
            expected=f"outcomes {expected}, rows in files {in_files}",
            found=f"counts {counts}",
        )


def _require_names(commit: CommitFile, format_version: int) -> None:
    """Files are named by commit and content, so no two commits can mean one file."""
    folder = "" if format_version == 1 else f"{commit.seq:020d}"[:18] + "/"
    families = [segment.family for segment in commit.segments]
    if len(set(families)) != len(families):
        fields_problem(commit.seq, "segments", "one segment a family", families)
    for segment in commit.segments:
        name = f"{commit.seq:020d}-{segment.sha256}.parquet"
        expected = f"family={segment.family}/{folder}{name}"
        if segment.path != expected or not SEGMENT_PATH.fullmatch(expected) or segment.rows < 1:
            fields_problem(commit.seq, "segment path", expected, segment.path)
    if commit.quarantine:
        expected = f"_quarantine/{commit.seq:020d}-{commit.quarantine.sha256}.parquet"
        found = commit.quarantine.path
        if found != expected or not QUARANTINE_PATH.fullmatch(expected):
            fields_problem(commit.seq, "quarantine path", expected, found)


def _require_agreement(
    info: dict[str, Any], adds: list[dict[str, Any]], commit: CommitFile
) -> None:
    """Engines read the Delta actions, we read `lake`: both must say the same."""
    time_ms = commit.ingest_time_us // 1000
    said = [_without_size(add) for add in adds]
    expected = [
        {
            "path": segment.path,
            "partitionValues": {"family": segment.family},
            "modificationTime": time_ms,
            "dataChange": True,
            "numRecords": segment.rows,
        }
        for segment in commit.segments
    ]
    operation = "CREATE TABLE" if commit.seq == 0 else "WRITE"
    found = (info["timestamp"], info["operation"], info["isBlindAppend"], said)
    if found != (time_ms, operation, True, expected):
        raise broken(
            "delta_actions_must_agree_with_the_lake_fields",
            commit=commit.seq,
            expected=(time_ms, operation, True, expected),
            found=found,
        )


def _without_size(add: dict[str, Any]) -> dict[str, Any]:
    try:
        stats = json.loads(add["stats"])
        records = stats["numRecords"]
    except (ValueError, KeyError, TypeError):
        records = add["stats"]
    kept = {key: value for key, value in add.items() if key not in ("size", "stats")}
    return {**kept, "numRecords": records}


def _require_table(protocol: dict[str, Any], meta: dict[str, Any], commit: CommitFile) -> None:
    fields = [
        {
            "name": c.name,
            "type": DELTA_TYPES[c.kind],
            "nullable": c.nullable,
            "metadata": {},
        }
        for c in canonical.CANONICAL
    ]
    expected = {
        "protocol": {"minReaderVersion": 1, "minWriterVersion": 2},
        "id": str(uuid.UUID(commit.lake_id)),
        "format": {"provider": "parquet", "options": {}},
        "schemaString": canonical_json({"type": "struct", "fields": fields}),
        "partitionColumns": ["family"],
        "configuration": {"delta.appendOnly": "true", "delta.enableExpiredLogCleanup": "false"},
    }
    found = {"protocol": protocol, **meta}
    for name, value in expected.items():
        if found[name] != value:
            raise broken(
                "table_must_be_described_as_its_format_says",
                commit=commit.seq,
                expected=f"{name} {value}",
                found=found[name],
            )
