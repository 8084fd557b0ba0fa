"""Frozen dataclasses as JSON and back, strictly: every field there, none unknown, types exact.

Holds the walk over fields. Knows text, whole numbers, true/false, null, tuples, mappings of text
and dataclasses inside each other. Does not know any record. Called by certificates and proofs.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


class NotThisRecord(ValueError):
    """A value does not fit its field. `where` is the path to it, as `files[3].rows`."""

    def __init__(self, where: str, expected: str, found: str) -> None:
        self.where, self.expected, self.found = where, expected, found
        super().__init__(f"{where}: expected {expected}, found {found}")


def to_values(record: Any) -> Any:
    """What JSON holds of a record: its fields by name, tuples as lists."""
    if is_dataclass(record) and not isinstance(record, type):
        return {one.name: to_values(getattr(record, one.name)) for one in fields(record)}
    if isinstance(record, Mapping):
        return {key: to_values(value) for key, value in record.items()}
    return [to_values(one) for one in record] if isinstance(record, tuple | list) else record


def from_values(kind: type[Record], values: object, where: str = "") -> Record:
    """The record of `values`; NotThisRecord names the first field that does not fit."""
    read: Record = _read(kind, values, where or kind.__name__.lower())
    return read


def _read(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _read_record(kind, value, where)
    if origin in (Union, types.UnionType):
        wanted = next(one for one in arguments if one is not type(None))
        return None if value is None and type(None) in arguments else _read(wanted, value, where)
    if origin is tuple:
        return _read_list(arguments[0], value, where)
    if origin is Mapping:
        _require(isinstance(value, dict), where, "an object", value)
        return {key: _read(arguments[1], one, f"{where}.{key}") for key, one in value.items()}
    # `type() is`: true is no whole number here. Of Any, the value is its owner's to check.
    _require(kind is Any or type(value) is kind, where, getattr(kind, "__name__", "a value"), value)
    return value


def _read_list(kind: Any, value: Any, where: str) -> tuple[Any, ...]:
    """A list; of Any, what is in it is its owner's to check."""
    _require(isinstance(value, list), where, "a list", value)
    if kind is Any:
        return tuple(value)
    return tuple(_read(kind, one, f"{where}[{n}]") for n, one in enumerate(value))


def _read_record(kind: Any, value: Any, where: str) -> Any:
    _require(isinstance(value, dict), where, "an object", value)
    known = set(_hints(kind))
    missing, unknown = sorted(known - set(value)), sorted(set(value) - known)
    if missing or unknown:
        found = [f"no {name}" for name in missing] + [f"the unknown {name}" for name in unknown]
        raise NotThisRecord(where, f"the fields {', '.join(sorted(known))}", ", ".join(found))
    hints = _hints(kind)
    return kind(**{name: _read(hints[name], value[name], f"{where}.{name}") for name in known})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """Fields and types of a record, worked out once: a certificate holds thousands of records."""
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in fields(kind)}


def _require(holds: bool, where: str, expected: str, value: object) -> None:
    if not holds:
        raise NotThisRecord(where, expected, f"{type(value).__name__} {str(value)[:80]!r}")
