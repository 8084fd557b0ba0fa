"""Rows written as JSON by compiled code: it was built here, and gives what Polars gives."""

import random
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from ingestion.sources import row_json, row_json_native
from tests import sanitized

FIRST = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())
LAST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
ZONED = pl.Datetime("us", "UTC")


def odd_columns(rows: int = 900) -> pl.DataFrame:
    """Every escape, at every place of a word of eight bytes; instants of all four-digit years."""
    draw = random.Random(11)
    characters = [*map(chr, range(rows - 5)), "\u2028", "\U0001f600", "", "\\" * 9, '"' * 17]
    seconds = [draw.randint(FIRST, LAST) for _ in characters]
    fractions = [draw.choice([0, 1_000, 250_000, 123_456, 999_900, 7]) for _ in characters]
    instants = [second * 10**6 + more for second, more in zip(seconds, fractions, strict=True)]
    columns = {
        'a "key"\n\u00e9': characters,
        "text": [f"{'x' * (n % 9)}{c}{'y' * (n % 31)}" for n, c in enumerate(characters)],
        "a key of more than thirty-two bytes": [
            None if n % 3 else c for n, c in enumerate(characters)
        ],
        "at": pl.Series(instants).cast(ZONED),
        "long": [draw.choice([-(2**63), 2**63 - 1, 0, -1, n]) for n in range(rows)],
        "int": pl.Series([draw.randint(-(2**31), 2**31 - 1) for _ in characters], dtype=pl.Int32),
        "nothing": pl.Series([None] * rows, dtype=pl.Int64),
    }
    return pl.DataFrame(columns)


def by_polars(columns: pl.DataFrame) -> pl.Series:
    return row_json._by_polars(columns, thing="these rows")


def test_the_writer_is_built_where_there_is_a_compiler() -> None:
    assert row_json_native.is_there()


def test_odd_rows_are_written_as_polars_writes_them() -> None:
    given = odd_columns()
    for columns in (given, given[:1], given[5:76], pl.concat([given, given[::-1]], rechunk=False)):
        written = row_json_native.objects(columns)
        assert written is not None
        assert written.equals(by_polars(columns))


def test_texts_outlive_the_rows_they_came_with() -> None:
    written = row_json_native.objects(odd_columns())
    assert written is not None
    part = written[7:9]
    del written
    row_json_native.objects(odd_columns())
    assert part.equals(by_polars(odd_columns())[7:9])


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([1.5]),
        pl.Series([True]),
        pl.Series([b"a"]),
        pl.Series([["a"]]),
        pl.Series([7]).cast(pl.Int16),
        pl.Series([0]).cast(pl.Datetime("us")),
        pl.Series([0]).cast(pl.Datetime("ms", "UTC")),
        pl.Series([0]).cast(pl.Datetime("us", "Europe/Berlin")),
        pl.Series([(FIRST - 366 * 86_400 - 1) * 10**6]).cast(ZONED),
        pl.Series([(LAST + 1) * 10**6]).cast(ZONED),
    ],
    ids=lambda column: str(column.dtype),
)
def test_what_is_none_of_its_types_is_left_to_polars(column: pl.Series) -> None:
    columns = pl.DataFrame({"text": ["a"], "other": column})
    assert row_json_native.objects(columns) is None
    assert row_json.encode(columns, thing="these rows").equals(by_polars(columns))


def test_the_c_source_is_clean_under_the_compilers_warnings_and_sanitizer(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ingestion.sources import row_json_native as n\n"
        "n._library = n._open(Path(sys.argv[1]))\n"
        "from tests.ingest.test_row_json_native import by_polars, odd_columns\n"
        "print(n.objects(odd_columns()).equals(by_polars(odd_columns())))\n"
    )
    assert sanitized.run(code, sanitized.build(row_json_native.SOURCE, tmp_path)) == "True\n"
