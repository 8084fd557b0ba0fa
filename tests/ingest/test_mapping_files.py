"""Mapping files: what they can say, and that each mistake names key, value and what is allowed."""

import hashlib
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import mapping
from ingestion.mapping import OccurrenceCounter, expressions, ids
from ledger.errors import IncorrectInput
from tests.ingest.given import GOOD_ROW, TILL_CSV, batch_of, csv_text, till_rows, write


def _refusal(text: str) -> IncorrectInput:
    with pytest.raises(IncorrectInput) as refused:
        mapping.from_text(text, thing="mapping m.toml")
    return refused.value


@pytest.mark.parametrize(
    ("before", "after", "key", "found", "allowed"),
    [
        ('format = "csv"', 'format = "xml"', "format", "'xml'", "'parquet', 'csv', 'jsonl'"),
        ('format = "csv"', "", "format", "nothing", "this key"),
        ("mapping = 1", "mapping = 2", "mapping", "2", "1"),
        ('source = "till"', 'source = "my till"', "source", "'my till'", "pattern"),
        ('source = "till"', 'sauce = "till"', "sauce", "'sauce'", "mapping, source, format"),
        ('type = "SaleRecorded"', 'type = "SaleMade"', "event.type", "'SaleMade'", "SaleRecorded"),
        ('type = "SaleRecorded"', 'type = "SaleRecorded"\nversion = 3', "event.version", "3", "1"),
        (
            '{ column = "store" }',
            '{ colum = "store" }',
            "event.store_id.colum",
            "'colum'",
            "column, constant, expression",
        ),
        (
            '{ column = "store" }',
            '{ column = "store", constant = "x" }',
            "event.store_id",
            "store",
            "exactly one of column, constant, expression",
        ),
        ('{ column = "store" }', "{ }", "event.store_id", "{}", "exactly one of"),
        ('{ column = "store" }', '"s1"', "event.store_id", "'s1'", "dictionary"),
        (
            'store_id = { column = "store" }\n',
            "",
            "event.store_id",
            "nothing",
            "SaleRecorded demands",
        ),
        (
            'amount = { column = "amount" }',
            'amount = { column = "amount", unit = "cents" }',
            "event.amount.unit",
            "'cents'",
            "'major' or 'minor'",
        ),
        (
            'amount = { column = "amount" }',
            'amount = { column = "amount", scale = "x" }',
            "event.amount",
            "'x'",
            "decimal number",
        ),
        (
            'amount = { column = "amount" }',
            'amount = { column = "amount", unit = "minor", scale = "0.1" }',
            "event.amount",
            "minor",
            "not both",
        ),
        (
            '{ column = "at" }',
            '{ column = "at", time_zone = "London" }',
            "event.time.time_zone",
            "'London'",
            "Europe/London",
        ),
        (
            '{ column = "at" }',
            '{ column = "at", ambiguous = "guess" }',
            "event.time.ambiguous",
            "'guess'",
            "'reject', 'earliest' or 'latest'",
        ),
        (
            '{ column = "at" }',
            '{ column = "at", format = "unix" }',
            "event.time.format",
            "'unix'",
            "iso8601, epoch_s",
        ),
        (
            '{ column = "id", prefix = "till-" }',
            "{ hash = [] }",
            "event.id",
            "[]",
            "at least one column",
        ),
        (
            '{ column = "id", prefix = "till-" }',
            '{ column = "id", occurrence = true }',
            "event.id",
            "True",
            "together with hash",
        ),
        (
            '{ column = "currency" }',
            '{ constant = "Euro" }',
            "event.currency.constant",
            "'Euro'",
            "ISO 4217",
        ),
        (
            "[event]",
            '[columns]\nid = "number"\n[event]',
            "columns.id.type",
            "'number'",
            "'text', 'integer' or 'decimal'",
        ),
        (
            "[event]",
            '[columns]\nid = { path = "a.b" }\n[event]',
            "columns.id.path",
            "'a.b'",
            "jsonl or cloudevents",
        ),
        (
            "[event]",
            '[csv]\nseparator = ";;"\n[event]',
            "csv.separator",
            "';;'",
            "one ASCII character",
        ),
        ("[event]", "[event]\naccount = 1", "event.account", "'account'", "account_id"),
        (
            "[event]",
            '[payload]\nsource_row = { constant = "x" }\n[event]',
            "payload.source_row",
            "row itself",
            "another name",
        ),
    ],
)
def test_a_mistake_names_key_value_and_what_is_allowed(
    before: str, after: str, key: str, found: str, allowed: str
) -> None:
    assert before in TILL_CSV
    error = _refusal(TILL_CSV.replace(before, after))
    assert error.thing == f"mapping m.toml, key {key}"
    assert found in error.found
    assert allowed in error.expected


def test_a_table_for_another_format_is_refused() -> None:
    error = _refusal(TILL_CSV.replace('"csv"', '"jsonl"').replace("[event]", "[csv]\n[event]"))
    assert "key csv" in error.thing


def test_what_a_contract_forbids_cannot_be_mapped() -> None:
    text = TILL_CSV.replace('"SaleRecorded"', '"AccountClosed"')
    text += 'account_id = { column = "store" }\n'
    assert "event.amount" in _refusal(text).thing


def test_payload_fields_a_contract_demands_must_be_mapped() -> None:
    text = TILL_CSV.replace('"SaleRecorded"', '"StoreRegistered"')
    text = text.replace('amount = { column = "amount" }', "")
    assert "payload.time_zone" in _refusal(text).thing


def test_a_file_that_is_no_toml_or_not_there_is_refused(tmp_path: Path) -> None:
    assert _refusal("mapping = ").rule == "mapping_must_be_toml"
    with pytest.raises(IncorrectInput) as refused:
        mapping.load(tmp_path / "none.toml")
    assert refused.value.rule == "mapping_must_be_readable"
    assert str(tmp_path / "none.toml") in refused.value.thing


@pytest.mark.parametrize(
    "text",
    [
        "sum(amount)",
        "row_number() over ()",
        "count(*)",
        "now()",
        "current_timestamp",
        "read_csv('x')",
        "(select 1)",
        "lag(amount)",
    ],
)
def test_an_expression_sees_its_own_row_and_nothing_else(text: str) -> None:
    with pytest.raises(IncorrectInput) as refused:
        expressions.parse(text, key="event.amount", thing="mapping m.toml")
    assert refused.value.rule == "expression_must_use_row_functions"
    assert refused.value.thing == "mapping m.toml, key event.amount"


@pytest.mark.parametrize("text", ["amount +", "case when", "'open", "amount as x as y"])
def test_an_expression_nobody_can_parse_is_refused(text: str) -> None:
    with pytest.raises(IncorrectInput) as refused:
        expressions.parse(text, key="event.amount", thing="mapping m.toml")
    assert refused.value.rule == "expression_must_be_sql"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("upper(a) || '-' || b", "X-2"),
        ("case when b > 1 then 'many' else 'one' end", "many"),
        ('"odd name" * 2', 14),
        ("coalesce(nullif(a, 'x'), 'sum(y) over z')", "sum(y) over z"),
        ("cast(substr(c, 1, 2) as int) + b", 14),
        ("split_part(c, '/', 2)", "34"),
        ("abs(-b)", 2),
        ("'constant'", "constant"),
    ],
)
def test_expressions_compute_per_row(text: str, value: object) -> None:
    rows = pl.DataFrame({"a": ["x"], "b": [2], "c": ["12/34"], "odd name": [7]})
    parsed = expressions.parse(text, key="k", thing="m")
    many = pl.concat([rows] * 3)
    assert expressions.evaluate(many, parsed, key="k", thing="m").values.to_list() == [value] * 3


def test_a_row_an_expression_fails_on_is_quarantined_alone(tmp_path: Path) -> None:
    text = TILL_CSV.replace('{ column = "amount" }', '{ expression = "cast(amount as int) * 2" }')
    rows = [row.replace(".25", "") for row in till_rows(50)]
    rows[17] = rows[17].replace("17", "seventeen", 2)
    batch = batch_of(write(tmp_path / "f.csv", csv_text(*rows)), text)
    assert batch.events.height == 49
    assert batch.events["amount"].to_list()[-1] == 98
    assert batch.quarantine["reason"].to_list() == ["amount_must_be_computable"]
    assert batch.quarantine["source_offset"].to_list() == [17]


def test_an_expression_that_never_fits_refuses_the_file(tmp_path: Path) -> None:
    text = TILL_CSV.replace('{ column = "amount" }', '{ expression = "amount + 1" }')
    with pytest.raises(IncorrectInput) as refused:
        batch_of(write(tmp_path / "f.csv", csv_text(*till_rows(3))), text)
    assert refused.value.rule == "expression_must_fit_the_file"
    assert "event.amount" in refused.value.thing


def test_typed_columns_compute_exactly(tmp_path: Path) -> None:
    text = TILL_CSV.replace(
        "[event]", '[columns]\namount = "decimal"\nid = "integer"\n[event]'
    ).replace('{ column = "amount" }', '{ expression = "amount * id" }')
    rows = ["3,2025-06-01T10:00:00Z,s1,EUR,0.1", "x,2025-06-01T10:00:00Z,s1,EUR,1"]
    rows += ["4,2025-06-01T10:00:00Z,s1,EUR,1.2345678", "5,2025-06-01T10:00:00Z,s1,EUR,0.00001"]
    batch = batch_of(write(tmp_path / "f.csv", csv_text(*rows)), text)
    assert batch.events["amount"].to_list() == [Decimal("0.3")]
    assert batch.quarantine["reason"].to_list() == [
        "column_id_must_be_a_number",
        "column_amount_must_have_at_most_6_decimals",
        "amount_must_have_at_most_4_decimals",
    ]


def test_minor_units_and_scales_reach_the_event(tmp_path: Path) -> None:
    rows = [GOOD_ROW.replace("12.34", "1234"), "2,2025-06-01T10:00:00Z,s1,JPY,1234"]
    path = write(tmp_path / "f.csv", csv_text(*rows))
    minor = TILL_CSV.replace('{ column = "amount" }', '{ column = "amount", unit = "minor" }')
    assert batch_of(path, minor).events["amount"].to_list() == [Decimal("12.34"), Decimal(1234)]
    scaled = TILL_CSV.replace('{ column = "amount" }', '{ column = "amount", scale = "0.001" }')
    assert batch_of(path, scaled).events["amount"].to_list() == [Decimal("1.234")] * 2


HASHED = TILL_CSV.replace(
    '{ column = "id", prefix = "till-" }', '{ hash = ["id", "store"], occurrence = true }'
)


def test_a_hash_id_can_be_computed_again_elsewhere(tmp_path: Path) -> None:
    batch = batch_of(write(tmp_path / "f.csv", csv_text(GOOD_ROW)), HASHED)
    expected = hashlib.sha256(b"1:1,2:s1,").hexdigest()[:32]
    assert batch.events["event_id"].to_list() == [f"till:{expected}-1"]


def test_missing_values_hash_unlike_empty_texts_and_neighbours_do_not_run_together() -> None:
    rows = pl.DataFrame({"a": ["", None, "x", "xy"], "b": ["x", "x", "yz", "z"]})
    hashes = ids.row_hashes(rows)
    assert hashes.n_unique() == 4
    assert hashes[1] == hashlib.sha256(b"-1:x,").hexdigest()[:32]


def test_rows_that_are_alike_are_numbered_through_the_file(tmp_path: Path) -> None:
    rows = [GOOD_ROW, GOOD_ROW, "2,2025-06-01T10:00:00Z,s1,EUR,1", GOOD_ROW]
    path = write(tmp_path / "f.csv", csv_text(*rows))
    for chunk_rows in (1, 2, 3, 10):
        found = batch_of(path, HASHED, chunk_rows=chunk_rows).events["event_id"].to_list()
        assert [one[-2:] for one in found] == ["-1", "-2", "-1", "-3"]
        assert len(set(found)) == 4


@given(st.lists(st.integers(0, 12), min_size=1, max_size=80), st.integers(1, 9))
@settings(max_examples=150, deadline=None)
def test_numbers_do_not_depend_on_where_chunks_end(keys: list[int], size: int) -> None:
    counter = OccurrenceCounter()
    values = [f"{key:032x}" for key in keys]
    numbered = [
        number
        for at in range(0, len(values), size)
        for number in counter.number(pl.Series(values[at : at + size], dtype=pl.String))
    ]
    assert numbered == [keys[: n + 1].count(key) for n, key in enumerate(keys)]


def test_the_whole_row_can_be_the_id(tmp_path: Path) -> None:
    text = TILL_CSV.replace('{ column = "id", prefix = "till-" }', '{ hash = "row", prefix = "" }')
    batch = batch_of(write(tmp_path / "f.csv", csv_text(*till_rows(5))), text)
    assert batch.events["event_id"].n_unique() == 5
    assert batch.events["event_id"].str.len_chars().unique().to_list() == [32]
