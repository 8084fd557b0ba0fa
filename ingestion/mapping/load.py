"""Reading a mapping file: its text, its keys, and whether they fit the contracts.

Holds `load`. Every refusal names the file, the key, what was found and what is allowed.
Called by the command line and by tests. How a mapping looks: docs/ingest.md.
"""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ingestion import contracts
from ingestion.mapping.apply import SOURCE_ROW, Mapper
from ingestion.mapping.spec import MappingFile
from ledger import currency
from ledger.errors import IncorrectInput

_KEYS_SHOWN_MAX = 20


def load(path: Path, registry: contracts.Registry | None = None) -> Mapper:
    """The mapping in `path`, ready to use. IncorrectInput for the first thing wrong with it."""
    thing = f"mapping {path}"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise IncorrectInput(
            "mapping_must_be_readable",
            thing=thing,
            expected="a readable TOML file",
            found=str(error),
        ) from None
    return from_text(text, thing=thing, registry=registry)


def from_text(text: str, *, thing: str, registry: contracts.Registry | None = None) -> Mapper:
    """The mapping written in `text`; `thing` names it in errors."""
    registry = registry or contracts.load()
    try:
        spec = MappingFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise IncorrectInput(
            "mapping_must_be_toml", thing=thing, expected="TOML", found=str(error)
        ) from None
    except ValidationError as error:
        raise _refusal(error, thing) from None
    _require_sense(spec, thing)
    _require_contract(spec, registry, thing)
    return Mapper(spec, registry, thing=thing)


def _refusal(error: ValidationError, thing: str) -> IncorrectInput:
    errors = error.errors(include_url=False)
    # A misspelt key is also a missing one: name what was written, not what was not.
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    keys = [str(part) for part in first["loc"] if not _is_type_tag(part)]
    key = ".".join(keys)
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input should ")
    if first["type"] == "extra_forbidden":
        allowed = ", ".join(_allowed_keys(keys[:-1]))
        return _bad_key(thing, key, f"one of the keys {allowed}", f"the unknown key {keys[-1]!r}")
    if first["type"] == "missing":
        return _bad_key(thing, key, "this key", "nothing")
    found = repr(first["input"])
    return _bad_key(thing, key, f"it to {message}", found)


def _is_type_tag(part: object) -> bool:
    """Pydantic names the tried member of a union in the path; that is no key of the file."""
    return isinstance(part, str) and (
        part.startswith(("function-", "literal[", "list[", "constrained")) or part == "str"
    )


def _allowed_keys(path: list[str]) -> list[str]:
    model: Any = MappingFile
    for step in path:
        field = model.model_fields.get(step) if hasattr(model, "model_fields") else None
        if field is None:
            break
        model = next((one for one in _models_in(field.annotation)), model)
    return list(model.model_fields)[:_KEYS_SHOWN_MAX]


def _models_in(annotation: Any) -> list[Any]:
    if hasattr(annotation, "model_fields"):
        return [annotation]
    found = []
    for argument in getattr(annotation, "__args__", ()):
        found += _models_in(argument)
    return found


def _bad_key(thing: str, key: str, expected: str, found: str) -> IncorrectInput:
    return IncorrectInput(
        "mapping_key_must_be_allowed",
        thing=f"{thing}, key {key}" if key else thing,
        expected=expected,
        found=found,
        remedy="docs/ingest.md lists every key.",
    )


def _require_sense(spec: MappingFile, thing: str) -> None:
    """Rules that tie several keys together."""
    if spec.format != "csv" and "csv" in spec.model_fields_set:
        raise _bad_key(thing, "csv", "no [csv] table unless format = 'csv'", spec.format)
    if spec.format not in ("jsonl", "cloudevents"):
        for name, column in spec.columns.items():
            if column.path is not None:
                allowed = "no path unless the format is jsonl or cloudevents"
                raise _bad_key(thing, f"columns.{name}.path", allowed, repr(column.path))
    if SOURCE_ROW in spec.payload:
        raise _bad_key(thing, f"payload.{SOURCE_ROW}", "another name", "the name of the row itself")
    if spec.event.id.hash == "row" and spec.format in ("jsonl", "cloudevents"):
        return
    code = spec.event.currency.constant if spec.event.currency else None
    if code is not None and code not in currency.CODES:
        allowed = "an ISO 4217 code such as EUR, in capitals"
        raise _bad_key(thing, "event.currency.constant", allowed, repr(code))


def _require_contract(spec: MappingFile, registry: contracts.Registry, thing: str) -> None:
    """A constant type must be known, and what its contract demands must be mapped."""
    event_type, version = spec.event.type.constant, spec.event.version.constant
    if event_type is None:
        return
    if event_type not in registry.event_types:
        allowed = f"one of {', '.join(registry.event_types)}"
        raise _bad_key(thing, "event.type", allowed, repr(event_type))
    if version is None:
        return
    contract = registry.get(str(event_type), int(version)) if isinstance(version, int) else None
    if contract is None:
        allowed = f"one of {', '.join(map(str, registry.versions(str(event_type))))}"
        raise _bad_key(thing, "event.version", allowed, repr(version))
    for name, column in contract.columns.items():
        given = getattr(spec.event, name) is not None
        if column.required and not given:
            raise _bad_key(thing, f"event.{name}", f"a value, as {event_type} demands", "nothing")
        if column.forbidden and given:
            raise _bad_key(thing, f"event.{name}", f"no value in {event_type}", "a value")
    if spec.format in ("csv", "parquet"):
        for name, one in contract.payload.items():
            if one.required and one.column is None and name not in spec.payload:
                allowed = f"a value, as {event_type} demands"
                raise _bad_key(thing, f"payload.{name}", allowed, "nothing")
