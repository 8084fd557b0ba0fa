"""JSON lines files as chunks of rows: one object a line.

Holds `JsonLinesSource`. Does not map or check rows. Called by `ingestion.sources.open_source`.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from ingestion.sources import json_shapes
from ingestion.sources.chunk import SourceChunk
from ingestion.sources.json_rows import Path
from ingestion.sources.limits import Limits
from ingestion.sources.local_file import LocalFile
from ingestion.sources.records import Records, split
from ingestion.sources.rejects import Verdicts


class JsonLinesSource:
    """Rows of one file; `paths` says where the mapping's columns lie in each object."""

    def __init__(self, file: LocalFile, limits: Limits, paths: Mapping[str, Path]) -> None:
        self._file, self._limits, self._paths = file, limits, paths
        self.columns = tuple(paths)
        self.rows = -1

    def verify(self) -> None:
        """Walk the whole file once: it is text in lines, and this many."""
        self.rows = sum(len(part) for part in split(self._file, self._limits))

    def chunks(self, start: int) -> Iterator[SourceChunk]:
        """Rows from `start` on."""
        for part in split(self._file, self._limits):
            for records in part.after(start).slices(self._limits.chunk_rows):
                yield self._chunk(records)

    def _chunk(self, records: Records) -> SourceChunk:
        verdicts = Verdicts(records, records.first)
        verdicts.reject_long_rows(self._limits)
        verdicts.reject_invalid_utf8()
        texts = verdicts.good_raw().cast(pl.String)
        rows = np.flatnonzero(verdicts.good)
        columns, broken = json_shapes.extract(texts, self._paths)
        for at, verdict in broken.items():
            here = np.zeros(len(records), dtype=np.bool_)
            here[rows[at]] = True
            verdicts.reject(verdict.rule, here, verdict.expected, lambda _, v=verdict: v.found)  # type: ignore[misc]
        if broken:
            whole = np.ones(len(texts), dtype=np.bool_)
            whole[list(broken)] = False
            texts = texts.filter(pl.Series(whole))
        return SourceChunk(
            start=records.first,
            stop=records.first + len(records),
            offsets=verdicts.good_offsets(),
            columns=columns,
            payload=texts.rename("payload"),
            raw=None,
            rejected=verdicts.rejected(),
        )
