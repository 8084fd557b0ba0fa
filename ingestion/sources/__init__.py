"""Files of outside systems as chunks of rows: Parquet, CSV, JSON lines, CloudEvents.

Does not map rows to events, check contracts or write. Called by `ingestion.file_batches`.
"""

from collections.abc import Iterator
from typing import Protocol

from ingestion.mapping.spec import MappingFile
from ingestion.sources.chunk import SourceChunk
from ingestion.sources.cloudevents_file import CloudEventsSource
from ingestion.sources.csv_file import CsvSource
from ingestion.sources.json_lines import JsonLinesSource
from ingestion.sources.limits import Limits
from ingestion.sources.local_file import LocalFile, inspect
from ingestion.sources.parquet import ParquetSource


class Source(Protocol):
    """An opened file. `columns` are known at once, `rows` after `verify`."""

    columns: tuple[str, ...]
    rows: int

    def verify(self) -> None:
        """Refuse a broken file before any of it is taken."""

    def chunks(self, start: int) -> Iterator[SourceChunk]:
        """Rows from `start` on, in file order."""


def open_source(
    file: LocalFile, spec: MappingFile, columns: tuple[str, ...], limits: Limits
) -> Source:
    """The file as a source of the mapping's format. IncorrectInput when it is none."""
    if spec.format == "parquet":
        return ParquetSource(file, limits)
    if spec.format == "csv":
        return CsvSource(file, limits, spec.csv)
    typed = spec.columns
    paths = {name: (typed[name].steps if name in typed else None) or (name,) for name in columns}
    if spec.format == "jsonl":
        return JsonLinesSource(file, limits, paths)
    return CloudEventsSource(file, limits, paths)


__all__ = ["Limits", "LocalFile", "Source", "SourceChunk", "inspect", "open_source"]
