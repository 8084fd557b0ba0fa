"""Control events from plain files: their payload is built from the mapping, the row kept in it."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from ingestion.rehearsal import rehearse
from ledger import saga_kinds
from ledger.control_events import RESERVED
from tests.ingest.given import TILL_CSV, batch_of, csv_text, intake, till, write
from tests.ingest.test_cloudevents import MAPPING as CLOUDEVENTS

STORE_DAYS = """
mapping = 1
source = "store-days"
format = "csv"
[columns]
count = "integer"
[event]
type = "StoreDayUploaded"
id = { expression = "concat(store, '/', day)" }
time = { column = "sent" }
store_id = { column = "store" }
currency = { constant = "EUR" }
amount = { column = "total" }
quantity = { column = "count" }
[payload]
business_date = { column = "day" }
"""

KIND_HEADER = "id,at,kind"
CHOKE_POINT = "control_event_must_come_through_the_choke_point"
POLICY = """
mapping = 1
source = "policy"
format = "csv"
[columns]
days = "integer"
hours = "integer"
[event]
type = "LatenessPolicySet"
id = { column = "id" }
time = { column = "at" }
[payload]
max_delay_days = { column = "days" }
initial_grace_hours = { column = "hours" }
"""


def test_a_store_day_carries_its_count_and_sum_in_columns_and_payload(tmp_path: Path) -> None:
    header = "store,day,count,total,sent"
    rows = [
        "s1,2025-05-31,3,12.50,2025-06-01T02:00:00Z",
        "s1,2025-02-30,3,12.50,2025-06-01T02:00:00Z",
        "s1,2025-05-30,-1,12.50,2025-06-01T02:00:00Z",
        "s1,2025-05-29,2.5,12.50,2025-06-01T02:00:00Z",
    ]
    batch = batch_of(write(tmp_path / "f.csv", csv_text(*rows, header=header)), STORE_DAYS)
    (event,) = batch.events.to_dicts()
    assert (event["family"], event["stream_id"]) == ("control", "s1")
    assert (event["amount"], event["quantity"]) == (Decimal("12.5"), 3)
    assert json.loads(event["payload"]) == {
        "business_date": "2025-05-31",
        "store_id": "s1",
        "event_count": 3,
        "amount": "12.5000",
        "currency": "EUR",
        "source_row": dict(zip(header.split(","), rows[0].split(","), strict=True)),
    }
    assert batch.quarantine["reason"].to_list() == [
        "payload_business_date_must_be_a_date",
        "quantity_must_not_be_negative",
        "column_count_must_be_whole",
    ]


def test_a_policy_from_a_file_is_quarantined_byte_for_byte(tmp_path: Path) -> None:
    rows = ["p1,2025-06-01T02:00:00Z,5,6", "p2,2025-06-01T02:00:00Z,5,"]
    path = write(tmp_path / "f.csv", csv_text(*rows, header="id,at,days,hours"))
    batch = batch_of(path, POLICY)
    assert batch.events.is_empty()
    assert batch.quarantine["reason"].to_list() == [CHOKE_POINT] * len(rows)
    assert batch.quarantine["raw"].to_list() == [row.encode() for row in rows]


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        *((kind, CHOKE_POINT) for kind in sorted(RESERVED)),
        *((kind, saga_kinds.JOURNAL_RULE) for kind in sorted(saga_kinds.RESERVED)),
    ],
)
@pytest.mark.parametrize("source", ["policy", "ledgerlake", "ledgerlake-settings", "journal"])
def test_no_reserved_type_comes_from_a_file_whatever_its_source_is_called(
    tmp_path: Path, kind: str, rule: str, source: str
) -> None:
    of_the_row = "type = { expression = \"concat(kind, '')\" }"
    text = POLICY.replace('type = "LatenessPolicySet"', of_the_row).split("[payload]")[0]
    text = text.replace('[columns]\ndays = "integer"\nhours = "integer"\n', "")
    text = text.replace('source = "policy"', f'source = "{source}"')
    path = write(
        tmp_path / "f.csv", csv_text(f"p1,2025-06-01T02:00:00Z,{kind}", header=KIND_HEADER)
    )
    batch = batch_of(path, text)
    assert batch.events.is_empty()
    assert batch.quarantine["reason"].to_list() == [rule]
    assert f"found {kind}" in batch.quarantine["detail"][0]


@pytest.mark.parametrize(
    "text", [TILL_CSV, till("parquet"), till("jsonl"), CLOUDEVENTS, STORE_DAYS, POLICY]
)
def test_a_rehearsal_goes_through_every_format_and_leaves_nothing(text: str) -> None:
    rehearse(intake(text))
