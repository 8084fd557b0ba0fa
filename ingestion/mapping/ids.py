"""Ids made from a row's content: a hash of columns, and a number for rows that are alike.

Holds the hash and the counter of occurrences within one file. The hash is SHA-256 over
netstrings, so that any language can compute it again (docs/ingest.md). Called by `mapping.apply`.
"""

from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from audit.canonical import text_hashes

HASH_HEX_DIGITS: Final = 32
"""128 bits of SHA-256: two different rows of a billion share an id with chance 1 in 10^21."""

_LEVEL_GROWTH: Final = 4


def row_hashes(columns: pl.DataFrame) -> pl.Series:
    """Hex of the first 128 bits of SHA-256 over the columns, each as `<bytes>:<text>,` or `-`."""
    parts = [_netstring(name) for name in columns.columns]
    joined = columns.select(pl.concat_str(parts)).to_series()
    digests = pa.py_buffer(text_hashes(joined))
    rows = pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(joined), [None, digests])
    hexadecimal = pl.Series(rows).cast(pl.Binary).bin.encode("hex")
    return hexadecimal.str.slice(0, HASH_HEX_DIGITS)


def _netstring(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String)
    parts = (text.str.len_bytes().cast(pl.String), pl.lit(":"), text, pl.lit(","))
    return pl.concat_str(parts).fill_null("-")


class OccurrenceCounter:
    """Numbers equal keys of one file 1, 2, ... in row order, chunk after chunk.

    Keeps 8 bytes per distinct key of the file in sorted runs that are merged as they grow. Keys
    are 64-bit hashes; two that clash by chance still get distinct, repeatable numbers.
    """

    def __init__(self) -> None:
        self._runs: list[NDArray[np.uint64]] = []
        self._more_than_one: dict[int, int] = {}

    def number(self, hashes: pl.Series) -> pl.Series:
        """The occurrence number of every row of the next chunk."""
        keys = hashes.hash()
        within = _numbered(keys)
        seen = self._seen_before(keys.to_numpy())
        numbers = within if seen is None else within + seen
        self._remember(keys, numbers)
        return numbers

    def _seen_before(self, keys: NDArray[np.uint64]) -> pl.Series | None:
        """How often each key occurred in earlier chunks; None when none did."""
        found = np.zeros(len(keys), dtype=np.int64)
        for run in self._runs:
            at = np.searchsorted(run, keys)
            at[at == len(run)] = 0
            found |= run[at] == keys
        hits = np.flatnonzero(found)
        if not len(hits):
            return None
        found[hits] = [self._more_than_one.get(key, 1) for key in keys[hits].tolist()]
        return pl.Series(found)

    def _remember(self, keys: pl.Series, numbers: pl.Series) -> None:
        repeated = pl.DataFrame({"key": keys, "n": numbers}).filter(pl.col("n") > 1)
        counts = repeated.group_by("key").agg(pl.col("n").max())
        self._more_than_one.update(zip(counts["key"].to_list(), counts["n"].to_list(), strict=True))
        self._runs.append(keys.unique().sort().to_numpy())
        while len(self._runs) > 1 and len(self._runs[-1]) * _LEVEL_GROWTH > len(self._runs[-2]):
            last, before = self._runs.pop(), self._runs.pop()
            merged = np.concatenate([before, last])
            merged.sort(kind="stable")  # two sorted runs: a merge, in one pass
            self._runs.append(merged)


def _numbered(keys: pl.Series) -> pl.Series:
    """1, 2, ... for equal keys in order. Few keys repeat, so only those are grouped."""
    repeated = keys.is_duplicated()
    if not repeated.any():
        return pl.Series([1], dtype=pl.Int64).new_from_index(0, len(keys))
    frame = pl.DataFrame({"key": keys, "repeated": repeated}).with_row_index("row")
    counted = frame.filter("repeated").select(
        "row", n=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("key")
    )
    numbers = np.ones(len(keys), dtype=np.int64)
    numbers[counted["row"].to_numpy()] = counted["n"].to_numpy()
    return pl.Series(numbers)
