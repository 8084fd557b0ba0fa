"""Contracts read from their files: one TOML file per event type and version.

Holds `Contract`, its parts, and `load`. Does not check rows (`contracts.checks` does) or compare
versions (`contracts.compatibility`). Called by checks and mappings. How a contract file looks:
docs/contracts.md.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal, get_args

from ingestion.contracts.upcast_steps import PREFIX, Add, Step, parse_step, targets, wrong
from ledger.errors import IncorrectInput

Sign = Literal["any", "not_negative", "positive"]
Kind = Literal["text", "integer", "decimal", "date", "time_of_day", "time_zone", "boolean", "list"]
Level = Literal[
    "none",
    "backward",
    "forward",
    "full",
    "backward_transitive",
    "forward_transitive",
    "full_transitive",
]
DEFAULT_LEVEL: Level = "backward_transitive"
"""What a new version must be to the versions before it, unless it says otherwise: events written
under any of them can be read."""

SCALARS: tuple[Kind, ...] = ("text", "integer", "date", "time_of_day", "time_zone", "boolean")
"""Kinds that SQL and Python read alike out of JSON. A decimal may stand there as a JSON number,
which DuckDB reads as a float (0.10 becomes 0.1, the 20th digit is lost), so no step moves one. No
SQL moves fields of control events: their payloads are signed, and `ledger` reads every version."""

TEXT_COLUMNS = ("store_id", "account_id", "category", "channel", "currency")


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
    """Version `schema_version` of event type `event_type`.

    `upcast` leads to it from the version before; `compatibility` is what it must be to those.
    """

    event_type: str
    schema_version: int
    family: str
    stream: Stream
    columns: Mapping[str, ColumnContract]
    payload: Mapping[str, PayloadField]
    upcast: tuple[Step, ...] = ()
    compatibility: Level = DEFAULT_LEVEL

    @property
    def name(self) -> str:
        return f"{self.event_type}.v{self.schema_version}"


class Registry:
    """All contracts, by (event type, version)."""

    def __init__(self, contracts: Mapping[tuple[str, int], Contract]) -> None:
        self._contracts = dict(contracts)

    def __iter__(self) -> Iterator[Contract]:
        return iter(self._contracts.values())

    def get(self, event_type: str, schema_version: int) -> Contract | None:
        return self._contracts.get((event_type, schema_version))

    @property
    def event_types(self) -> tuple[str, ...]:
        return tuple(sorted({event_type for event_type, _ in self._contracts}))

    def versions(self, event_type: str) -> tuple[int, ...]:
        return tuple(sorted(v for name, v in self._contracts if name == event_type))

    def newest(self, event_type: str) -> Contract:
        """KeyError for a type nobody knows."""
        return self._contracts[event_type, max(self.versions(event_type), default=0)]

    def history(self, event_type: str) -> tuple[Contract, ...]:
        """All versions of a type, oldest first."""
        return tuple(self._contracts[event_type, one] for one in self.versions(event_type))


def parse(text: str, *, thing: str = "contract") -> Contract:
    """A contract from the text of its file. IncorrectInput says what is wrong with it."""
    try:
        raw = tomllib.loads(text)
        contract = Contract(
            event_type=raw["event_type"],
            schema_version=raw["schema_version"],
            family=raw["family"],
            stream=Stream(**raw["stream"]),
            columns={name: ColumnContract(**spec) for name, spec in raw["columns"].items()},
            payload={name: PayloadField(**spec) for name, spec in raw.get("payload", {}).items()},
            upcast=tuple(parse_step(one, thing=thing) for one in raw.get("upcast", ())),
            compatibility=raw.get("compatibility", DEFAULT_LEVEL),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise IncorrectInput(
            "contract_must_be_in_its_form",
            thing=thing,
            expected="event_type, schema_version, family, stream, [columns], and if it has them"
            " [payload], [[upcast]] and compatibility",
            found=f"{type(error).__name__}: {error}",
            remedy="See docs/contracts.md; the shipped contracts are examples.",
        ) from error
    _check_steps(contract, thing)
    return contract


def _check_steps(contract: Contract, thing: str) -> None:
    if contract.compatibility not in get_args(Level):
        levels = ", ".join(get_args(Level))
        raise wrong(thing, f"compatibility of {levels}", repr(contract.compatibility))
    if contract.upcast and contract.schema_version < 2:
        raise wrong(thing, "no upcast in the first version", f"{len(contract.upcast)} steps")
    for step in contract.upcast:
        if isinstance(step, Add) and step.lookup and contract.family != "accounts":
            raise wrong(
                thing, f"no lookup of {step.lookup} but in family accounts", contract.family
            )
        for target in targets(step):
            _check_target(contract, target, thing)


def _check_target(contract: Contract, target: str, thing: str) -> None:
    if not target.startswith(PREFIX):
        if target not in TEXT_COLUMNS:
            raise wrong(thing, f"a column of {', '.join(TEXT_COLUMNS)}", repr(target))
        return
    field = contract.payload.get(target.removeprefix(PREFIX))
    if field is None:
        raise wrong(thing, f"a field that {contract.name} has", repr(target))
    if field.kind not in SCALARS and contract.family != "control":
        raise wrong(thing, f"a field of kind {', '.join(SCALARS)}", f"{target}, {field.kind}")


@cache
def load() -> Registry:
    """The contracts that ship with the package."""
    return read(shipped_folder())


def shipped_folder() -> Path:
    """Where the package keeps its contracts."""
    with resources.as_file(resources.files("ingestion.contracts")) as folder:
        return folder


def read(folder: Path) -> Registry:
    """The contracts of a folder. IncorrectInput for one whose name is not its type and version, or
    whose version before is missing."""
    contracts = []
    for file in sorted(folder.glob("*.toml")):
        contract = parse(file.read_text("utf-8"), thing=file.name)
        if file.name != f"{contract.name}.toml":
            raise IncorrectInput(
                "contract_file_must_be_named_after_its_version",
                thing=str(file),
                expected=f"{contract.name}.toml",
                found=file.name,
                remedy="Rename the file, or correct event_type and schema_version in it.",
            )
        contracts.append(contract)
    registry = Registry({(one.event_type, one.schema_version): one for one in contracts})
    for event_type in registry.event_types:
        versions = registry.versions(event_type)
        if versions != tuple(range(1, len(versions) + 1)):
            raise IncorrectInput(
                "versions_must_follow_each_other",
                thing=f"contracts of {event_type} in {folder}",
                expected=f"versions 1 to {len(versions)}",
                found=", ".join(map(str, versions)),
                remedy="A version that was ever published stays a file, so that old events can be"
                " read; number the next one after it.",
            )
    return registry
