"""JSON lines: digits and bytes are kept, and what JSON allows but nobody means is rejected."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from ledger.errors import IncorrectInput
from tests.ingest.given import batch_of, till, write

GOOD = '{"id": 1, "at": "2025-06-01T10:00:00Z", "store": "s1", "currency": "EUR", "amount": 12.34}'
JSONL = till("jsonl")
NESTED = JSONL.replace(
    "[event]", '[columns]\namount = { path = "data.money.amount", type = "decimal" }\n[event]'
)


def test_the_payload_is_the_line_received(tmp_path: Path) -> None:
    line = GOOD.replace(", ", " ,\t") + "  "
    batch = batch_of(write(tmp_path / "f.jsonl", (line + "\r\n").encode()), JSONL)
    assert batch.events["payload"].to_list() == [line]
    assert batch.events["event_id"].to_list() == ["till-1"]


@pytest.mark.parametrize(
    "number", ["99999999999999.9999", "0.1", "12345678901234", "-0", "1.50", '"12.34"']
)
def test_no_digit_of_a_number_is_lost(tmp_path: Path, number: str) -> None:
    line = GOOD.replace("12.34", number)
    batch = batch_of(write(tmp_path / "f.jsonl", line.encode()), JSONL)
    assert batch.events["amount"].to_list() == [Decimal(number.strip('"'))]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (GOOD.replace('"store"', '"id": 2, "store"'), "json_keys_must_be_unique"),
        (GOOD.replace('"s1"', '{"a": 1, "a": 1}'), "json_keys_must_be_unique"),
        (GOOD.replace('"s1"', '{"a": 1}'), "column_must_be_one_value"),
        (GOOD.replace('"s1"', "[1]"), "column_must_be_one_value"),
        (GOOD.replace("12.34", "NaN"), "row_must_be_a_json_object"),
        (GOOD.replace("12.34", "-Infinity"), "row_must_be_a_json_object"),
        (GOOD.replace("12.34", "012"), "row_must_be_a_json_object"),
        (GOOD[:-1], "row_must_be_a_json_object"),
        (GOOD + "}", "row_must_be_a_json_object"),
        ("[1, 2]", "row_must_be_a_json_object"),
        ("12", "row_must_be_a_json_object"),
        ("   ", "row_must_be_a_json_object"),
        (GOOD.replace("s1", "\\ud800"), "text_must_be_unicode"),
        ("[" * 100_000, "json_must_not_nest_too_deep"),
        (GOOD.replace("12.34", "1" * 400), "amount_must_be_within_range"),
        (GOOD.replace("12.34", "true"), "amount_must_be_a_number"),
        (GOOD.replace("12.34", "null"), "amount_must_be_given"),
        (GOOD.replace('"amount"', '"Amount"'), "amount_must_be_given"),
        (GOOD.replace("12.34", "1.5e3"), "amount_must_be_a_number"),
    ],
)
def test_a_line_nobody_can_mean_is_quarantined_as_received(
    tmp_path: Path, line: str, reason: str
) -> None:
    other = GOOD.replace('"id": 1', '"id": 9')
    batch = batch_of(write(tmp_path / "f.jsonl", f"{GOOD}\n{line}\n{other}\n".encode()), JSONL)
    assert batch.events["event_id"].to_list() == ["till-1", "till-9"]
    assert batch.quarantine["reason"].to_list() == [reason]
    assert batch.quarantine["raw"].to_list() == [line.encode()]
    assert batch.quarantine["source_offset"].to_list() == [1]


def test_bytes_that_are_no_utf_8_are_quarantined(tmp_path: Path) -> None:
    line = GOOD.encode().replace(b"s1", b"s\xe9")
    batch = batch_of(write(tmp_path / "f.jsonl", b"\n".join([GOOD.encode(), line])), JSONL)
    assert batch.quarantine["reason"].to_list() == ["text_must_be_utf_8"]
    assert batch.quarantine["raw"].to_list() == [line]


def test_values_are_found_at_their_paths(tmp_path: Path) -> None:
    line = GOOD.replace('"amount": 12.34', '"data": {"money": {"amount": "7.5"}}')
    shallow = GOOD.replace('"id": 1', '"id": 2').replace('"amount": 12.34', '"data": 5')
    batch = batch_of(write(tmp_path / "f.jsonl", f"{line}\n{shallow}".encode()), NESTED)
    assert batch.events["amount"].to_list() == [Decimal("7.5")]
    assert batch.quarantine["reason"].to_list() == ["amount_must_be_given"]


def test_text_outside_ascii_and_escapes_are_read(tmp_path: Path) -> None:
    line = GOOD.replace("s1", "caf\\u00e9 \N{PILE OF POO}")
    batch = batch_of(write(tmp_path / "f.jsonl", line.encode()), JSONL)
    assert batch.events["store_id"].to_list() == ["caf\u00e9 \N{PILE OF POO}"]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IncorrectInput) as refused:
        batch_of(write(tmp_path / "f.jsonl", b""), JSONL)
    assert refused.value.rule == "file_must_not_be_empty"


def test_payload_fields_of_the_mapping_keep_the_line_beside_them(tmp_path: Path) -> None:
    text = """
mapping = 1
source = "registry"
format = "jsonl"
[event]
type = "StoreRegistered"
id = { column = "id" }
time = { column = "at" }
store_id = { column = "store" }
[payload]
store_id = { column = "store" }
time_zone = { constant = "Europe/London" }
day_cut_off = { constant = "04:00" }
"""
    line = '{"id": "r1", "at": "2025-06-01T10:00:00Z", "store": "s1", "price": 1.10}'
    batch = batch_of(write(tmp_path / "f.jsonl", line.encode()), text)
    payload = batch.events["payload"][0]
    assert f'"source_row":{line}' in payload
    assert json.loads(payload)["time_zone"] == "Europe/London"
