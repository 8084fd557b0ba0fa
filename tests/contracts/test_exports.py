"""Exported schemas, tried by other people's readers: jsonschema and fastavro."""

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import jsonschema
import polars as pl
import pytest

from ingestion import contracts
from ingestion.contracts.avro import avro_schema
from ingestion.contracts.json_schema import json_schema
from ingestion.contracts.registry import Contract, PayloadField
from ingestion.contracts.upcast_sql import dbt_macros

ALL = list(contracts.load())
AT = datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
SAMPLES: dict[str, Any] = {
    "text": "a text",
    "integer": 1,
    "decimal": "12.50",
    "date": "2025-01-31",
    "time_of_day": "04:00",
    "time_zone": "Europe/London",
    "boolean": True,
    "list": [],
}


def _event(contract: Contract) -> dict[str, Any]:
    """An event that obeys, in JSON, with every field and required column."""
    texts = {"currency": "EUR", "amount": "12.5000", "quantity": "3.0000"}
    columns: dict[str, Any] = {
        name: texts.get(name, "a1") for name, one in contract.columns.items() if one.required
    }
    payload = {name: _value(field, columns) for name, field in contract.payload.items()}
    return {
        "event_id": "e1",
        "event_type": contract.event_type,
        "schema_version": contract.schema_version,
        "event_time": AT.isoformat(),
        **columns,
        "payload": payload,
    }


def _value(field: PayloadField, columns: dict[str, Any]) -> Any:
    if field.column and field.kind == "text":
        return columns.get(field.column, SAMPLES[field.kind])
    return field.minimum if field.minimum is not None else SAMPLES[field.kind]


def _accepted(event: dict[str, Any]) -> bool:
    """Does the lake take it?"""
    texts = ("event_id", "correlation_id", "causation_id", "store_id", "account_id")
    row = {
        **dict.fromkeys((*texts, "category", "channel", "currency", "stream_id")),
        **{name: value for name, value in event.items() if isinstance(value, str)},
        "event_time": datetime.fromisoformat(event["event_time"]),
        "schema_version": event["schema_version"],
        "amount": _decimal(event.get("amount")),
        "quantity": _decimal(event.get("quantity")),
        "payload": json.dumps(event["payload"]),
    }
    kinds = {
        "schema_version": pl.Int32,
        "event_time": pl.Datetime("us", "UTC"),
        **dict.fromkeys(("amount", "quantity"), pl.Decimal(18, 4)),
    }
    frame = pl.DataFrame([row], schema={name: kinds.get(name, pl.String) for name in row})
    latest = pl.lit(datetime(2026, 1, 1, tzinfo=UTC))
    checked = contracts.check(frame, contracts.load(), latest_event_time=latest)
    return checked.rejects.is_empty()


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _valid(contract: Contract, event: dict[str, Any]) -> bool:
    validator = jsonschema.Draft202012Validator(json_schema(contract))
    return bool(validator.is_valid(event))


@pytest.mark.parametrize("contract", ALL, ids=lambda one: str(one.name))
def test_json_schema_takes_what_the_lake_takes_and_refuses_what_it_refuses(
    contract: Contract,
) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema(contract))
    good = _event(contract)
    assert _valid(contract, good) and _accepted(good)
    for name, column in contract.columns.items():
        without = {key: value for key, value in good.items() if key != name}
        bad = [without] if column.required else []
        bad += [{**good, name: "1.0000"}] if column.forbidden else []
        bad += [{**good, name: "-0.0100"}] if column.sign != "any" else []
        bad += [{**good, name: "2.5000"}] if column.whole else []
        for event in bad:
            assert (_valid(contract, event), _accepted(event)) == (False, False), event
    for name, field in contract.payload.items():
        if field.required:
            less = {key: value for key, value in good["payload"].items() if key != name}
            event = {**good, "payload": less}
            assert (_valid(contract, event), _accepted(event)) == (False, False), event
        if field.kind not in ("text", "time_zone"):
            event = {**good, "payload": {**good["payload"], name: "no such thing"}}
            assert (_valid(contract, event), _accepted(event)) == (False, False), event


def _record(contract: Contract, **payload: Any) -> dict[str, Any]:
    """The event as Avro has it."""
    event = {**_event(contract), "event_time": AT}
    texts = {name: event.get(name) for name in ("store_id", "account_id", "currency")}
    numbers = {name: _decimal(event.get(name)) for name in ("amount", "quantity")}
    days = {
        name: date.fromisoformat(event["payload"][name])
        for name, field in contract.payload.items()
        if field.kind == "date"
    }
    told = {**event["payload"], **days, **payload}
    return {"event_id": "e1", "event_time": AT, **texts, **numbers, "payload": told}


def _written(contract: Contract, record: dict[str, Any]) -> io.BytesIO:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(avro_schema(contract)), record)
    stream.seek(0)
    return stream


@pytest.mark.parametrize("contract", ALL, ids=lambda one: str(one.name))
def test_an_event_goes_through_avro_unchanged(contract: Contract) -> None:
    record = _record(contract)
    schema = fastavro.parse_schema(avro_schema(contract))
    read = fastavro.schemaless_reader(_written(contract, record), schema, None)
    assert isinstance(read, dict)
    assert {name: read[name] for name in record} == record


def test_avro_readers_of_every_version_read_deposits_of_the_others() -> None:
    """New from old only where the currency was told; the field that was renamed by its alias."""
    first, second, third = contracts.load().history("FundsDeposited")
    old = _written(second, _record(second, reference="rent", payer="Anna / SE1"))
    read = fastavro.schemaless_reader(old, avro_schema(second), avro_schema(third))
    assert isinstance(read, dict)
    assert (read["currency"], read["amount"]) == ("EUR", Decimal("12.5"))
    assert read["payload"] == {
        "payment_reference": "rent",
        "payer_name": None,
        "payer_account": None,
    }
    new = _written(third, _record(third, payment_reference="rent"))
    for reader in (first, second):
        new.seek(0)
        read = fastavro.schemaless_reader(new, avro_schema(third), avro_schema(reader))
        assert isinstance(read, dict) and read["amount"] == Decimal("12.5")
    with pytest.raises(fastavro.read.SchemaResolutionError):
        fastavro.schemaless_reader(
            _written(first, {**_record(first), "currency": None}),
            avro_schema(first),
            avro_schema(second),
        )


def test_the_macros_dbt_reads_old_events_with_are_those_of_the_contracts() -> None:
    """Red: `ledgerlake contracts export --format dbt --to dbt_project/macros/lake`."""
    path = Path(__file__).parents[2] / "dbt_project/macros/lake/upcasts.sql"
    assert path.read_text("utf-8") == dbt_macros(contracts.load())
