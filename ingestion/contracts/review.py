"""All contracts of a folder under review: published as they are, and compatible as they promise.

Holds `review` and `Review`. Does not publish. Called by `ledgerlake contracts check` and `list`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingestion.contracts.compatibility import Broken, standing
from ingestion.contracts.published import Publication, State, compare
from ingestion.contracts.registry import Level, Registry, read
from ledger.errors import IncorrectInput

_FAULTS: dict[State, str] = {
    "new": "is not on the list of published versions: `ledgerlake contracts check --publish`",
    "changed": "was published and says something else now: put it back, and write the next version",
    "missing": "was published and has no file: put it back, events may have been written under it",
}


@dataclass(frozen=True, kw_only=True)
class Reviewed:
    """One version. `fault`: what is wrong with its publication; `broken`: with what it promises."""

    contract: str
    event_type: str
    schema_version: int
    family: str
    state: State
    demanded: Level
    kept: tuple[Level, ...]
    fault: str | None
    broken: tuple[Broken, ...]

    @property
    def passed(self) -> bool:
        return self.fault is None and not self.broken


@dataclass(frozen=True, kw_only=True)
class Review:
    """Every version of the folder, and the published ones that are gone from it."""

    versions: tuple[Reviewed, ...]
    gone: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.gone and all(one.passed for one in self.versions)

    @property
    def publishable(self) -> bool:
        """Nothing is wrong but that new versions are not on the list."""
        return not self.gone and all(
            not one.broken and one.state in ("new", "published") for one in self.versions
        )


def review(folder: Path, *, level: Level | None = None, event_type: str | None = None) -> Review:
    """Judge the contracts of `folder`, those of one type if named; `level` instead of what each
    demands. IncorrectInput for a file that is no contract, or a type nobody knows."""
    registry = read(folder)
    if event_type is not None:
        require_type(registry, event_type)
    listed = {one.contract: one for one in compare(folder)}
    wanted = [one for one in registry.event_types if event_type in (None, one)]
    versions = tuple(one for name in wanted for one in _of_type(registry, name, listed, level))
    gone = sorted(name for name, one in listed.items() if one.state == "missing")
    return Review(
        versions=versions,
        gone=tuple(f"{name} {_FAULTS['missing']}" for name in gone if _is_of(name, event_type)),
    )


def require_type(registry: Registry, event_type: str) -> None:
    """IncorrectInput if no contract is of this type."""
    if event_type not in registry.event_types:
        raise IncorrectInput(
            "event_type_must_be_known",
            thing=f"event type {event_type!r}",
            expected=f"one of {', '.join(registry.event_types)}",
            found="no contract of it",
            remedy="See `ledgerlake contracts list`.",
        )


def _is_of(contract: str, event_type: str | None) -> bool:
    return event_type in (None, contract.rpartition(".v")[0])


def _of_type(
    registry: Registry, event_type: str, listed: dict[str, Publication], level: Level | None
) -> Iterator[Reviewed]:
    history = registry.history(event_type)
    for number, contract in enumerate(history, 1):
        stands = standing(history[:number], demanded=level)
        state = listed[contract.name].state
        yield Reviewed(
            contract=contract.name,
            event_type=event_type,
            schema_version=contract.schema_version,
            family=contract.family,
            state=state,
            demanded=stands.demanded,
            kept=stands.kept,
            fault=f"{contract.name} {_FAULTS[state]}" if state in _FAULTS else None,
            broken=stands.broken,
        )
