"""Names and shapes of the lake's files, in one place.

Holds paths, file names, Parquet and Delta schemas. Does not read or write files.
Called by the writer, the log and everything that names a file of the lake.
"""

import re

import polars as pl

from audit import canonical

FORMAT_VERSION = 2
FAMILIES = ("accounts", "control", "sales")
LOG = "_delta_log"
QUARANTINE = "_quarantine"

ROW_GROUP_ROWS = 65_536
"""Rows per Parquet row group: what is decoded at once when rows are verified, and little enough for
a keyed read."""

FEW_ROWS = 512
"""Up to here a loop over Python values beats a query, which costs 0.2 to 0.8 ms to start."""

COMMITS_PER_FOLDER = 100
"""Segments of so many commits share a folder: a reader who knows a commit lists only what is near
it, however long the lake. Listing costs DuckDB 9 us a name (`docs/decisions/0008`)."""

SEGMENT_NAME = re.compile(
    r"^family=(?P<family>[a-z]+)/(?:\d{18}/)?(?P<seq>\d{20})-(?P<sha256>[0-9a-f]{64})\.parquet$"
)

SEGMENT_FOLDER = re.compile(r"^family=[a-z]+/\d{18}$")

REJECT_SCHEMA = pl.Schema(
    {
        "source": pl.String,
        "source_partition": pl.String,
        "source_offset": pl.Int64,
        "event_type": pl.String,
        "event_id": pl.String,
        "reason": pl.String,
        "detail": pl.String,
        "raw": pl.Binary,
        "existing_sha256": pl.String,
        "received_sha256": pl.String,
    }
)
"""A row that broke its contract, as a source gives it."""

QUARANTINE_SCHEMA = pl.Schema(
    [("commit_seq", pl.Int64()), ("ingest_time", pl.Datetime("us", "UTC")), *REJECT_SCHEMA.items()]
)

_DELTA_TYPES = {
    canonical.Kind.TEXT: "string",
    canonical.Kind.INT32: "integer",
    canonical.Kind.INT64: "long",
    canonical.Kind.INSTANT: "timestamp",
    canonical.Kind.DECIMAL: f"decimal({canonical.DECIMAL_PRECISION},{canonical.DECIMAL_SCALE})",
}


def commit_path(seq: int) -> str:
    return f"{LOG}/{seq:020d}.json"


def family_folder(family: str) -> str:
    return f"family={family}"


def segment_folder(family: str, seq: int) -> str:
    """Named by the leading digits of its commits."""
    return f"{family_folder(family)}/{seq // COMMITS_PER_FOLDER:018d}"


def segment_path(family: str, seq: int, sha256: str) -> str:
    """The commit number comes first, so that a reader prunes files by name."""
    return f"{segment_folder(family, seq)}/{seq:020d}-{sha256}.parquet"


def quarantine_path(seq: int, sha256: str) -> str:
    return f"{QUARANTINE}/{seq:020d}-{sha256}.parquet"


def delta_schema() -> dict[str, object]:
    """The table's schema as Delta's `metaData.schemaString` holds it, before JSON."""
    fields = [
        {
            "name": column.name,
            "type": _DELTA_TYPES[column.kind],
            "nullable": column.nullable,
            "metadata": {},
        }
        for column in canonical.CANONICAL
    ]
    return {"type": "struct", "fields": fields}
