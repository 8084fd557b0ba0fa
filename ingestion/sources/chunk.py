"""Rows of a source file on their way to the lake, as every kind of file gives them.

Holds `SourceChunk` and `REJECTED`. Does not read files. Built by `ingestion.sources.*`, used by
`mapping.apply` and `ingestion.file_batches`.
"""

from dataclasses import dataclass

import polars as pl

REJECTED = pl.Schema(
    {"offset": pl.Int64, "reason": pl.String, "detail": pl.String, "raw": pl.Binary}
)
"""Rows that could not even be taken apart: which rule they broke, and their bytes as received."""


@dataclass(frozen=True)
class SourceChunk:
    """Rows [start, stop) of a file: those that could be taken apart, and the others.

    `offsets`, `columns`, `payload` and `raw` have one entry per row taken apart, in file order.
    `payload` is the row as a JSON object, `raw` its bytes as received (None: those of `payload`).
    """

    start: int
    stop: int
    offsets: pl.Series
    columns: pl.DataFrame
    payload: pl.Series
    raw: pl.Series | None
    rejected: pl.DataFrame

    def beyond(self, offset: int) -> "SourceChunk":
        """The part from `offset` on."""
        if offset <= self.start:
            return self
        keep = pl.col("offset") >= offset
        return self._part(min(offset, self.stop), self.stop, keep)

    def until(self, offset: int) -> "SourceChunk":
        """The part before `offset`."""
        if offset >= self.stop:
            return self
        return self._part(self.start, max(offset, self.start), pl.col("offset") < offset)

    def _part(self, start: int, stop: int, keep: pl.Expr) -> "SourceChunk":
        mask = self.offsets.to_frame("offset").select(keep).to_series()
        return SourceChunk(
            start,
            stop,
            self.offsets.filter(mask),
            self.columns.filter(mask),
            self.payload.filter(mask),
            None if self.raw is None else self.raw.filter(mask),
            self.rejected.filter(keep),
        )
