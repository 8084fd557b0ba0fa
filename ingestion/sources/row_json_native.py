"""Rows as JSON objects by compiled code (`row_json.c`), as Polars would write them.

Holds loading it and `objects`. Does not know other types than text, integers and instants of UTC.
Called by `row_json`, which goes on in Polars, same bytes and slower, where it has none to give.
"""

import ctypes
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from audit import native

SOURCE: Final = Path(__file__).with_name("row_json.c")

# As the results of `ledgerlake_write_json` in row_json.c.
_WRITTEN, _NO_MEMORY, _NOT_OURS = 0, 1, 2


def _open(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    pointer = ctypes.c_void_p
    library.ledgerlake_write_json.argtypes = (pointer, ctypes.c_int64, pointer, pointer)
    library.ledgerlake_write_json.restype = ctypes.c_int
    library.ledgerlake_free_json.argtypes = (pointer,)
    library.ledgerlake_free_json.restype = None
    return library


_built = native.built_from(SOURCE)
_library = _open(_built) if _built else None


def is_there() -> bool:
    """Was the compiled way built on this machine?"""
    return _library is not None


class _Texts:
    """Memory of the library, given back when nothing uses it any more."""

    def __init__(self, library: ctypes.CDLL, address: int) -> None:
        self._free = library.ledgerlake_free_json
        self._address = address

    def __del__(self) -> None:
        self._free(self._address)


def objects(columns: pl.DataFrame) -> pl.Series | None:
    """One JSON object per row, keys in column order; None if a column holds what only Polars can
    write. At least one column. Python's other threads go on."""
    if _library is None or columns.is_empty():
        return None
    ends = np.zeros(columns.height + 1, dtype=np.int64)
    address = ctypes.c_void_p()
    stream = columns.__arrow_c_stream__()  # owns what the address leads to
    found = _library.ledgerlake_write_json(
        native.address_of(stream), columns.height, ends[1:].ctypes.data, ctypes.addressof(address)
    )
    if found == _NOT_OURS:
        return None
    if found == _NO_MEMORY:
        raise MemoryError(f"no memory for {columns.height} rows as JSON")
    if found != _WRITTEN or address.value is None:
        raise RuntimeError(f"{columns.height} rows came as a broken Arrow stream")
    owner = _Texts(_library, address.value)
    texts = pa.foreign_buffer(address.value, int(ends[-1]), owner)
    rows = pa.LargeStringArray.from_buffers(columns.height, pa.py_buffer(ends), texts)
    return pl.Series("payload", rows)
