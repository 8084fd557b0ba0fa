"""The fields of a commit file, format version 1, as shapes, and the check of a value against one.

A dict has exactly the keys of its shape, a list has one shape for all its items, `Each` is a dict
of any text keys with one shape for all values. Says nothing of what values mean
(`audit.commit_file`, which calls it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from audit import seal
from audit.findings import broken


@dataclass(frozen=True)
class Each:
    shape: Any


_TEXT_OR_NULL: Final = (str, type(None))
_SEGMENT: Final = {
    "family": str, "path": str, "sha256": str, "rows": int, "first_row_index": int,
    "min_event_time_us": int, "max_event_time_us": int,
}  # fmt: skip
QUARANTINE: Final = {"path": str, "sha256": str, "rows": int}
_OUTCOME: Final = {
    "source": str, "event_type": _TEXT_OR_NULL, "outcome": str, "reason": _TEXT_OR_NULL,
    "rows": int,
}  # fmt: skip
_LAKE: Final = {
    "format_version": int, "lake_id": str, "seq": int, "previous_sha256": _TEXT_OR_NULL,
    "commit_id": str, "ingest_time_us": int, "historical_import": bool, "tree_size": int,
    "tree_root": str, "segments": [_SEGMENT], "quarantine": (dict, type(None)),
    "sources": Each(Each({"from": int, "to": int})),
    "counts": {"received": int, "accepted": int, "duplicate": int, "quarantined": int},
    "outcomes": [_OUTCOME], seal.SEAL_FIELD: str,
}  # fmt: skip
COMMIT_INFO: Final = {
    "commitInfo": {"timestamp": int, "operation": str, "isBlindAppend": bool, "lake": _LAKE}
}
PROTOCOL: Final = {"protocol": {"minReaderVersion": int, "minWriterVersion": int}}
META_DATA: Final = {
    "metaData": {
        "id": str, "name": str, "format": {"provider": str, "options": {}}, "schemaString": str,
        "partitionColumns": [str], "configuration": Each(str), "createdTime": int,
    }
}  # fmt: skip
ADD: Final = {
    "add": {
        "path": str, "partitionValues": {"family": str}, "size": int, "modificationTime": int,
        "dataChange": bool, "stats": str,
    }
}  # fmt: skip


def require_shape(value: object, shape: Any, where: str, seq: int) -> None:
    """Raises `Broken` when `value`, found at `where` in commit `seq`, has not this shape."""
    if isinstance(shape, Each):
        _require_kind(value, dict, where, seq)
        for key, one in _mapping(value).items():
            require_shape(one, shape.shape, f"{where}.{key}", seq)
    elif isinstance(shape, dict):
        _require_kind(value, dict, where, seq)
        found = _mapping(value)
        if set(found) != set(shape):
            fields_problem(seq, where, sorted(shape), sorted(found))
        for key, one in shape.items():
            require_shape(found[key], one, f"{where}.{key}", seq)
    elif isinstance(shape, list):
        _require_kind(value, list, where, seq)
        for n, one in enumerate(value if isinstance(value, list) else []):
            require_shape(one, shape[0], f"{where}[{n}]", seq)
    else:
        _require_kind(value, shape, where, seq)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _require_kind(value: object, kind: Any, where: str, seq: int) -> None:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if type(value) not in kinds:  # not isinstance: true is no integer here
        fields_problem(seq, where, " or ".join(k.__name__ for k in kinds), type(value).__name__)


def fields_problem(seq: int, where: str, expected: object, found: object) -> NoReturn:
    """Raises `Broken` for one field."""
    raise broken(
        "commit_must_have_the_fields_of_its_format",
        commit=seq,
        expected=f"{where}: {expected}",
        found=found,
    )
