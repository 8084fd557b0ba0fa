"""CloudEvents: the published conformance vectors, and files of one event, a batch, or lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from ingestion.sources import cloudevents
from ingestion.sources.json_rows import Broken, parse
from ledger.errors import IncorrectInput
from tests.ingest.given import ROOT, batch_of, write

CASES = json.loads((ROOT / "tests/data/cases/cloudevents_json_conformance.json").read_text())

MAPPING = """
mapping = 1
source = "shop-events"
format = "cloudevents"
[columns]
amount = { path = "data.amount", type = "decimal" }
currency = { path = "data.currency" }
store = { path = "subject" }
[event]
type = { expression = "case when type = 'com.shop.sale' then 'SaleRecorded' else type end" }
id = { expression = "concat(source, '#', id)" }
time = { column = "time" }
store_id = { column = "store" }
currency = { column = "currency" }
amount = { column = "amount" }
"""


def _sale(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(number),
        "source": "https://shop.example/till",
        "type": "com.shop.sale",
        "subject": "s1",
        "time": "2025-06-01T10:00:00Z",
        "datacontenttype": "application/json",
        "data": {"amount": "1.50", "currency": "EUR"},
        **changed,
    }


def _ids(cases: list[dict[str, Any]]) -> list[str]:
    return [case["id"] for case in cases]


def _parsed(value: object) -> Any:
    """As a file's reader would give it: numbers as written."""
    return parse(json.dumps({"value": value}))["value"]


def test_all_published_vectors_are_here() -> None:
    kinds = ("valid_events", "invalid_events", "valid_batches", "invalid_batches")
    assert [len(CASES[kind]) for kind in kinds] == [10, 25, 5, 3]


@pytest.mark.parametrize("case", CASES["valid_events"], ids=_ids(CASES["valid_events"]))
def test_valid_events_pass(case: dict[str, Any]) -> None:
    cloudevents.validate(_parsed(case["event"]))


@pytest.mark.parametrize("case", CASES["invalid_events"], ids=_ids(CASES["invalid_events"]))
def test_invalid_events_are_rejected(case: dict[str, Any]) -> None:
    with pytest.raises(Broken):
        cloudevents.validate(_parsed(case["event"]))


@pytest.mark.parametrize("case", CASES["valid_batches"], ids=_ids(CASES["valid_batches"]))
def test_valid_batches_pass(case: dict[str, Any]) -> None:
    cloudevents.validate_batch(_parsed(case["batch"]))


@pytest.mark.parametrize("case", CASES["invalid_batches"], ids=_ids(CASES["invalid_batches"]))
def test_invalid_batches_are_rejected(case: dict[str, Any]) -> None:
    with pytest.raises(Broken):
        cloudevents.validate_batch(_parsed(case["batch"]))


@pytest.mark.parametrize(
    "changed",
    [
        {"time": "2023-02-29T10:00:00Z"},
        {"time": "2023-01-01T10:00:00"},
        {"source": "not a uri"},
        {"dataschema": "/relative"},
        {"extension": 2**31},
        {"extension": {"a": 1}},
        {"extension": "line\nend"},
        {"data_base64": "not base64!", "data": None},
        {"type": "a\u0000b"},
        {"datacontenttype": "text/"},
    ],
)
def test_what_the_vectors_leave_open_follows_the_specification(changed: dict[str, Any]) -> None:
    event = _sale(1, **changed)
    if event["data"] is None:
        del event["data"]
    with pytest.raises(Broken):
        cloudevents.validate(_parsed(event))


def test_one_event_is_a_file_of_one_row(tmp_path: Path) -> None:
    text = json.dumps(_sale(1), indent=2)
    batch = batch_of(write(tmp_path / "e.json", text.encode()), MAPPING)
    assert batch.events["event_id"].to_list() == ["https://shop.example/till#1"]
    assert batch.events["payload"].to_list() == [text]


def test_an_invalid_event_of_a_batch_is_quarantined_alone(tmp_path: Path) -> None:
    bad = _sale(2)
    del bad["id"]
    repeated = json.dumps(_sale(3)).replace('"id"', '"id": "x", "id"')
    text = f" [ {json.dumps(_sale(1))} ,{json.dumps(bad)},{repeated}, 7,{json.dumps(_sale(4))}]\n"
    batch = batch_of(write(tmp_path / "b.json", text.encode()), MAPPING)
    assert batch.events["source_offset"].to_list() == [0, 4]
    assert batch.quarantine["reason"].to_list() == [
        "event_must_be_a_valid_cloudevent",
        "json_keys_must_be_unique",
        "event_must_be_a_valid_cloudevent",
    ]
    assert batch.quarantine["raw"][1] == repeated.encode()


def test_events_may_come_one_a_line(tmp_path: Path) -> None:
    text = "\n".join(json.dumps(_sale(n)) for n in range(5))
    batch = batch_of(write(tmp_path / "l.json", text.encode()), MAPPING, chunk_rows=2)
    assert batch.events["source_offset"].to_list() == list(range(5))


def test_an_empty_batch_has_no_rows(tmp_path: Path) -> None:
    assert batch_of(write(tmp_path / "b.json", b" [ ] "), MAPPING).rows == 0


@pytest.mark.parametrize(
    "text", ["[", "[{}", "[{} {}]", "[{}] more", "{", "nonsense", "[{},]", "[1,", "\xff"]
)
def test_a_file_that_is_no_json_is_refused_whole(tmp_path: Path, text: str) -> None:
    with pytest.raises(IncorrectInput) as refused:
        batch_of(write(tmp_path / "b.json", text.encode("latin-1")), MAPPING)
    assert refused.value.rule == "file_must_be_cloudevents_json"


def test_an_unknown_type_is_quarantined(tmp_path: Path) -> None:
    text = json.dumps([_sale(1, type="com.shop.other"), _sale(2)])
    batch = batch_of(write(tmp_path / "b.json", text.encode()), MAPPING)
    assert batch.quarantine["reason"].to_list() == ["event_type_must_be_known"]
