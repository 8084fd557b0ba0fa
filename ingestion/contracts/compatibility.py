"""Can one version of a contract read the events of another, and is that what its file promises?

Holds `unreadable` and `standing`. Types and missing fields are judged by Avro's rules on the
exported schemas; what those cannot say (signs, ranges, kinds of text) here. Old events are judged
as their upcasters leave them. Called by `ledgerlake contracts check`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from ingestion.contracts.avro import avro_schema
from ingestion.contracts.avro_resolution import problems
from ingestion.contracts.registry import ColumnContract, Contract, Level, PayloadField
from ingestion.contracts.upcast_steps import PREFIX, Add, Drop, Rename, Step

_SIGNS = ("any", "not_negative", "positive")
"""From wide to narrow: each holds what the next does."""

_TEXTS = ("decimal", "time_of_day", "time_zone")
"""Kinds that are narrower than any text, though the same Avro type."""


@dataclass(frozen=True, kw_only=True)
class Broken:
    """Why `reader` cannot read every event of `writer`."""

    rule: str
    reader: str
    writer: str
    where: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a version stands to those before it. `kept`: the levels that hold; `broken`: what keeps
    it from the level its file (or who asks) demands."""

    contract: str
    demanded: Level
    kept: tuple[Level, ...]
    broken: tuple[Broken, ...]


def standing(history: Sequence[Contract], *, demanded: Level | None = None) -> Standing:
    """The last contract of `history` against all before it."""
    newest, before = history[-1], history[:-1]
    wanted = demanded or newest.compatibility
    backward = [_backward(history, one) for one in before]
    forward = [unreadable(reader=one, writer=newest) for one in before]
    kept = tuple(
        level
        for level in get_args(Level)
        if level != "none" and not any(_asked(level, backward, forward))
    )
    return Standing(
        contract=newest.name,
        demanded=wanted,
        kept=kept,
        broken=tuple(one for found in _asked(wanted, backward, forward) for one in found),
    )


def _asked(
    level: Level, backward: list[list[Broken]], forward: list[list[Broken]]
) -> list[list[Broken]]:
    """What a level looks at: reading old, being read by old, or both; the last before, or all."""
    reach = slice(None) if level.endswith("_transitive") else slice(-1, None)
    found: list[list[Broken]] = []
    if level.startswith(("backward", "full")):
        found += backward[reach]
    if level.startswith(("forward", "full")):
        found += forward[reach]
    return found


def _backward(history: Sequence[Contract], old: Contract) -> list[Broken]:
    return unreadable(reader=history[-1], writer=as_upcast(old, history[old.schema_version :]))


def unreadable(*, reader: Contract, writer: Contract) -> list[Broken]:
    """What keeps `reader` from reading all that obeys `writer`; empty: nothing."""
    schema = avro_schema(reader)
    found: list[tuple[str, str, str]] = [
        (one.kind, _place(schema, one.location), one.text)
        for one in problems(schema, avro_schema(writer))
    ]
    if reader.family != writer.family:
        found.append(("family_must_stay", "family", f"{reader.family} cannot read {writer.family}"))
    return [
        Broken(rule=rule, reader=reader.name, writer=writer.name, where=where, why=why)
        for rule, where, why in [*found, *_narrower(reader, writer)]
    ]


def _place(schema: Any, pointer: str) -> str:
    """The column or `payload.<field>` that a JSON pointer into an exported schema is about."""
    names, at = [], schema
    for part in pointer.strip("/").split("/"):
        at = at[int(part) if isinstance(at, list) else part]
        if isinstance(at, dict) and {"name", "type"} <= at.keys() and part.isdigit():
            names.append(str(at["name"]))
    return ".".join(names) or pointer


def _narrower(reader: Contract, writer: Contract) -> Iterator[tuple[str, str, str]]:
    for name, column in reader.columns.items():
        told = writer.columns.get(name, ColumnContract())
        if not told.forbidden and not column.forbidden:
            if _SIGNS.index(column.sign) > _SIGNS.index(told.sign):
                yield "sign_must_not_narrow", name, f"{column.sign} cannot read {told.sign}"
            if column.whole and not told.whole:
                yield "whole_must_not_narrow", name, "whole numbers cannot read fractions"
    for name, field in reader.payload.items():
        if (was := writer.payload.get(name)) is not None:
            yield from _narrower_field(PREFIX + name, field, was)


def _narrower_field(
    name: str, field: PayloadField, told: PayloadField
) -> Iterator[tuple[str, str, str]]:
    if field.kind in _TEXTS and told.kind != field.kind:
        yield "kind_must_not_narrow", name, f"{field.kind} cannot read {told.kind}"
    if field.column and field.column != told.column:
        yield "column_must_not_be_demanded", name, f"equal to {field.column} was not demanded"
    low, high = field.minimum, field.maximum
    if low is not None and (told.minimum is None or told.minimum < low):
        yield "range_must_not_narrow", name, f"from {low} cannot read from {told.minimum}"
    if high is not None and (told.maximum is None or told.maximum > high):
        yield "range_must_not_narrow", name, f"to {high} cannot read to {told.maximum}"


def as_upcast(old: Contract, newer: Sequence[Contract]) -> Contract:
    """What is known of an event of `old` once the steps of `newer` have been walked."""
    shape = old
    for contract in newer:
        for step in contract.upcast:
            shape = _stepped(shape, step, contract)
    return shape


def _stepped(shape: Contract, step: Step, contract: Contract) -> Contract:
    if isinstance(step, Add) and not step.target.startswith(PREFIX):
        column = replace(
            shape.columns.get(step.target, ColumnContract()), required=True, forbidden=False
        )
        return replace(shape, columns={**shape.columns, step.target: column})
    fields = dict(shape.payload)
    if isinstance(step, Add):
        name = step.target.removeprefix(PREFIX)
        target = contract.payload[name]
        fields[name] = replace(fields.get(name, target), required=True)
        return replace(shape, payload=fields)
    source = fields.pop(step.field, PayloadField(kind="text"))
    if isinstance(step, Rename):
        fields[step.to] = source
    elif not isinstance(step, Drop):
        fields[step.into[0]] = PayloadField(kind="text", required=source.required)
        fields[step.into[1]] = PayloadField(kind="text")
    return replace(shape, payload=fields)
