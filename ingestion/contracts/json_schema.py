"""A contract as a JSON Schema (2020-12) of an event in JSON: what `contracts.check` accepts of it.

Holds `json_schema`. Amounts are texts, as everywhere in JSON here; payload fields may be texts or
JSON values, as sources send them. Does not hold what no schema can say: ISO codes, the future,
a payload field that must equal a column. Called by `contracts export`.
"""

from collections.abc import Mapping
from typing import Any

from ingestion.contracts.registry import ColumnContract, Contract, Kind, PayloadField

DRAFT = "https://json-schema.org/draft/2020-12/schema"
KEYS = ("correlation_id", "causation_id", "store_id", "account_id", "category", "channel")
KEY = {"type": "string", "minLength": 1, "maxLength": 512}
CURRENCY = {"type": "string", "pattern": "^[A-Z]{3}$"}
_SIGNS = {"any": "-?", "not_negative": "", "positive": "(?!0+(\\.0+)?$)"}

_TEXT_OR: Mapping[Kind, Any] = {
    "text": {},
    "integer": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^-?[0-9]{1,18}$"}]},
    "decimal": {
        "anyOf": [
            {"type": "number"},
            {"type": "string", "pattern": r"^-?[0-9]{1,14}(\.[0-9]+)?$"},
        ]
    },
    "date": {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    "time_of_day": {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"},
    "time_zone": {"type": "string", "minLength": 1},
    "boolean": {"enum": [True, False, "true", "false"]},
    "list": {"type": "array"},
}


def json_schema(contract: Contract) -> dict[str, Any]:
    """The schema of one event of this type and version."""
    columns = {
        name: _column(name, contract.columns.get(name, ColumnContract()))
        for name in (*KEYS, "currency", "amount", "quantity")
    }
    required = [name for name, one in contract.columns.items() if one.required]
    return {
        "$schema": DRAFT,
        "$id": f"urn:ledgerlake:contract:{contract.event_type}:{contract.schema_version}",
        "title": f"{contract.event_type} v{contract.schema_version}",
        "type": "object",
        "required": [
            "event_id",
            "event_type",
            "schema_version",
            "event_time",
            *required,
            "payload",
        ],
        "properties": {
            "event_id": KEY,
            "event_type": {"const": contract.event_type},
            "schema_version": {"const": contract.schema_version},
            "event_time": {"type": "string", "format": "date-time"},
            **columns,
            "payload": _payload(contract),
        },
    }


def _column(name: str, column: ColumnContract) -> dict[str, Any]:
    if column.forbidden:
        return {"type": "null"}
    if name in ("amount", "quantity"):
        fraction = r"(\.0{1,4})?" if column.whole else r"(\.[0-9]{1,4})?"
        pattern = f"^{_SIGNS[column.sign]}[0-9]{{1,14}}{fraction}$"
        told: dict[str, Any] = {"type": "string", "pattern": pattern}
    else:
        told = CURRENCY if name == "currency" else KEY
    return told if column.required else {"anyOf": [told, {"type": "null"}]}


def _payload(contract: Contract) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [name for name, field in contract.payload.items() if field.required],
        "properties": {name: _field(field) for name, field in contract.payload.items()},
    }


def _field(field: PayloadField) -> dict[str, Any]:
    told: dict[str, Any] = dict(_TEXT_OR[field.kind])
    if field.kind == "integer":
        # Bounds hold for numbers; a number in a text is past what JSON Schema can compare.
        told |= {"minimum": field.minimum} if field.minimum is not None else {}
        told |= {"maximum": field.maximum} if field.maximum is not None else {}
    return told if field.required or not told else {"anyOf": [told, {"type": "null"}]}
