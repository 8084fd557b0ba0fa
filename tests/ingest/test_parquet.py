"""Parquet: typed columns, payloads that keep every value, files cut off or of wrong types."""

import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from ingestion.sources import row_json
from ledger.errors import IncorrectInput, NotSupported
from tests.ingest.given import Home, batch_of, till, write

PARQUET = till("parquet")
TIME = datetime(2025, 6, 1, 10, tzinfo=UTC)


def _frame(rows: int = 3, **columns: object) -> pl.DataFrame:
    data = {
        "id": list(range(rows)),
        "at": [TIME] * rows,
        "store": ["s1"] * rows,
        "currency": ["EUR"] * rows,
        "amount": [n + 0.25 for n in range(rows)],
        **columns,
    }
    return pl.DataFrame(data, strict=False)


def _file(tmp_path: Path, frame: pl.DataFrame, name: str = "f.parquet") -> Path:
    frame.write_parquet(tmp_path / name, row_group_size=1_000)
    return tmp_path / name


def test_typed_rows_become_events(tmp_path: Path) -> None:
    batch = batch_of(_file(tmp_path, _frame()), PARQUET)
    assert batch.events["amount"].to_list() == [Decimal("0.25"), Decimal("1.25"), Decimal("2.25")]
    assert batch.events["event_time"].to_list() == [TIME] * 3
    assert json.loads(batch.events["payload"][0]) == {
        "id": 0,
        "at": "2025-06-01T10:00:00Z",
        "store": "s1",
        "currency": "EUR",
        "amount": 0.25,
    }


def test_rows_come_in_order_from_any_offset_and_chunk(tmp_path: Path) -> None:
    path = _file(tmp_path, _frame(5_000))
    whole = batch_of(path, PARQUET)
    parts = batch_of(path, PARQUET, chunk_rows=700)
    assert parts.events.equals(whole.events)
    assert whole.events["source_offset"].to_list() == list(range(5_000))


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        (math.nan, "amount_must_be_finite"),
        (math.inf, "amount_must_be_finite"),
        (-math.inf, "amount_must_be_finite"),
        (0.12345, "amount_must_have_at_most_4_decimals"),
        (1e14, "amount_must_be_within_range"),
        (-0.5, "amount_must_not_be_negative"),
        (None, "amount_must_be_given"),
    ],
)
def test_a_float_that_is_no_amount_is_quarantined_with_the_value_kept(
    tmp_path: Path, amount: float | None, reason: str
) -> None:
    batch = batch_of(_file(tmp_path, _frame(amount=[1.5, amount, 2.5])), PARQUET)
    assert batch.events["source_offset"].to_list() == [0, 2]
    assert batch.quarantine["reason"].to_list() == [reason]
    kept = json.loads(batch.quarantine["raw"][0])["amount"]
    texts = {math.inf: "Infinity", -math.inf: "-Infinity"}
    lost = amount is not None and math.isnan(amount)
    assert kept == ("NaN" if lost else texts.get(amount, amount))  # type: ignore[arg-type]


def test_every_type_has_a_json_form_that_loses_nothing() -> None:
    frame = pl.DataFrame(
        {
            "text": ['a"\n\u2028\N{PILE OF POO}', None],
            "whole": [2**53 + 1, None],
            "huge": pl.Series([2**64 - 1, None], dtype=pl.UInt64),
            "float": [0.1, None],
            "odd": [math.nan, -math.inf],
            "yes": [True, None],
            "exact": pl.Series([Decimal("1.50"), None], dtype=pl.Decimal(10, 2)),
            "instant": [TIME.replace(microsecond=5), None],
            "local": [datetime.fromisoformat("2025-06-01T10:30"), None],
            "nanos": pl.Series([1, None], dtype=pl.Int64).cast(pl.Datetime("ns")),
            "day": [date(2025, 6, 1), None],
            "clock": [time(1, 2, 3), None],
            "span": [timedelta(days=1), None],
            "bytes": [b"\xff\x00", None],
            "kind": pl.Series(["x", None], dtype=pl.Categorical),
            "list": [[1, 2], None],
            "inner": [{"a": "b"}, None],
            "nothing": [None, None],
        }
    )
    first, second = (json.loads(text) for text in row_json.encode(frame, thing="file f"))
    assert first == {
        "text": 'a"\n\u2028\N{PILE OF POO}',
        "whole": 2**53 + 1,
        "huge": 2**64 - 1,
        "float": "0.1",
        "odd": "NaN",
        "yes": True,
        "exact": "1.50",
        "instant": "2025-06-01T10:00:00.000005Z",
        "local": "2025-06-01T10:30:00",
        "nanos": "1970-01-01T00:00:00.000000001",
        "day": "2025-06-01",
        "clock": "01:02:03",
        "span": "PT86400S",
        "bytes": "/wA=",
        "kind": "x",
        "list": [1, 2],
        "inner": {"a": "b"},
        "nothing": None,
    }
    assert second["odd"] == "-Infinity"
    assert all(value is None for name, value in second.items() if name != "odd")


def test_a_row_has_one_payload_whatever_rows_stand_beside_it() -> None:
    frame = pl.DataFrame({"a": [1.5, math.nan, 2.5], "b": [1.0, 2.0, math.inf]})
    whole = row_json.encode(frame, thing="file f").to_list()
    alone = [row_json.encode(frame[n], thing="file f")[0] for n in range(3)]
    assert whole == alone


def test_a_column_without_json_form_is_not_supported(tmp_path: Path) -> None:
    path = _file(tmp_path, _frame(extra=[[b"x"], [b"y"], None]))
    with pytest.raises(NotSupported) as refused:
        batch_of(path, PARQUET)
    assert refused.value.rule == "column_must_have_a_json_form"


@pytest.mark.parametrize(
    ("columns", "rule", "named"),
    [
        ({"amount": [True, False, True]}, "column_must_have_a_fitting_type", "event.amount"),
        ({"amount": [[1], [2], [3]]}, "column_must_have_a_fitting_type", "event.amount"),
        ({"store": [b"a", b"b", b"c"]}, "column_must_have_a_fitting_type", "event.store_id"),
        ({"at": [1.5, 2.5, 3.5]}, "column_must_have_a_fitting_type", "event.time"),
        (
            {"at": [datetime.fromisoformat("2025-06-01")] * 3},
            "event_time_must_have_a_time_zone",
            "f.parquet",
        ),
    ],
)
def test_a_column_of_the_wrong_type_refuses_the_file(
    tmp_path: Path, columns: dict[str, object], rule: str, named: str
) -> None:
    with pytest.raises(IncorrectInput) as refused:
        batch_of(_file(tmp_path, _frame(**columns)), PARQUET)
    assert refused.value.rule == rule
    assert named in refused.value.thing


def test_a_missing_column_refuses_the_file_naming_it(tmp_path: Path) -> None:
    with pytest.raises(IncorrectInput) as refused:
        batch_of(_file(tmp_path, _frame().drop("amount")), PARQUET)
    assert refused.value.rule == "file_must_have_the_mapping's_columns"
    assert refused.value.expected == "column 'amount'"


@pytest.mark.parametrize("keep", [4, 100, 0.5, 0.99])
def test_a_truncated_file_is_refused_whole(tmp_path: Path, keep: float) -> None:
    data = _file(tmp_path, _frame(5_000)).read_bytes()
    cut = int(len(data) * keep) if keep < 1 else int(keep)
    home = Home(tmp_path / "home")
    report = home.ingest(write(tmp_path / "cut.parquet", data[:cut]), PARQUET, chunk_rows=1_000)
    assert report.status == "refused"
    assert report.error is not None
    assert report.error.rule == "file_must_be_whole_parquet"
    assert home.commits() == []


def test_a_damaged_page_far_in_the_file_refuses_it_whole(tmp_path: Path) -> None:
    """Not only the chunks behind it: the first chunk must not be committed either."""
    data = bytearray(_file(tmp_path, _frame(20_000)).read_bytes())
    middle = int(len(data) * 0.8)
    data[middle : middle + 400] = b"\xff" * 400
    home = Home(tmp_path / "home")
    report = home.ingest(write(tmp_path / "bad.parquet", bytes(data)), PARQUET, chunk_rows=1_000)
    assert report.status == "refused"
    assert home.commits() == []


def test_a_file_of_no_rows_adds_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    report = home.ingest(_file(tmp_path, _frame().clear()), PARQUET)
    assert (report.status, report.rows) == ("nothing_new", 0)


def test_columns_of_nulls_only_are_read(tmp_path: Path) -> None:
    frame = _frame().with_columns(amount=pl.lit(None), at=pl.lit(None))
    batch = batch_of(_file(tmp_path, frame), PARQUET)
    assert batch.quarantine["reason"].unique().to_list() == ["event_time_must_be_given"]
