"""CSV as it comes: quotes, line ends, gzip, and rows that cannot be taken apart."""

import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.mapping.spec import CsvPart
from ingestion.sources import Limits, inspect
from ingestion.sources.chunk import SourceChunk
from ingestion.sources.csv_file import CsvSource
from ledger.errors import IncorrectInput
from tests.ingest.given import GOOD_ROW, TILL_CSV, TILL_HEADER, batch_of, csv_text, write

GOOD = GOOD_ROW.encode()
HEADER = TILL_HEADER.encode()


def _chunks(
    path: Path, how: CsvPart | None = None, start: int = 0, **limits: int
) -> list[SourceChunk]:
    source = CsvSource(inspect(path), Limits(**limits), how or CsvPart())
    source.verify()
    chunks = list(source.chunks(start))
    assert source.rows == (chunks[-1].stop if chunks else start)
    return chunks


cells = st.text(
    st.characters(codec="utf-8", exclude_characters="\r", exclude_categories=["Cs"]), max_size=8
)


@given(
    rows=st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=30),
    line_end=st.sampled_from(["\n", "\r\n"]),
    chunk_rows=st.integers(1, 7),
    end=st.booleans(),
)
@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_any_text_a_csv_writer_wrote_comes_back(
    tmp_path: Path, rows: list[tuple[str, ...]], line_end: str, chunk_rows: int, end: bool
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=line_end)
    writer.writerows([("a", "b", "c"), *rows])
    text = out.getvalue() if end else out.getvalue().removesuffix(line_end)
    chunks = _chunks(write(tmp_path / "f.csv", text.encode()), chunk_rows=chunk_rows)
    read = [tuple(json.loads(p).values()) for c in chunks for p in c.payload]
    assert read == [tuple(row) for row in rows]
    assert [o for c in chunks for o in c.offsets] == list(range(len(rows)))
    raw = [r for c in chunks if c.raw is not None for r in c.raw]
    assert raw == _records_of(text)[1:]


def _records_of(text: str) -> list[bytes]:
    """Records of well-formed CSV, by walking it character by character."""
    records, current, quoted = [], "", False
    for character in text:
        quoted ^= character == '"'
        if character == "\n" and not quoted:
            records.append(current.removesuffix("\r"))
            current = ""
        else:
            current += character
    return [r.encode() for r in [*records, current] if r]


def test_fields_keep_the_text_received(tmp_path: Path) -> None:
    row = "1,2025-06-01T10:00:00Z, s1 ,EUR,012.3400"
    batch = batch_of(write(tmp_path / "f.csv", csv_text(row)))
    assert json.loads(batch.events["payload"][0])["amount"] == "012.3400"
    assert batch.events["store_id"].to_list() == [" s1 "]


def test_a_field_may_hold_line_ends_separators_and_quotes(tmp_path: Path) -> None:
    row = '1,2025-06-01T10:00:00Z,"s\n""1"", the big one",EUR,1'
    batch = batch_of(write(tmp_path / "f.csv", csv_text(row, GOOD_ROW.replace("1,", "2,", 1))))
    assert batch.events["store_id"].to_list() == ['s\n"1", the big one', "s1"]


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    text = HEADER + b"\n\n" + GOOD + b"\n\r\n\n" + GOOD.replace(b"1,", b"2,", 1)
    batch = batch_of(write(tmp_path / "f.csv", text))
    assert batch.events["source_offset"].to_list() == [0, 1]


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    batch = batch_of(write(tmp_path / "f.csv", b"\xef\xbb\xbf" + csv_text(GOOD_ROW)))
    assert batch.events.height == 1


def test_gzip_is_recognised_by_its_content(tmp_path: Path) -> None:
    two = gzip.compress(csv_text(GOOD_ROW)) + gzip.compress(GOOD.replace(b"1,", b"2,", 1))
    batch = batch_of(write(tmp_path / "no-suffix", two + b"\0" * 100))
    assert batch.events["event_id"].to_list() == ["till-1", "till-2"]


@pytest.mark.parametrize(
    ("row", "reason", "found"),
    [
        (GOOD + b",more", "row_must_have_as_many_fields_as_the_header", "6"),
        (b"2,2025-06-01T10:00:00Z,s1", "row_must_have_as_many_fields_as_the_header", "3"),
        (b"just text", "row_must_have_as_many_fields_as_the_header", "1"),
        (GOOD.replace(b"s1", b"s\xff"), "text_must_be_utf_8", "byte 0xff at position 24"),
        (GOOD.replace(b"s1", b"\xc3\x28"), "text_must_be_utf_8", "byte 0xc3"),
        (GOOD.replace(b"s1", b'5" by 6"'), "quotes_must_enclose_whole_fields", "quote"),
        (GOOD.replace(b"s1", b'"s"1'), "quotes_must_enclose_whole_fields", "quote"),
    ],
)
def test_a_row_that_cannot_be_taken_apart_is_kept_byte_for_byte(
    tmp_path: Path, row: bytes, reason: str, found: str
) -> None:
    text = b"\n".join([HEADER, GOOD, row, GOOD.replace(b"1,", b"3,", 1), b""])
    batch = batch_of(write(tmp_path / "f.csv", text))
    assert batch.events["event_id"].to_list() == ["till-1", "till-3"]
    assert batch.quarantine["raw"].to_list() == [row]
    assert batch.quarantine["reason"].to_list() == [reason]
    assert found in batch.quarantine["detail"][0]
    assert batch.quarantine["source_offset"].to_list() == [1]


def test_a_long_row_is_quarantined_whole_and_the_rest_goes_on(tmp_path: Path) -> None:
    long = GOOD.replace(b"s1", b"s" * 1_000)
    text = b"\n".join([HEADER, GOOD, long, GOOD.replace(b"1,", b"3,", 1)])
    batch = batch_of(write(tmp_path / "f.csv", text), line_bytes=500)
    assert batch.events.height == 2
    assert batch.quarantine["raw"].to_list() == [long]
    assert "ingest.largest_line_mb" in batch.quarantine["detail"][0]


def test_a_line_of_100_mb_is_quarantined_and_the_rest_goes_on(tmp_path: Path) -> None:
    long = GOOD.replace(b"s1", b"s" * 100_000_000)
    text = b"\n".join([HEADER, GOOD, long, GOOD.replace(b"1,", b"3,", 1)])
    batch = batch_of(write(tmp_path / "f.csv", text))
    assert batch.events.height == 2
    assert batch.quarantine["reason"].to_list() == ["row_must_not_be_longer_than_the_limit"]
    assert batch.quarantine["raw"][0] == long


def test_rows_resume_at_an_offset_whatever_the_chunk(tmp_path: Path) -> None:
    rows = [GOOD_ROW.replace("1,", f"{n},", 1) for n in range(20)]
    path = write(tmp_path / "f.csv", csv_text(*rows))
    for start in (0, 1, 7, 19, 20):
        offsets = [o for c in _chunks(path, start=start, chunk_rows=6) for o in c.offsets]
        assert offsets == list(range(start, 20))


def test_other_separators_no_quotes_and_no_header(tmp_path: Path) -> None:
    header = '["id", "at", "store", "currency", "amount"]'
    csv_part = f'csv = {{ separator = ";", quote = "", header = {header} }}\n'
    text = TILL_CSV.replace("[event]", csv_part + "[event]")
    row = GOOD_ROW.replace(",", ";").replace("s1", '5" by 6')
    batch = batch_of(write(tmp_path / "f.csv", row.encode()), text)
    assert batch.events["store_id"].to_list() == ['5" by 6']


def test_texts_that_mean_nothing_are_no_values_but_stay_in_the_payload(tmp_path: Path) -> None:
    text = TILL_CSV.replace("[event]", 'csv = { null = ["", "NULL"] }\n[event]') + (
        'category = { column = "store" }\n'
    ).replace("store", "currency")
    rows = [GOOD_ROW, GOOD_ROW.replace("1,", "2,", 1).replace("12.34", "NULL")]
    batch = batch_of(write(tmp_path / "f.csv", csv_text(*rows)), text)
    assert batch.quarantine["reason"].to_list() == ["amount_must_be_given"]
    assert json.loads(batch.quarantine["raw"][0].decode().split(",")[0]) == 2


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "file_must_not_be_empty"),
        (b"\n\n", "file_must_have_a_header"),
        (b"id,at,id\n", "file_must_have_a_header"),
        (b"id;at;store;currency;amount\n1;2;3;4;5\n", "file_must_have_the_mapping's_columns"),
        (csv_text(GOOD_ROW).replace(b"amount", b"price"), "file_must_have_the_mapping's_columns"),
        (csv_text(GOOD_ROW).decode().encode("utf-16"), "file_must_be_utf_8"),
        (csv_text(GOOD_ROW) + b'2,"open', "quotes_must_be_closed"),
        (gzip.compress(csv_text(GOOD_ROW), mtime=0)[:-5], "file_must_be_whole_gzip"),
        (gzip.compress(csv_text(GOOD_ROW), mtime=0) + b"junk", "file_must_be_whole_gzip"),
    ],
)
def test_a_broken_file_is_refused_whole(tmp_path: Path, content: bytes, rule: str) -> None:
    path = write(tmp_path / "f.csv", content)
    with pytest.raises(IncorrectInput) as refused:
        batch_of(path)
    assert refused.value.rule == rule
    assert str(path) in refused.value.thing


def test_a_header_alone_is_a_file_of_no_rows(tmp_path: Path) -> None:
    assert _chunks(write(tmp_path / "f.csv", HEADER)) == []


def test_a_flipped_bit_in_a_gzip_is_found_before_anything_is_taken(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(csv_text(*[GOOD_ROW] * 100)))
    packed[-6] ^= 1
    with pytest.raises(IncorrectInput, match="whole gzip"):
        batch_of(write(tmp_path / "f.csv.gz", bytes(packed)))


def test_a_gzip_bomb_is_refused_by_its_growth_naming_the_setting(tmp_path: Path) -> None:
    bomb = gzip.compress(HEADER + b"\n" + b"1" * 80_000_000)
    with pytest.raises(IncorrectInput, match=r"ingest\.largest_inflation") as refused:
        batch_of(write(tmp_path / "bomb.csv.gz", bomb))
    assert refused.value.rule == "gzip_must_not_inflate_beyond_the_limit"


def test_a_file_without_line_ends_is_refused_early(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", HEADER + b"\n" + np.zeros(20_000, dtype=np.uint8).tobytes())
    with pytest.raises(IncorrectInput) as refused:
        batch_of(path, line_bytes=1_000)
    assert refused.value.rule == "file_must_consist_of_lines"
