"""Mapping files: how the rows of a source become events, without Python.

Does not read source files, check contracts or write. Called by `ingestion.file_batches`.
"""

from ingestion.mapping.apply import Mapper
from ingestion.mapping.ids import OccurrenceCounter
from ingestion.mapping.load import from_text, load
from ingestion.mapping.values import Mapped

__all__ = ["Mapped", "Mapper", "OccurrenceCounter", "from_text", "load"]
