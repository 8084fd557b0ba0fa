"""CSV files as chunks of rows.

Holds `CsvSource`. Rows with bytes that are no UTF-8, too many or few fields, or quotes in the
wrong place are rejected one by one; the rest is parsed block-wise. Does not map or check rows.
Called by `ingestion.sources.open_source`.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingestion.mapping.spec import CsvPart
from ingestion.sources import row_json
from ingestion.sources.chunk import SourceChunk
from ingestion.sources.limits import Limits
from ingestion.sources.local_file import LocalFile
from ingestion.sources.records import Records, split
from ingestion.sources.rejects import Verdicts
from ledger.errors import IncorrectInput, InternalFault


@dataclass(frozen=True)
class _Form:
    separator: str
    quote: str
    columns: tuple[str, ...]


class CsvSource:
    """Rows of one CSV file. Opening reads its header and counts its rows."""

    def __init__(self, file: LocalFile, limits: Limits, how: CsvPart) -> None:
        self._file, self._limits, self._how = file, limits, how
        self.columns = tuple(how.header) if isinstance(how.header, list) else self._read_header()
        self._require_distinct_columns()
        self._form = _Form(how.separator, how.quote, self.columns)
        self.rows = -1

    @property
    def _header_records(self) -> int:
        return 0 if isinstance(self._how.header, list) else 1

    def verify(self) -> None:
        """Walk the whole file once: it is text in records, and this many."""
        parts = split(self._file, self._limits, quote=self._how.quote)
        self.rows = sum(len(part) for part in parts) - self._header_records

    def chunks(self, start: int) -> Iterator[SourceChunk]:
        """Rows from `start` on."""
        skip = self._header_records
        for part in split(self._file, self._limits, quote=self._how.quote):
            from_here = part.after(start + skip)
            for records in from_here.slices(self._limits.chunk_rows):
                yield self._chunk(records, records.first - skip)

    def _chunk(self, records: Records, first: int) -> SourceChunk:
        verdicts = Verdicts(records, first)
        verdicts.reject_long_rows(self._limits)
        verdicts.reject_invalid_utf8()
        if self._form.quote:
            misplaced = _misplaced_quotes(records, self._form)
            expected = f"{self._form.quote} only around whole fields, doubled inside them"
            verdicts.reject("quotes_must_enclose_whole_fields", misplaced, expected, _elsewhere)
        fields = _field_counts(records, self._form)
        verdicts.reject(
            "row_must_have_as_many_fields_as_the_header",
            fields != len(self.columns),
            f"{len(self.columns)} fields",
            lambda row: f"{fields[row]}",
        )
        given = self._parse(records, verdicts.good)
        return SourceChunk(
            start=first,
            stop=first + len(records),
            offsets=verdicts.good_offsets(),
            columns=self._with_nulls(given),
            payload=row_json.encode(given, thing=self._file.thing),
            raw=verdicts.good_raw(),
            rejected=verdicts.rejected(),
        )

    def _parse(self, records: Records, good: NDArray[np.bool_]) -> pl.DataFrame:
        schema = dict.fromkeys(self.columns, pl.String)
        text = records.pick(good)
        if not text:
            return pl.DataFrame(schema=schema)
        frame = pl.read_csv(
            text,
            has_header=False,
            schema=schema,
            separator=self._form.separator,
            quote_char=self._form.quote or None,
            empty_string_is_null=False,
        )
        if frame.height != int(good.sum()):
            raise InternalFault(
                "csv_rows_must_match_their_records",
                thing=f"{self._file.thing}, records {records.first} and following",
                expected=f"{int(good.sum())} rows",
                found=f"{frame.height}",
                remedy="Report this file's form; nothing of these rows was taken.",
            )
        return frame

    def _with_nulls(self, given: pl.DataFrame) -> pl.DataFrame:
        nothing = list(self._how.null)
        if not nothing:
            return given
        return given.with_columns(
            pl.when(~pl.col(name).is_in(nothing)).then(pl.col(name)) for name in given.columns
        )

    def _read_header(self) -> tuple[str, ...]:
        first = next(split(self._file, self._limits, quote=self._how.quote), None)
        line = first.one(0) if first and len(first) else b""
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise self._bad_header("column names in UTF-8", repr(line[:80])) from None
        quoting: dict[str, object] = (
            {"quotechar": self._how.quote} if self._how.quote else {"quoting": csv.QUOTE_NONE}
        )
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self._how.separator, **quoting)  # type: ignore[arg-type]
        names = next(reader, [])
        if not any(names):
            raise self._bad_header("a header with column names", "no text in the file")
        return tuple(names)

    def _require_distinct_columns(self) -> None:
        twice = sorted({name for name in self.columns if self.columns.count(name) > 1})
        if twice:
            raise self._bad_header(
                "column names that differ", f"{', '.join(map(repr, twice))} twice"
            )

    def _bad_header(self, expected: str, found: str) -> IncorrectInput:
        return IncorrectInput(
            "file_must_have_a_header",
            thing=self._file.thing,
            expected=expected,
            found=found,
            remedy="Repair the header, or name the columns in the mapping: csv.header = [...].",
        )


def _elsewhere(row: int) -> str:
    return f"a quote elsewhere in record {row} of its chunk"


def _quotes(records: Records, form: _Form) -> NDArray[np.int64]:
    return np.flatnonzero(records.bytes_at == ord(form.quote))


def _field_counts(records: Records, form: _Form) -> NDArray[np.int64]:
    """Fields of every record: separators outside quotes, plus one."""
    found = np.flatnonzero(records.bytes_at == ord(form.separator))
    if form.quote:
        quotes = _quotes(records, form)
        if len(quotes):
            found = found[np.searchsorted(quotes, found) % 2 == 0]
    inside = np.searchsorted(found, records.stops) - np.searchsorted(found, records.starts)
    return inside + 1


def _misplaced_quotes(records: Records, form: _Form) -> NDArray[np.bool_]:
    """Records with a quote that neither encloses a field nor is doubled inside one."""
    bad = np.zeros(len(records), dtype=np.bool_)
    quotes = _quotes(records, form)
    if not len(quotes):
        return bad
    fits = np.zeros(256, dtype=np.bool_)  # what may stand beside an enclosing quote
    fits[[*b"\r\n", ord(form.separator), ord(form.quote)]] = True
    line_end = np.array([ord("\n")], dtype=np.uint8)
    data = np.concatenate([line_end, records.bytes_at, line_end])  # position p is p + 1
    opening, closing = quotes[0::2], quotes[1::2]
    wrong = np.concatenate([opening[~fits[data[opening]]], closing[~fits[data[closing + 2]]]])
    rows = np.searchsorted(records.stops, wrong, side="right")
    bad[rows[rows < len(records)]] = True
    return bad
