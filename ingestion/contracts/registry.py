"""Contracts read from their files: one TOML file per event type and version.

Holds `Contract`, its parts, and `load`. Does not check rows (`contracts.checks` does).
Called by checks and mappings. How a contract file looks: docs/ingest.md.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

Sign = Literal["any", "not_negative", "positive"]
Kind = Literal["text", "integer", "decimal", "date", "time_of_day", "time_zone", "boolean", "list"]


@dataclass(frozen=True, kw_only=True)
class ColumnContract:
    """What one promoted column must be for this event type."""

    required: bool = False
    forbidden: bool = False
    sign: Sign = "any"
    whole: bool = False


@dataclass(frozen=True, kw_only=True)
class PayloadField:
    """One field the payload object must or may hold; `column` names where it repeats one."""

    kind: Kind
    required: bool = False
    column: str | None = None
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, kw_only=True)
class Stream:
    """What gives `stream_id` when the mapping names none: a column, one constant, or a field of the
    payload behind a prefix."""

    column: str | None = None
    constant: str | None = None
    payload: str | None = None
    prefix: str = ""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """Version `schema_version` of event type `event_type`."""

    event_type: str
    schema_version: int
    family: str
    stream: Stream
    columns: Mapping[str, ColumnContract]
    payload: Mapping[str, PayloadField]


class Registry:
    """All contracts, by (event type, version)."""

    def __init__(self, contracts: Mapping[tuple[str, int], Contract]) -> None:
        self._contracts = dict(contracts)

    def __iter__(self) -> Any:
        return iter(self._contracts.values())

    def get(self, event_type: str, schema_version: int) -> Contract | None:
        return self._contracts.get((event_type, schema_version))

    @property
    def event_types(self) -> tuple[str, ...]:
        return tuple(sorted({event_type for event_type, _ in self._contracts}))

    def versions(self, event_type: str) -> tuple[int, ...]:
        return tuple(sorted(v for name, v in self._contracts if name == event_type))


def parse(text: str) -> Contract:
    """A contract from the text of its file."""
    raw = tomllib.loads(text)
    return Contract(
        event_type=raw["event_type"],
        schema_version=raw["schema_version"],
        family=raw["family"],
        stream=Stream(**raw["stream"]),
        columns={name: ColumnContract(**spec) for name, spec in raw["columns"].items()},
        payload={name: PayloadField(**spec) for name, spec in raw.get("payload", {}).items()},
    )


@cache
def load() -> Registry:
    """The contracts that ship with the package."""
    folder = resources.files("ingestion.contracts")
    texts = [file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".toml")]
    contracts = [parse(text) for text in texts]
    return Registry({(one.event_type, one.schema_version): one for one in contracts})
