"""Parquet files as chunks of rows.

Holds `ParquetSource`. The file is read slice by slice, so memory follows the chunk, not the file.
Does not map or check rows. Called by `ingestion.sources.open_source`.
"""

from collections.abc import Iterator

import polars as pl
from polars.exceptions import PolarsError

from ingestion.sources import row_json
from ingestion.sources.chunk import REJECTED, SourceChunk
from ingestion.sources.limits import Limits
from ingestion.sources.local_file import LocalFile
from ledger.errors import IncorrectInput


class ParquetSource:
    """Rows of one Parquet file. Opening reads its footer; a cut-off file is refused there."""

    def __init__(self, file: LocalFile, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        try:
            lazy = pl.scan_parquet(file.path, glob=False)
            self.columns = tuple(lazy.collect_schema().names())
            self.rows = int(lazy.select(pl.len()).collect().item())
        except (PolarsError, OSError) as error:
            raise self._broken(error) from None

    def verify(self) -> None:
        """Decode all of a file of several chunks, so that it is refused whole or not at all."""
        if self.rows > self._limits.chunk_rows:
            for start in range(0, self.rows, self._limits.chunk_rows):
                self._read(start)

    def chunks(self, start: int) -> Iterator[SourceChunk]:
        """Rows from `start` on."""
        for first in range(start, self.rows, self._limits.chunk_rows):
            columns = self._read(first)
            stop = first + columns.height
            yield SourceChunk(
                start=first,
                stop=stop,
                offsets=pl.int_range(first, stop, eager=True, dtype=pl.Int64),
                columns=columns,
                payload=row_json.encode(columns, thing=self._file.thing),
                raw=None,
                rejected=pl.DataFrame(schema=REJECTED),
            )

    def _read(self, start: int) -> pl.DataFrame:
        try:
            lazy = pl.scan_parquet(self._file.path, glob=False)
            return lazy.slice(start, self._limits.chunk_rows).collect()
        except (PolarsError, OSError) as error:
            raise self._broken(error) from None

    def _broken(self, error: Exception) -> IncorrectInput:
        return IncorrectInput(
            "file_must_be_whole_parquet",
            thing=self._file.thing,
            expected="a whole Parquet file",
            found=str(error).strip().splitlines()[0],
            remedy="Send the file again; nothing of it was taken.",
        )
