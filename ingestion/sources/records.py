"""A text file cut into records: lines, or CSV records whose quoted fields may hold line ends.

Holds `Records` and `split`. Works on positions in whole blocks (NumPy), never line by line.
Does not parse records. Called by the CSV and JSON lines sources.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from ingestion.sources.limits import Limits
from ingestion.sources.local_file import LocalFile
from ingestion.sources.text_blocks import blocks
from ledger.errors import IncorrectInput

_LINE_FEED, _CARRIAGE_RETURN = 10, 13
_FIRST_NOT_ASCII = 0x80
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Records:
    """Whole records of a file, blank lines left out.

    `first` is the number of the first record in the file; record i is `data[starts[i]:stops[i]]`,
    its line end not included.
    """

    first: int
    data: bytes
    starts: Positions
    stops: Positions

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def bytes_at(self) -> NDArray[np.uint8]:
        return np.frombuffer(self.data, dtype=np.uint8)

    def slices(self, rows: int) -> Iterator["Records"]:
        """The same records, at most `rows` at a time."""
        for at in range(0, len(self), rows):
            yield self._cut(at, min(at + rows, len(self)))

    def after(self, number: int) -> "Records":
        """The records from `number` of the file on."""
        return self._cut(min(max(number - self.first, 0), len(self)), len(self))

    def _cut(self, start: int, stop: int) -> "Records":
        if start == stop:
            nothing = np.empty(0, dtype=np.int64)
            return Records(self.first + start, b"", nothing, nothing)
        low, high = int(self.starts[start]), int(self.stops[stop - 1])
        return Records(
            self.first + start,
            self.data[low:high],
            self.starts[start:stop] - low,
            self.stops[start:stop] - low,
        )

    def pick(self, keep: NDArray[np.bool_]) -> bytes:
        """The kept records as one text, each ended by a line feed."""
        return self._packed(self.starts[keep], self.stops[keep])

    def binary(self) -> pl.Series:
        """The records as received, one binary value each."""
        packed = self._packed(self.starts, self.stops)
        lengths = self.stops - self.starts
        offsets = np.concatenate([[0], np.cumsum(lengths + 1)]).astype(np.int64)
        array = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(self), [None, pa.py_buffer(offsets), pa.py_buffer(packed)]
        )
        frame = pl.DataFrame({"raw": pl.from_arrow(array), "bytes": lengths})
        return frame.select(pl.col("raw").bin.slice(0, pl.col("bytes"))).to_series()

    def valid_utf8(self) -> NDArray[np.bool_]:
        """Which records are valid UTF-8. Only a block with a bad byte is looked at singly."""
        valid = np.ones(len(self), dtype=np.bool_)
        high = np.flatnonzero(self.bytes_at >= _FIRST_NOT_ASCII)
        if not len(high) or _is_utf8(self.data):
            return valid
        holders = np.unique(np.searchsorted(self.stops, high, side="right"))
        for row in holders[holders < len(self)].tolist():
            valid[row] = _is_utf8(self.one(row))
        return valid

    def one(self, row: int) -> bytes:
        return self.data[int(self.starts[row]) : int(self.stops[row])]

    def _packed(self, starts: Positions, stops: Positions) -> bytes:
        """Records one after another, each ended by a line feed."""
        if not len(starts):
            return b""
        low, high = int(starts[0]), int(stops[-1])
        if len(starts) == 1 or bool((starts[1:] - stops[:-1] == 1).all()):
            return self.data[low:high] + b"\n"
        lengths = stops - starts + 1
        total = int(lengths.sum())
        first_out = np.cumsum(lengths) - lengths
        source = np.arange(total, dtype=np.int64) + np.repeat(starts - first_out, lengths)
        padded = np.concatenate([self.bytes_at[:high], np.array([_LINE_FEED], dtype=np.uint8)])
        source[first_out + lengths - 1] = high
        return bytes(padded[source].tobytes())


def split(file: LocalFile, limits: Limits, *, quote: str = "") -> Iterator[Records]:
    """The file's records, a block at a time.

    IncorrectInput for a file that is not text in lines: UTF-16, a quote never closed, or no line
    end within `limits.record_bytes_max`.
    """
    rest, number, quote_byte = b"", 0, ord(quote) if quote else None
    at_start = True
    for block in blocks(file, limits):
        data = rest + (_without_mark(block, file) if at_start else block)
        at_start = False
        ends = _record_ends(data, quote_byte)
        if len(ends):
            found = _records(data, ends, number)
            yield found
            number += len(found)
            rest = data[int(ends[-1]) + 1 :]
        else:
            rest = data
        if len(rest) > limits.record_bytes_max:
            raise _no_line_end(file, limits, number)
    if rest:
        if quote_byte is not None and rest.count(quote_byte) % 2:
            raise _open_quote(file, number, quote)
        yield _records(rest + b"\n", np.array([len(rest)], dtype=np.int64), number)


def _without_mark(block: bytes, file: LocalFile) -> bytes:
    if block.startswith(_UTF16_MARKS):
        raise IncorrectInput(
            "file_must_be_utf_8",
            thing=file.thing,
            expected="text in UTF-8",
            found="text in UTF-16",
            remedy="Convert it, for instance with iconv -f utf-16 -t utf-8.",
        )
    return block.removeprefix(_UTF8_MARK)


def _record_ends(data: bytes, quote: int | None) -> Positions:
    """Positions of the line feeds that end a record (not those inside quotes)."""
    array = np.frombuffer(data, dtype=np.uint8)
    ends: Positions = np.flatnonzero(array == _LINE_FEED)
    if quote is None:
        return ends
    quotes = np.flatnonzero(array == quote)
    if not len(quotes):
        return ends
    outside: Positions = ends[np.searchsorted(quotes, ends) % 2 == 0]
    return outside


def _records(data: bytes, ends: Positions, number: int) -> Records:
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)
    array = np.frombuffer(data, dtype=np.uint8)
    before_end = array[np.maximum(ends - 1, 0)]
    stops = np.where((ends > starts) & (before_end == _CARRIAGE_RETURN), ends - 1, ends)
    rows = stops > starts
    return Records(number, data, starts[rows], stops[rows])


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _no_line_end(file: LocalFile, limits: Limits, number: int) -> IncorrectInput:
    return IncorrectInput(
        "file_must_consist_of_lines",
        thing=f"{file.thing}, record {number}",
        expected=f"a line end within {limits.record_bytes_max:,} bytes",
        found="none",
        remedy="Check the mapping's format and quote; the limit follows ingest.largest_line_mb.",
    )


def _open_quote(file: LocalFile, number: int, quote: str) -> IncorrectInput:
    return IncorrectInput(
        "quotes_must_be_closed",
        thing=f"{file.thing}, record {number}",
        expected=f"a closing {quote}",
        found="the end of the file",
        remedy="Send the file whole, or set csv.quote = '' if it does not quote fields.",
    )
