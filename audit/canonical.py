"""Canonical bytes of an event, encoding version 1: the columns, their order and their types.

Holds the one list of columns that segments, leaves and content hashes agree on, and the
encoding three times: vectorised (Polars), plain Python (the reference), and DuckDB SQL.
Does not hold the tree (`audit.merkle`) or any file. Called by the lake's writer, by
`audit.verify_lake`, and by whoever proves a single row.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from itertools import repeat
from typing import Any, Final, TypeVar

import numpy as np
import polars as pl
import polars_hash as plh

Result = TypeVar("Result")

ENCODING_VERSION: Final = 1
ROW_PREFIX: Final = f"v{ENCODING_VERSION};"
LEAF_PREFIX: Final = b"\x00"
DIGEST_BYTES: Final = 32

# Digits after the point of `amount` and `quantity`. Four hold every ISO 4217 minor unit and
# unit prices; with 18 digits in all the unscaled value still fits a 64-bit integer.
DECIMAL_SCALE: Final = 4
DECIMAL_PRECISION: Final = 18

# Rows encoded at once. Larger chunks fall out of the allocator's reuse and pay page faults,
# smaller ones pay the fixed cost of a query more often.
CHUNK_ROWS: Final = 65_536

# Up to here a loop over Python strings beats a query (100 rows: 0.4 ms against 1.6 ms for leaf and
# content hashes; they meet near 700 rows).
FEW_ROWS: Final = 512

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Kind(Enum):
    """How a column is written: the tag opens the field, the terminator ends it."""

    TEXT = "s"
    INT32 = "i32"
    INT64 = "i64"
    INSTANT = "t"
    DECIMAL = "d"

    @property
    def tag(self) -> str:
        return self.value[0]

    @property
    def polars_type(self) -> pl.DataType:
        return _POLARS_TYPES[self]


_POLARS_TYPES: Final[dict[Kind, pl.DataType]] = {
    Kind.TEXT: pl.String(),
    Kind.INT32: pl.Int32(),
    Kind.INT64: pl.Int64(),
    Kind.INSTANT: pl.Datetime("us", "UTC"),
    Kind.DECIMAL: pl.Decimal(DECIMAL_PRECISION, DECIMAL_SCALE),
}


@dataclass(frozen=True)
class Column:
    """One column of an event row; `given_by_lake` columns are set at commit, not by the source."""

    name: str
    kind: Kind
    nullable: bool = False
    given_by_lake: bool = False


CANONICAL: Final[tuple[Column, ...]] = (
    Column("tenant_id", Kind.TEXT, given_by_lake=True),
    Column("family", Kind.TEXT),
    Column("commit_seq", Kind.INT64, given_by_lake=True),
    Column("ingest_time", Kind.INSTANT, given_by_lake=True),
    Column("row_index", Kind.INT64, given_by_lake=True),
    Column("event_id", Kind.TEXT),
    Column("event_type", Kind.TEXT),
    Column("schema_version", Kind.INT32),
    Column("stream_id", Kind.TEXT),
    Column("stream_version", Kind.INT64, nullable=True),
    Column("event_time", Kind.INSTANT),
    Column("source", Kind.TEXT),
    Column("source_partition", Kind.TEXT),
    Column("source_offset", Kind.INT64),
    Column("correlation_id", Kind.TEXT, nullable=True),
    Column("causation_id", Kind.TEXT, nullable=True),
    Column("store_id", Kind.TEXT, nullable=True),
    Column("account_id", Kind.TEXT, nullable=True),
    Column("category", Kind.TEXT, nullable=True),
    Column("channel", Kind.TEXT, nullable=True),
    Column("currency", Kind.TEXT, nullable=True),
    Column("amount", Kind.DECIMAL, nullable=True),
    Column("quantity", Kind.DECIMAL, nullable=True),
    Column("payload", Kind.TEXT),
)

COLUMN: Final[dict[str, Column]] = {column.name: column for column in CANONICAL}
EVENT_COLUMNS: Final = tuple(c.name for c in CANONICAL if not c.given_by_lake)
LAKE_COLUMNS: Final = tuple(c.name for c in CANONICAL if c.given_by_lake)
# What lies inside a segment file: `family` is the partition, written in the path only.
SEGMENT_COLUMNS: Final = tuple(c.name for c in CANONICAL if c.name != "family")
# What makes two events with one `event_id` the same event: all that the source says happened,
# and nothing of where or when it was read. The id is part of it, so that the lake's index may
# tell duplicates by a piece of this hash without trusting its shorter hash of the id.
CONTENT_COLUMNS: Final = (
    "event_id",
    "event_type",
    "schema_version",
    "stream_id",
    "stream_version",
    "event_time",
    "correlation_id",
    "causation_id",
    "store_id",
    "account_id",
    "category",
    "channel",
    "currency",
    "amount",
    "quantity",
    "payload",
)


# A leaf holds the content's fields in two runs, with the source's columns between them.
HEAD_COLUMNS: Final = CONTENT_COLUMNS[:6]
TAIL_COLUMNS: Final = CONTENT_COLUMNS[6:]
TEXT_RUNS: Final = ("text:head", "text:tail")


def polars_schema(names: Sequence[str]) -> pl.Schema:
    """Polars types of the named columns, in the order given."""
    return pl.Schema({name: COLUMN[name].kind.polars_type for name in names})


CANONICAL_SCHEMA: Final = polars_schema([c.name for c in CANONICAL])
EVENT_SCHEMA: Final = polars_schema(EVENT_COLUMNS)
SEGMENT_SCHEMA: Final = polars_schema(SEGMENT_COLUMNS)


# --- vectorised -----------------------------------------------------------------------------


def leaf_hashes(df: pl.DataFrame, texts: pl.DataFrame | None = None) -> bytes:
    """SHA-256(0x00 || canonical row) of every row, 32 bytes each, in row order.

    `df` holds every CANONICAL column (any order; others are ignored) in its exact type, else
    `ValueError`. `texts` are the `content_texts` of these rows, where they are known already.
    """
    names = tuple(c.name for c in CANONICAL)
    prefix = LEAF_PREFIX.decode("ascii") + ROW_PREFIX
    if texts is None:
        return _hash_rows(df, names, prefix)
    _require_types(df, names)
    around = [name for name in names if name not in CONTENT_COLUMNS]
    at = names.index(HEAD_COLUMNS[0])
    head, tail = texts.get_columns()
    columns = [df.get_column(name) for name in around]
    frame = pl.DataFrame([*columns[:at], head, *columns[at:], tail])
    return _hash_rows(frame, frame.columns, prefix)


def content_hashes(df: pl.DataFrame) -> bytes:
    """SHA-256 of the canonical encoding of CONTENT_COLUMNS, 32 bytes each, in row order.

    `df` holds these columns, or is what `content_texts` gave.
    """
    names = TEXT_RUNS if df.columns == list(TEXT_RUNS) else CONTENT_COLUMNS
    return _hash_rows(df, names, ROW_PREFIX)


def content_texts(df: pl.DataFrame) -> pl.DataFrame:
    """The canonical fields of CONTENT_COLUMNS as text, in the two runs a leaf holds them in.

    Leaf and content hash share them: writing them once for both saves 1.1 us a row.
    """
    runs = [_run_text(df, names) for names in (HEAD_COLUMNS, TAIL_COLUMNS)]
    return pl.DataFrame([run.alias(name) for name, run in zip(TEXT_RUNS, runs, strict=True)])


def text_hashes(texts: pl.Series) -> bytes:
    """SHA-256 of every text, 32 bytes each. No nulls."""
    if len(texts) <= FEW_ROWS:
        return b"".join([hashlib.sha256(text.encode()).digest() for text in texts.to_list()])
    return hex_to_bytes(texts.to_frame("t").select(plh.col("t").chash.sha2_256()).to_series())


def hex_to_bytes(hexes: pl.Series) -> bytes:
    """The bytes behind a Series of hex strings, joined. No nulls."""
    # The Arrow data buffer is the joined text already; `str.decode("hex")` costs ten times more.
    array = hexes.to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets_buffer, data = array.buffers()
    if data is None:
        return b""
    offsets = np.frombuffer(offsets_buffer, dtype=np.int64)
    start, stop = int(offsets[array.offset]), int(offsets[array.offset + len(array)])
    return binascii.unhexlify(memoryview(data)[start:stop])


def _run_text(df: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    _require_types(df, names)
    if df.height <= FEW_ROWS:
        return pl.Series(_few_texts(df, names, ""), dtype=pl.String)
    return pl.concat(_in_threads(_row_texts, _chunks(df, names), ""))


def _hash_rows(df: pl.DataFrame, names: Sequence[str], prefix: str) -> bytes:
    _require_types(df, names)
    if df.height <= FEW_ROWS:
        rows = _few_texts(df, names, prefix)
        return b"".join([hashlib.sha256(row.encode()).digest() for row in rows])
    return b"".join(_in_threads(_hash_chunk, _chunks(df, names), prefix))


def _hash_chunk(chunk: pl.DataFrame, prefix: str) -> bytes:
    return text_hashes(_row_texts(chunk, prefix))


def _in_threads(
    work: Callable[[pl.DataFrame, str], Result], chunks: list[pl.DataFrame], prefix: str
) -> list[Result]:
    """`work` of every chunk, in order: one expression runs on one core alone."""
    threads = min(len(chunks), pl.thread_pool_size())
    if threads <= 1:
        return [work(chunk, prefix) for chunk in chunks]
    with ThreadPoolExecutor(threads, "hash") as pool:
        return list(pool.map(work, chunks, repeat(prefix)))


def _chunks(df: pl.DataFrame, names: Sequence[str]) -> list[pl.DataFrame]:
    frame = pl.DataFrame([df.get_column(name) for name in names])
    return [chunk for chunk in frame.iter_slices(CHUNK_ROWS) if chunk.height]


def _require_types(df: pl.DataFrame, names: Sequence[str]) -> None:
    schema = df.schema  # built anew on every access: once, not once a column
    for name in names:
        expected = pl.String() if name in TEXT_RUNS else COLUMN[name].kind.polars_type
        found = schema.get(name)
        if found != expected:
            raise ValueError(
                f"column {name}: expected {expected}, found {found or 'no such column'}; "
                "cast the frame to the types of audit.canonical.CANONICAL"
            )


def _few_texts(df: pl.DataFrame, names: Sequence[str], prefix: str) -> list[str]:
    """Row texts the plain way, column by column."""
    columns = [_few_fields(df.get_column(name)) for name in names]
    return [prefix + "".join(fields) for fields in zip(*columns, strict=True)]


def _few_fields(series: pl.Series) -> list[str]:
    values: list[Any] = series.to_list()
    if series.name in TEXT_RUNS:
        return values
    kind = COLUMN[series.name].kind
    if series.null_count() == len(series):
        return ["-"] * len(series)
    if kind is Kind.TEXT:
        written = {value: _few_text(value) for value in set(values)}  # most repeat
        return [written[value] for value in values]
    tag, numbers = kind.tag, _few_integers(kind, series, values)
    return ["-" if number is None else f"{tag}{number};" for number in numbers]


def _few_text(value: str | None) -> str:
    if value is None:
        return "-"
    return f"s{len(value) if value.isascii() else len(value.encode())}:{value},"


def _few_integers(kind: Kind, series: pl.Series, values: list[Any]) -> list[int | None]:
    """The numbers written for a column. Not by `to_physical`: it is a query of 0.2 ms."""
    if kind is Kind.INSTANT:
        if series.null_count():
            return [None if value is None else instant_to_us(value) for value in values]
        whole: list[int | None] = series.to_numpy().astype(np.int64).tolist()
        return whole
    if kind is Kind.DECIMAL:  # four digits after the point are written as such, never as 1E-4
        return [None if value is None else int(str(value).replace(".", "")) for value in values]
    return values


def _row_texts(chunk: pl.DataFrame, prefix: str) -> pl.Series:
    row = chunk.select(pl.concat_str(list(_merged(_parts(chunk, prefix)))).alias("row"))
    if row.height != chunk.height:  # every column constant: one literal stands for all rows
        row = pl.select(pl.repeat(row.item(), chunk.height, dtype=pl.String).alias("row"))
    return row.to_series()


def _parts(chunk: pl.DataFrame, prefix: str) -> Iterator[str | pl.Expr]:
    yield prefix
    for series in chunk.iter_columns():
        yield from _field(series)


def _field(series: pl.Series) -> Iterator[str | pl.Expr]:
    if series.name in TEXT_RUNS:
        yield pl.col(series.name)
        return
    nulls = series.null_count()
    if nulls == len(series):
        yield "-"
        return
    column = COLUMN[series.name]
    if nulls == 0 and _is_constant(series):
        yield _encode_field(column.kind, series.to_physical()[0])
        return
    value = list(_value_parts(column, series))
    if nulls:
        yield pl.concat_str(list(_merged(value))).fill_null("-")
    else:
        yield from value


def _is_constant(series: pl.Series) -> bool:
    first = series[0]
    return bool(series[-1] == first and series[len(series) // 2] == first) and bool(
        (series == first).all()
    )


def _value_parts(column: Column, series: pl.Series) -> Iterator[str | pl.Expr]:
    value = pl.col(column.name)
    if column.kind is not Kind.TEXT:
        yield from (column.kind.tag, value.to_physical().cast(pl.Int64).cast(pl.String), ";")
        return
    sizes = series.str.len_bytes()
    smallest, largest = sizes.min(), sizes.max()
    if (
        isinstance(smallest, int) and smallest == largest
    ):  # keys mostly: the length is a literal then, two passes less
        yield from (f"s{smallest}:", value, ",")
    else:
        yield from ("s", value.str.len_bytes().cast(pl.String), ":", value, ",")


def _merged(parts: Iterator[str | pl.Expr] | list[str | pl.Expr]) -> Iterator[pl.Expr]:
    """Neighbouring literals become one: each part costs a pass over all rows."""
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        if text:
            yield pl.lit(text)
            text = ""
        yield part
    if text:
        yield pl.lit(text)


# --- reference ------------------------------------------------------------------------------


def canonical_row(row: Mapping[str, object]) -> bytes:
    """Canonical bytes of one event, the slow and plain way. Missing keys are an error."""
    return _encode(row, [c.name for c in CANONICAL])


def canonical_content(row: Mapping[str, object]) -> bytes:
    """Canonical bytes of what the source says happened, the slow and plain way."""
    return _encode(row, CONTENT_COLUMNS)


def leaf_hash(row: Mapping[str, object]) -> bytes:
    """Leaf of one event: SHA-256(0x00 || canonical row)."""
    return hashlib.sha256(LEAF_PREFIX + canonical_row(row)).digest()


def content_hash(row: Mapping[str, object]) -> bytes:
    """SHA-256 over `canonical_content`."""
    return hashlib.sha256(canonical_content(row)).digest()


def instant_to_us(value: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z, exact."""
    if value.tzinfo is None:
        raise ValueError(f"instant {value!r} has no time zone; give it one")
    return (value - _EPOCH) // timedelta(microseconds=1)


def _encode(row: Mapping[str, object], names: Sequence[str]) -> bytes:
    fields = "".join(_encode_field(COLUMN[name].kind, row[name]) for name in names)
    return (ROW_PREFIX + fields).encode("utf-8")


def _encode_field(kind: Kind, value: object) -> str:
    if value is None:
        return "-"
    if kind is Kind.TEXT and isinstance(value, str):
        return f"s{len(value.encode('utf-8'))}:{value},"
    if kind is Kind.INSTANT and isinstance(value, datetime):
        return f"t{instant_to_us(value)};"
    if kind is Kind.DECIMAL and isinstance(value, Decimal):
        return f"d{_unscaled(value)};"
    if kind is not Kind.TEXT and isinstance(value, int) and not isinstance(value, bool):
        return f"{kind.tag}{value};"
    raise TypeError(f"{kind.name} cannot hold {value!r} of {type(value).__name__}")


def _unscaled(value: Decimal) -> int:
    scaled = value.scaleb(DECIMAL_SCALE)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"decimal {value} has more than {DECIMAL_SCALE} digits after the point")
    return int(scaled)


# --- DuckDB ---------------------------------------------------------------------------------


def canonical_sql(relation: str = "") -> str:
    """DuckDB expression for the canonical row (VARCHAR). `relation` qualifies the columns."""
    return _row_sql([c.name for c in CANONICAL], relation)


def leaf_sql(relation: str = "") -> str:
    """DuckDB expression for the leaf, lower-case hex."""
    return f"sha256(chr(0) || {canonical_sql(relation)})"


def content_sql(relation: str = "") -> str:
    """DuckDB expression for the content hash, lower-case hex."""
    return f"sha256({_row_sql(CONTENT_COLUMNS, relation)})"


def _row_sql(names: Sequence[str], relation: str) -> str:
    qualifier = f"{relation}." if relation else ""
    fields = [_field_sql(COLUMN[name].kind, f'{qualifier}"{name}"') for name in names]
    return f"concat('{ROW_PREFIX}', {', '.join(fields)})"


def _field_sql(kind: Kind, column: str) -> str:
    if kind is Kind.TEXT:
        return f"coalesce('s' || strlen({column}) || ':' || {column} || ',', '-')"
    number = {
        Kind.INSTANT: f"epoch_us({column})",
        # Through text: multiplying by 10,000 overflows DECIMAL(18,4) at its ends.
        Kind.DECIMAL: f"replace({column}::varchar, '.', '')::bigint",
    }.get(kind, column)
    return f"coalesce('{kind.tag}' || {number} || ';', '-')"
