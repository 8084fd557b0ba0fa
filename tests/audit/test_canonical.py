"""The encoders of an event row agree, and the encoding cannot be read two ways."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import polars as pl
import pytest

from audit import canonical
from audit.canonical import (
    CANONICAL,
    CANONICAL_SCHEMA,
    CONTENT_COLUMNS,
    EVENT_COLUMNS,
    LAKE_COLUMNS,
    SEGMENT_COLUMNS,
    canonical_content,
    canonical_row,
    canonical_sql,
    content_hash,
    content_hashes,
    content_sql,
    leaf_hash,
    leaf_hashes,
    leaf_sql,
)
from tests.audit.canonical_rows import CORNERS, odd_rows

SEED = 20_260_101


@pytest.fixture(scope="module")
def odd() -> pl.DataFrame:
    print(f"seed {SEED}")  # noqa: T201 - shown when a test fails
    return odd_rows(100_000, seed=SEED)


def _in_duckdb(df: pl.DataFrame, *expressions: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as con:
        con.execute("set timezone = 'Pacific/Chatham'")
        con.register("rows", df.with_row_index("n").to_arrow())
        query = f"select {', '.join(expressions)} from rows order by n"
        return con.execute(query).fetchall()


def _split(digests: bytes) -> list[bytes]:
    return [digests[i : i + 32] for i in range(0, len(digests), 32)]


def test_columns_python_and_duckdb_agree_on_every_leaf_and_content_hash(odd: pl.DataFrame) -> None:
    in_duckdb = _in_duckdb(odd, leaf_sql(), content_sql())
    leaves, contents = _split(leaf_hashes(odd)), _split(content_hashes(odd))
    for n, row in enumerate(odd.iter_rows(named=True)):
        expected = leaf_hash(row).hex(), content_hash(row).hex()
        assert (leaves[n].hex(), contents[n].hex()) == expected, f"columns, row {n}: {row}"
        assert in_duckdb[n] == expected, f"DuckDB, row {n}: {row}"


def test_duckdb_writes_the_canonical_row_itself_as_python_does(odd: pl.DataFrame) -> None:
    few = odd.head(2_000)
    for row, (text,) in zip(
        few.iter_rows(named=True), _in_duckdb(few, canonical_sql()), strict=True
    ):
        assert str(text).encode() == canonical_row(row)


def test_the_odd_rows_hold_every_corner_and_null_in_every_column(odd: pl.DataFrame) -> None:
    for column in CANONICAL:
        series = odd.get_column(column.name)
        assert series.null_count() > 0
        assert set(CORNERS[column.kind]) <= set(series.to_list())


@pytest.mark.parametrize("rows", [1, 2, 255, 3_000])
def test_constant_and_all_null_columns_hash_as_varying_ones_do(rows: int) -> None:
    one = odd_rows(1, seed=SEED)
    nulls = pl.DataFrame({c: [None] for c in one.columns}, schema=CANONICAL_SCHEMA)
    for single in (one, nulls):
        repeated = pl.concat([single] * rows)
        expected = leaf_hash(single.row(0, named=True))
        assert leaf_hashes(repeated) == expected * rows


def test_chunks_join_to_the_same_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    df = odd_rows(1_000, seed=SEED)
    whole = leaf_hashes(df)
    for chunk_rows, threads in [(1, 3), (7, 64), (999, 2), (1_000, 2)]:
        monkeypatch.setattr(canonical, "CHUNK_ROWS", chunk_rows)
        monkeypatch.setattr(pl, "thread_pool_size", lambda threads=threads: threads)
        assert leaf_hashes(df) == whole


def test_slices_and_joined_frames_hash_as_their_rows_do() -> None:
    df = odd_rows(300, seed=SEED)
    joined = pl.concat([df[250:], df[:250]], rechunk=False)[3:299]
    assert leaf_hashes(joined) == b"".join(leaf_hash(row) for row in joined.iter_rows(named=True))
    assert canonical.text_hashes(joined["payload"].fill_null("")[10:200]) == b"".join(
        hashlib.sha256(text.encode()).digest()
        for text in joined["payload"].fill_null("")[10:200].to_list()
    )


def test_no_rows_give_no_hashes() -> None:
    assert leaf_hashes(pl.DataFrame(schema=CANONICAL_SCHEMA)) == b""


def test_column_order_of_the_frame_and_columns_beside_do_not_matter() -> None:
    df = odd_rows(50, seed=SEED)
    shuffled = df.select(reversed(df.columns)).with_columns(extra=pl.lit(1))
    assert leaf_hashes(shuffled) == leaf_hashes(df)


def test_every_column_but_where_and_when_it_was_read_is_content() -> None:
    not_content = {c.name for c in CANONICAL} - set(CONTENT_COLUMNS)
    assert not_content == {
        "tenant_id", "family", "commit_seq", "ingest_time", "row_index",
        "source", "source_partition", "source_offset",
    }  # fmt: skip


def test_changing_any_column_changes_the_leaf_and_only_content_columns_the_content_hash() -> None:
    row = odd_rows(1, seed=3).row(0, named=True)
    for column in CANONICAL:
        other = next(v for v in CORNERS[column.kind] if v != row[column.name])
        changed = {**row, column.name: other}
        assert leaf_hash(changed) != leaf_hash(row), column.name
        same_content = content_hash(changed) == content_hash(row)
        assert same_content == (column.name not in CONTENT_COLUMNS), column.name


def test_null_empty_and_dash_are_three_different_texts() -> None:
    row = odd_rows(1, seed=1).row(0, named=True)
    encoded = {canonical_row({**row, "store_id": v}) for v in (None, "", "-", "s0:,")}
    assert len(encoded) == 4


def test_text_cannot_move_from_one_column_to_its_neighbour() -> None:
    row = odd_rows(1, seed=1).row(0, named=True)
    one = canonical_row({**row, "category": "a,s1:b", "channel": "c"})
    two = canonical_row({**row, "category": "a", "channel": "b,s1:c"})
    assert one != two


def test_columns_split_into_given_by_the_source_and_given_by_the_lake() -> None:
    assert LAKE_COLUMNS == ("tenant_id", "commit_seq", "ingest_time", "row_index")
    assert set(EVENT_COLUMNS) | set(LAKE_COLUMNS) == {c.name for c in CANONICAL}
    assert EVENT_COLUMNS[0] == "family"
    assert "family" not in SEGMENT_COLUMNS


def test_a_worked_row_reads_as_the_grammar_says() -> None:
    content = {
        "event_id": "e", "event_type": "SaleRecorded", "schema_version": 1, "stream_id": "é",
        "stream_version": None, "event_time": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        "correlation_id": "", "causation_id": None, "store_id": "7", "account_id": None,
        "category": None, "channel": None, "currency": "GBP", "amount": Decimal("-0.5"),
        "quantity": Decimal(3), "payload": "{}",
    }  # fmt: skip
    text = "v1;s1:e,s12:SaleRecorded,i1;s2:é,-t1000000;s0:,-s1:7,---s3:GBP,d-5000;d30000;s2:{},"
    assert canonical_content(content) == text.encode()
    assert content_hash(content) == hashlib.sha256(text.encode()).digest()


@pytest.mark.parametrize(
    ("column", "wrong", "error"),
    [
        ("amount", Decimal("0.00001"), ValueError),
        ("amount", 1.5, TypeError),
        ("payload", b"{}", TypeError),
        ("event_time", datetime(2024, 1, 1), ValueError),  # noqa: DTZ001 - no zone is the point
        ("row_index", "1", TypeError),
        ("row_index", True, TypeError),
    ],
)
def test_the_reference_refuses_what_it_cannot_write_exactly(
    column: str, wrong: object, error: type[Exception]
) -> None:
    row = odd_rows(1, seed=1).row(0, named=True)
    with pytest.raises(error):
        canonical_row({**row, column: wrong})


def test_a_frame_of_other_types_is_refused_with_the_column_and_both_types() -> None:
    df = odd_rows(3, seed=1)
    with pytest.raises(ValueError, match=r"amount: expected Decimal.*found Decimal.*scale=2"):
        leaf_hashes(
            df.with_columns(pl.lit(Decimal("1.00")).cast(pl.Decimal(18, 2)).alias("amount"))
        )
    with pytest.raises(ValueError, match=r"column payload: .* found no such column"):
        content_hashes(df.drop("payload"))
