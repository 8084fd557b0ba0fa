"""The compiled hasher (`native.c`), over columns that stay where they are in memory.

Holds loading it, handing it frames as Arrow streams, and `is_there`. Does not know which columns
an event has (`audit.canonical` does). Called by `canonical` and `merkle`, which go on in plain
Python, same bytes and some thirty times slower, where it was not built.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

SOURCE: Final = Path(__file__).with_name("native.c")
DIGEST_BYTES: Final = 32

# As the results of `ledgerlake_hash_stream` in native.c.
_WHOLE, _NO_MEMORY, _OTHER_COLUMNS = 0, 1, 2


class Written(NamedTuple):
    """How a type is written: its `tag` (none: text, hashed bare), its Arrow format and the bytes
    of one value in memory (0: text)."""

    tag: str
    arrow: str
    width: int = 0


BARE_TEXT: Final = Written("", "vu")


class _Column(ctypes.Structure):
    """As `column` in native.c."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("format", ctypes.c_char_p),
        ("width", ctypes.c_int32),
        ("tag", ctypes.c_int32),
    )


@dataclass(frozen=True)
class Columns:
    """Columns to hash a row of, in this order, as the hasher is told of them."""

    fields: Any

    @classmethod
    def of(cls, written: Sequence[tuple[str, Written]]) -> Columns:
        fields = (_Column * len(written))()
        for field, (name, how) in zip(fields, written, strict=True):
            field.name, field.format = name.encode(), how.arrow.encode()
            field.width, field.tag = how.width, ord(how.tag) if how.tag else 0
        return cls(fields)


def built_from(source: Path) -> Path | None:
    """The library compiled from this C file, beside it; None if there is none for this machine."""
    if sys.byteorder != "little":
        return None
    names = (source.with_name(f"_{source.stem}{suffix}") for suffix in EXTENSION_SUFFIXES)
    return next((path for path in names if path.exists()), None)


def _open(path: Path) -> ctypes.CDLL | None:
    """The library; None if it was built from an older source than this."""
    library = ctypes.CDLL(str(path))
    if not hasattr(library, "ledgerlake_extend_tree"):
        return None
    library.ledgerlake_hash_stream.argtypes = (
        ctypes.c_void_p,
        ctypes.c_int64,
        ctypes.c_char_p,
        ctypes.c_int64,
        ctypes.c_int32,
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_char_p,
    )
    library.ledgerlake_hash_stream.restype = ctypes.c_int
    library.ledgerlake_hash_pairs.argtypes = (
        ctypes.c_int64,
        ctypes.c_uint8,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_char_p,
    )
    library.ledgerlake_hash_pairs.restype = None
    library.ledgerlake_extend_tree.argtypes = (
        ctypes.c_int64,
        ctypes.c_char_p,
        ctypes.c_int64,
        ctypes.c_char_p,
        ctypes.c_uint8,
        ctypes.c_int32,
        ctypes.c_int,
        ctypes.c_char_p,
    )
    library.ledgerlake_extend_tree.restype = None
    return library


class Table(Protocol):
    """Rows that can be had as an Arrow stream, a Polars frame say."""

    def __len__(self) -> int: ...

    def __arrow_c_stream__(self) -> object: ...


_built = built_from(SOURCE)
_library = _open(_built) if _built else None
_pointer_in = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def address_of(stream: object) -> Any:
    """Where the Arrow stream lies that this capsule holds, as long as the capsule lives."""
    return _pointer_in(stream, b"arrow_array_stream")


def is_there() -> bool:
    """Was the hasher built on this machine?"""
    return _library is not None


def hash_rows(
    table: Table, columns: Columns, prefix: bytes, *, plain: bool = False
) -> bytes | None:
    """SHA-256(prefix || columns) of every row, 32 bytes each; None if the table lacks one of the
    columns or holds it as another type. Python's other threads go on.

    `plain` forgoes the processor's SHA instructions, to test what other processors run.
    """
    assert _library is not None, "ask is_there() first"
    size = len(table) * DIGEST_BYTES
    out = ctypes.create_string_buffer(size + 1)
    stream = table.__arrow_c_stream__()  # owns what the address leads to
    found = _library.ledgerlake_hash_stream(
        address_of(stream),
        len(table),
        prefix,
        len(prefix),
        len(columns.fields),
        ctypes.addressof(columns.fields),
        plain,
        out,
    )
    if found == _OTHER_COLUMNS:
        return None
    if found == _NO_MEMORY:
        raise MemoryError("no memory for the text of one row")
    if found != _WHOLE:
        raise RuntimeError(f"{len(table)} rows came as a broken Arrow stream")
    return ctypes.string_at(out, size)


def hash_pairs(nodes: bytes, prefix: int, *, plain: bool = False) -> bytes:
    """SHA-256(prefix || left || right) of neighbouring digests: 64 bytes in, 32 out each."""
    assert _library is not None, "ask is_there() first"
    pairs = len(nodes) // (2 * DIGEST_BYTES)
    out = ctypes.create_string_buffer(pairs * DIGEST_BYTES + 1)
    _library.ledgerlake_hash_pairs(pairs, prefix, nodes, plain, out)
    return ctypes.string_at(out, pairs * DIGEST_BYTES)


def extend_tree(
    size: int,
    edge: dict[int, bytes],
    leaves: bytes,
    prefix: int,
    tile_level: int,
    *,
    plain: bool = False,
) -> tuple[dict[int, bytes], bytes]:
    """The edge (level -> node) of a tree of `size` leaves with `leaves` behind them, and the nodes
    of `tile_level` that they completed."""
    assert _library is not None, "ask is_there() first"
    added = len(leaves) // DIGEST_BYTES
    by_level = b"".join(edge.get(level, bytes(DIGEST_BYTES)) for level in range(64))
    nodes = ctypes.create_string_buffer(by_level, len(by_level))
    completed = ((size + added >> tile_level) - (size >> tile_level)) * DIGEST_BYTES
    tiles = ctypes.create_string_buffer(completed + 1)
    _library.ledgerlake_extend_tree(size, nodes, added, leaves, prefix, tile_level, plain, tiles)
    edge = {
        level: nodes.raw[level * DIGEST_BYTES : (level + 1) * DIGEST_BYTES]
        for level in range(64)
        if size + added >> level & 1
    }
    return edge, tiles.raw[:completed]
