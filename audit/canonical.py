"""Canonical bytes of an event, encoding version 1: the columns, their order and their types.

Holds the one list of columns that segments, leaves and content hashes agree on, and the
encoding three times: over whole columns (`audit.native`), plain Python (the reference), and
DuckDB SQL. Does not hold the tree (`audit.merkle`) or any file. Called by the lake's writer, by
`audit.verify_lake`, and by whoever proves a single row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from itertools import repeat
from typing import Final

import polars as pl

from audit import native
from ledger.instants import to_us

ENCODING_VERSION: Final = 1
ROW_PREFIX: Final = f"v{ENCODING_VERSION};"
LEAF_PREFIX: Final = b"\x00"
DIGEST_BYTES: Final = native.DIGEST_BYTES

# Digits after the point of `amount` and `quantity`. Four hold every ISO 4217 minor unit and
# unit prices; with 18 digits in all the unscaled value still fits a 64-bit integer.
DECIMAL_SCALE: Final = 4
DECIMAL_PRECISION: Final = 18

# Rows read and hashed at once, at least: smaller pieces pay the fixed cost of a thread too often.
CHUNK_ROWS: Final = 65_536


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


# With the formats of https://arrow.apache.org/docs/format/CDataInterface.html
_WRITTEN: Final = {
    Kind.TEXT: native.Written(Kind.TEXT.tag, "vu"),
    Kind.INT32: native.Written(Kind.INT32.tag, "i", 4),
    Kind.INT64: native.Written(Kind.INT64.tag, "l", 8),
    Kind.INSTANT: native.Written(Kind.INSTANT.tag, "tsu:UTC", 8),
    Kind.DECIMAL: native.Written(Kind.DECIMAL.tag, f"d:{DECIMAL_PRECISION},{DECIMAL_SCALE}", 16),
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


def polars_schema(names: Sequence[str]) -> pl.Schema:
    """Polars types of the named columns, in the order given."""
    return pl.Schema({name: COLUMN[name].kind.polars_type for name in names})


CANONICAL_SCHEMA: Final = polars_schema([c.name for c in CANONICAL])
EVENT_SCHEMA: Final = polars_schema(EVENT_COLUMNS)
SEGMENT_SCHEMA: Final = polars_schema(SEGMENT_COLUMNS)


# --- whole columns --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Hashed:
    """Columns hashed together, named for every way of hashing them."""

    names: tuple[str, ...]
    native: native.Columns

    @classmethod
    def of(cls, names: Sequence[str]) -> _Hashed:
        columns = native.Columns.of([(name, _WRITTEN[COLUMN[name].kind]) for name in names])
        return cls(tuple(names), columns)


_ROW: Final = _Hashed.of([c.name for c in CANONICAL])
_CONTENT: Final = _Hashed.of(CONTENT_COLUMNS)
_BARE: Final = native.Columns.of([("text", native.BARE_TEXT)])


def leaf_hashes(df: pl.DataFrame) -> bytes:
    """SHA-256(0x00 || canonical row) of every row, 32 bytes each, in row order.

    `df` holds every CANONICAL column (any order; others are ignored) in its exact type, else
    `ValueError`.
    """
    return _hash_rows(df, _ROW, LEAF_PREFIX + ROW_PREFIX.encode("ascii"))


def content_hashes(df: pl.DataFrame) -> bytes:
    """SHA-256 of the canonical encoding of CONTENT_COLUMNS, 32 bytes each, in row order."""
    return _hash_rows(df, _CONTENT, ROW_PREFIX.encode("ascii"))


def text_hashes(texts: pl.Series) -> bytes:
    """SHA-256 of every text, 32 bytes each. No nulls."""
    if native.is_there():
        hashes = native.hash_rows(texts.to_frame("text"), _BARE, b"")
        if hashes is not None:
            return hashes
    return b"".join([hashlib.sha256(text.encode()).digest() for text in texts.to_list()])


def _hash_rows(df: pl.DataFrame, hashed: _Hashed, prefix: bytes) -> bytes:
    if not native.is_there():
        _require_types(df, hashed.names)
        rows = _plain_rows([df.get_column(name) for name in hashed.names])
        return b"".join([hashlib.sha256(prefix + row).digest() for row in rows])
    threads = min(pl.thread_pool_size(), -(-df.height // CHUNK_ROWS))
    if threads <= 1:
        return _natively(df, hashed, prefix)
    step = -(-df.height // threads)
    parts = [df.slice(at, step) for at in range(0, df.height, step)]
    with ThreadPoolExecutor(threads, "hash") as pool:
        return b"".join(pool.map(_natively, parts, repeat(hashed), repeat(prefix)))


def _natively(df: pl.DataFrame, hashed: _Hashed, prefix: bytes) -> bytes:
    hashes = native.hash_rows(df, hashed.native, prefix)
    if hashes is None:
        _require_types(df, hashed.names)
        raise RuntimeError(f"Polars gives the types of {df.schema} to Arrow as other ones")
    return hashes


def _plain_rows(columns: Sequence[pl.Series]) -> Iterator[bytes]:
    """Fields of every row, by the reference: for machines without the compiled hasher."""
    kinds = [COLUMN[column.name].kind for column in columns]
    for values in zip(*(column.to_list() for column in columns), strict=True):
        yield "".join(map(_encode_field, kinds, values)).encode("utf-8")


def _require_types(df: pl.DataFrame, names: Sequence[str]) -> None:
    schema = df.schema  # built anew on every access: once, not once a column
    for name in names:
        expected = COLUMN[name].kind.polars_type
        found = schema.get(name)
        if found != expected:
            raise ValueError(
                f"column {name}: expected {expected}, found {found or 'no such column'}; "
                "cast the frame to the types of audit.canonical.CANONICAL"
            )


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


def _encode(row: Mapping[str, object], names: Sequence[str]) -> bytes:
    fields = "".join(_encode_field(COLUMN[name].kind, row[name]) for name in names)
    return (ROW_PREFIX + fields).encode("utf-8")


def _encode_field(kind: Kind, value: object) -> str:
    if value is None:
        return "-"
    if kind is Kind.TEXT and isinstance(value, str):
        return f"s{len(value.encode('utf-8'))}:{value},"
    if kind is Kind.INSTANT and isinstance(value, datetime):
        return f"t{to_us(value)};"
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
