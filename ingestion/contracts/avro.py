"""A contract as an Avro schema: one record of the event's columns and its payload's fields.

Holds `avro_schema`. Columns no contract mentions are optional in it, forbidden ones always null.
Writes no file. Called by `contracts export`, by `contracts.compatibility` and by the client of the
schema registry.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ingestion.contracts.registry import ColumnContract, Contract, Kind
from ingestion.contracts.upcast_steps import Rename

NAMESPACE = "ledgerlake"
TEXTS = ("correlation_id", "causation_id", "store_id", "account_id", "category", "channel")
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 4}
COLUMNS: Mapping[str, Any] = {
    **dict.fromkeys((*TEXTS, "currency"), "string"),
    "amount": MONEY,
    "quantity": MONEY,
}
KINDS: Mapping[Kind, Any] = {
    "text": "string",
    "integer": "long",
    # As text: every digit stays, and JSON tells payload decimals as text or number.
    "decimal": "string",
    "date": {"type": "int", "logicalType": "date"},
    "time_of_day": "string",
    "time_zone": "string",
    "boolean": "boolean",
    # Items as JSON texts: no contract says what is in them.
    "list": {"type": "array", "items": "string"},
}


def avro_schema(contract: Contract) -> dict[str, Any]:
    """The schema of one event; `schema_version` stands in it as a property Avro ignores."""
    return {
        "type": "record",
        "name": contract.event_type,
        "namespace": NAMESPACE,
        "schema_version": contract.schema_version,
        "fields": [
            {"name": "event_id", "type": "string"},
            {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            *(
                _column(name, kind, contract.columns.get(name, ColumnContract()))
                for name, kind in COLUMNS.items()
            ),
            {"name": "payload", "type": _payload(contract)},
        ],
    }


def _column(name: str, kind: Any, column: ColumnContract) -> dict[str, Any]:
    if column.forbidden:
        return {"name": name, "type": "null", "default": None}
    return _field(name, kind, required=column.required)


def _field(name: str, kind: Any, *, required: bool) -> dict[str, Any]:
    if required:
        return {"name": name, "type": kind}
    return {"name": name, "type": ["null", kind], "default": None}


def _payload(contract: Contract) -> dict[str, Any]:
    old_names = dict(_renamed(contract))
    return {
        "type": "record",
        "name": f"{contract.event_type}_payload",
        "fields": [
            _field(name, KINDS[field.kind], required=field.required)
            | ({"aliases": [old_names[name]]} if name in old_names else {})
            for name, field in contract.payload.items()
        ],
    }


def _renamed(contract: Contract) -> Iterator[tuple[str, str]]:
    """(new name, old name): what Avro calls an alias."""
    for step in contract.upcast:
        if isinstance(step, Rename):
            yield step.to, step.field
