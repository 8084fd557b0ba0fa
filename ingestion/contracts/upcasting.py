"""Events of old versions read as the newest, in Python: walked version by version.

Holds `upcast` and what a payload's text says. Nothing stored is changed. `upcast_sql` does the same
in SQL from the same steps; a property test holds the two together. Called by whoever reads events
one by one: the journal's codecs, the desk.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.contracts.registry import Registry
from ingestion.contracts.upcast_steps import PREFIX, Add, Rename, Split, Step
from ledger.errors import IncorrectInput

_INT64_MIN, _UINT64_MAX = -(2**63), 2**64 - 1


@dataclass(frozen=True, kw_only=True)
class Upcasted:
    """An event as its newest contract has it. `payload` holds JSON values by name."""

    event_type: str
    schema_version: int
    columns: Mapping[str, Any]
    payload: Mapping[str, Any]


def upcast(
    registry: Registry,
    *,
    event_type: str,
    schema_version: int,
    columns: Mapping[str, Any],
    payload: str | bytes,
    lookups: Mapping[str, str | None],
) -> Upcasted:
    """The event under the newest contract of its type.

    `lookups` has what steps look up (`upcast_steps.LOOKUPS`), as known at the event's own commit;
    a name that is missing or None is not known. IncorrectInput for a version nobody published.
    """
    if registry.get(event_type, schema_version) is None:
        raise IncorrectInput(
            "schema_version_must_be_known",
            thing=f"event of type {event_type}",
            expected=f"version {' or '.join(map(str, registry.versions(event_type))) or 'none'}",
            found=str(schema_version),
            remedy="Read it with the version of ledgerlake that wrote it, or a later one.",
        )
    told, fields = dict(columns), payload_object(payload)
    history = registry.history(event_type)
    for contract in history[schema_version:]:
        for step in contract.upcast:
            _apply(step, told, fields, lookups)
    return Upcasted(
        event_type=event_type,
        schema_version=history[-1].schema_version,
        columns=told,
        payload=fields,
    )


def payload_object(payload: str | bytes) -> dict[str, Any]:
    """The payload's fields; none if it is no JSON object."""
    try:
        value = json.loads(payload)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def field_text(value: Any) -> str | None:
    """A field as SQL reads it: texts, whole numbers of 64 bits and truth values; else None."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if _INT64_MIN <= value <= _UINT64_MAX else None
    return value if isinstance(value, str) else None


def _apply(
    step: Step, columns: dict[str, Any], fields: dict[str, Any], lookups: Mapping[str, str | None]
) -> None:
    if isinstance(step, Add):
        _add(step, columns, fields, lookups)
        return
    value = fields.pop(step.field, None)
    if isinstance(step, Rename):
        _put(fields, step.to, value)
    elif isinstance(step, Split):
        text = field_text(value)
        first, at, second = (text or "").partition(step.at)
        _put(fields, step.into[0], None if text is None else first)
        _put(fields, step.into[1], second if at else None)


def _add(
    step: Add, columns: dict[str, Any], fields: dict[str, Any], lookups: Mapping[str, str | None]
) -> None:
    found = lookups.get(step.lookup) if step.lookup else None
    value = step.value if found is None else found
    if not step.target.startswith(PREFIX):
        if columns.get(step.target) is None:
            columns[step.target] = value
        return
    name = step.target.removeprefix(PREFIX)
    if field_text(fields.get(name)) is None:
        fields[name] = value


def _put(fields: dict[str, Any], name: str, value: Any) -> None:
    """A field that has no value is not there, whatever stood under its name before."""
    fields.pop(name, None)
    if value is not None:
        fields[name] = value
