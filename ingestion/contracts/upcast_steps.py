"""The steps that lead from one version of a contract to the next: a small closed set.

Holds their parts and how a contract file writes them. Does not run them: `upcasting` does in
Python, `upcast_sql` in SQL. Called by `contracts.registry`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ledger.errors import IncorrectInput

Lookup = Literal["account_currency"]
LOOKUPS: tuple[Lookup, ...] = ("account_currency",)
"""What a step may look up beside its event, as known at the event's own commit.
`account_currency`: the currency that the first opening of the event's account names."""

PREFIX = "payload."
SEPARATOR_MAX = 16


@dataclass(frozen=True, kw_only=True)
class Add:
    """Give `target`, a column or `payload.<field>`, a value where it has none."""

    target: str
    value: Any = None
    lookup: Lookup | None = None


@dataclass(frozen=True, kw_only=True)
class Rename:
    """What payload field `field` held is called `to` from now on."""

    field: str
    to: str


@dataclass(frozen=True, kw_only=True)
class Split:
    """Payload field `field` becomes two: what stands before the first `at`, and what after it.

    Without `at` in it, all of it is the first and there is no second.
    """

    field: str
    at: str
    into: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Drop:
    """Payload field `field` is no longer told."""

    field: str


Step = Add | Rename | Split | Drop

_KEYS: Mapping[str, tuple[set[str], ...]] = {
    "add": ({"add", "value"}, {"add", "lookup", "otherwise"}),
    "rename": ({"rename", "to"},),
    "split": ({"split", "at", "into"},),
    "drop": ({"drop"},),
}


def parse_step(raw: Mapping[str, Any], *, thing: str) -> Step:
    """One `[[upcast]]` table. IncorrectInput if it is none of the closed set."""
    kind = next((name for name in _KEYS if name in raw), None)
    if kind is None or set(raw) not in _KEYS[kind]:
        raise wrong(
            thing,
            "add with value, add with lookup and otherwise, rename with to, split with at and"
            " into, or drop",
            f"the keys {', '.join(sorted(raw))}",
        )
    if kind == "add":
        return _add(raw, thing)
    field = in_payload(raw[kind], thing)
    if kind == "rename":
        return Rename(field=field, to=in_payload(raw["to"], thing))
    if kind == "split":
        return _split(field, raw, thing)
    return Drop(field=field)


def _add(raw: Mapping[str, Any], thing: str) -> Add:
    lookup = raw.get("lookup")
    if lookup is not None and lookup not in LOOKUPS:
        raise wrong(thing, f"a lookup of {', '.join(LOOKUPS)}", repr(lookup))
    return Add(
        target=str(raw["add"]),
        value=raw["otherwise"] if lookup else raw["value"],
        lookup=lookup,
    )


def _split(field: str, raw: Mapping[str, Any], thing: str) -> Split:
    at, into = raw["at"], raw["into"]
    if not isinstance(at, str) or not 1 <= len(at) <= SEPARATOR_MAX:
        raise wrong(thing, f"a separator of 1 to {SEPARATOR_MAX} characters", repr(at))
    if not isinstance(into, list) or len(into) != 2:
        raise wrong(thing, "two fields in `into`", repr(into))
    first, second = (in_payload(one, thing) for one in into)
    return Split(field=field, at=at, into=(first, second))


def in_payload(name: Any, thing: str) -> str:
    """The field that `payload.<field>` names."""
    if not isinstance(name, str) or not name.startswith(PREFIX):
        raise wrong(thing, "a field as `payload.<name>`", repr(name))
    return name.removeprefix(PREFIX)


def targets(step: Step) -> tuple[str, ...]:
    """What the step gives a value: columns by name, payload fields as `payload.<field>`."""
    if isinstance(step, Add):
        return (step.target,)
    if isinstance(step, Rename):
        return (PREFIX + step.to,)
    return tuple(PREFIX + one for one in step.into) if isinstance(step, Split) else ()


def wrong(thing: str, expected: str, found: str) -> IncorrectInput:
    """The one error of a contract file that cannot be read as one."""
    return IncorrectInput(
        "upcast_must_be_of_known_steps",
        thing=thing,
        expected=expected,
        found=found,
        remedy="See docs/contracts.md for the steps and what each may do.",
    )
