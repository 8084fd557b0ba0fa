"""The append-only lake: layout, commit, log, admission, writer.

Does not parse files or know contracts. Called by sources, the command line and benchmarks.
"""

from ingestion.lake.batch import Batch, as_rejects
from ingestion.lake.commit import Commit, OffsetRange, Segment
from ingestion.lake.layout import REJECT_SCHEMA
from ingestion.lake.state import Head
from ingestion.lake.writer import CommitResult, Lake

__all__ = [
    "REJECT_SCHEMA",
    "Batch",
    "Commit",
    "CommitResult",
    "Head",
    "Lake",
    "OffsetRange",
    "Segment",
    "as_rejects",
]
