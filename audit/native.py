"""The compiled hasher (`native.c`), over columns that stay where they are in memory.

Holds loading it, handing it the Arrow buffers of Polars Series, and `is_there`. Does not know
which columns an event has (`audit.canonical` does). Called by `canonical` and `merkle`, which go
on in plain Python, same bytes and some thirty times slower, where it was not built.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any, Final

import polars as pl

SOURCE: Final = Path(__file__).with_name("native.c")
DIGEST_BYTES: Final = 32
_AS_IT_LIES: Final = pl.CompatLevel.newest()


@dataclass(frozen=True)
class Written:
    """How a column is written: its `tag` (none: text, hashed bare) and the bytes of one value in
    memory (0: text)."""

    tag: str
    width: int = 0


BARE_TEXT: Final = Written("")


class _Field(ctypes.Structure):
    """As `field` in native.c."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("valid", ctypes.c_void_p),
        ("texts", ctypes.c_void_p),
        ("offset", ctypes.c_int64),
        ("width", ctypes.c_int32),
        ("tag", ctypes.c_int32),
    )


@dataclass(frozen=True)
class Rows:
    """Columns ready to be hashed. Keeps the buffers alive."""

    count: int
    fields: Any
    kept: tuple[object, ...]


def _load() -> ctypes.CDLL | None:
    if sys.byteorder != "little":
        return None
    names = [SOURCE.with_name(f"_native{suffix}") for suffix in EXTENSION_SUFFIXES]
    return next((_open(path) for path in names if path.exists()), None)


def _open(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    library.ledgerlake_hash_rows.argtypes = (
        ctypes.c_int64,
        ctypes.c_char_p,
        ctypes.c_int64,
        ctypes.c_int32,
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_char_p,
    )
    library.ledgerlake_hash_rows.restype = ctypes.c_int
    library.ledgerlake_hash_pairs.argtypes = (
        ctypes.c_int64,
        ctypes.c_uint8,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_char_p,
    )
    library.ledgerlake_hash_pairs.restype = None
    return library


_library = _load()


def is_there() -> bool:
    """Was the hasher built on this machine?"""
    return _library is not None


def rows_of(columns: Sequence[pl.Series], written: Sequence[Written]) -> Rows:
    """Columns of one length, each of the type `written` says: the caller has made sure of it."""
    fields = (_Field * len(columns))()
    kept = [_describe(*one) for one in zip(fields, columns, written, strict=True)]
    return Rows(len(columns[0]), fields, (*kept, *columns))


def hash_rows(rows: Rows, prefix: bytes, *, plain: bool = False) -> bytes:
    """SHA-256(prefix || fields) of every row, 32 bytes each; Python's other threads go on.

    `plain` forgoes the processor's SHA instructions, to test what other processors run.
    """
    assert _library is not None, "ask is_there() first"
    out = ctypes.create_string_buffer(rows.count * DIGEST_BYTES + 1)
    whole = _library.ledgerlake_hash_rows(
        rows.count, prefix, len(prefix), len(rows.fields), rows.fields, plain, out
    )
    if not whole:
        raise MemoryError("no memory for the text of one row")
    return out.raw[:-1]


def hash_pairs(nodes: bytes, prefix: int, *, plain: bool = False) -> bytes:
    """SHA-256(prefix || left || right) of neighbouring digests: 64 bytes in, 32 out each."""
    assert _library is not None, "ask is_there() first"
    pairs = len(nodes) // (2 * DIGEST_BYTES)
    out = ctypes.create_string_buffer(pairs * DIGEST_BYTES + 1)
    _library.ledgerlake_hash_pairs(pairs, prefix, nodes, plain, out)
    return out.raw[:-1]


def _describe(field: _Field, series: pl.Series, written: Written) -> object:
    """Fill `field` with where the Series lies; returns what must live as long."""
    array = series.to_arrow(compat_level=_AS_IT_LIES)
    valid, data, *texts = array.buffers()
    field.data = data.address if data is not None else None
    field.valid = valid.address if valid is not None else None
    field.offset = array.offset
    field.width = written.width
    field.tag = ord(written.tag) if written.tag else 0
    if not texts:
        return array
    addresses = (ctypes.c_void_p * len(texts))(*(one.address for one in texts))
    field.texts = ctypes.addressof(addresses)
    return array, addresses
