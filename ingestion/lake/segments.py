"""Segments and quarantine files: events to Parquet and back.

Holds writing them content-addressed and reading them with their family. Does not decide what
is in them. Called by the writer before a commit and when it reads the lake back.
"""

import io

import polars as pl

from audit import canonical
from ingestion.lake import layout
from ingestion.lake.commit import Commit, QuarantineFile, Segment, sha256_hex
from ingestion.lake.store import Store


class SegmentFiles:
    """The Parquet files of one lake. Written before the commit that names them, so a crash
    leaves at most a file no commit names."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put_segments(self, rows: pl.DataFrame, seq: int) -> tuple[Segment, ...]:
        """One segment per family in `rows` (all canonical columns, family by family)."""
        if rows.is_empty():
            return ()
        if rows["family"][0] == rows["family"][-1]:  # family by family, so all between are alike
            return (self._put_segment(rows, seq),)
        families = rows.partition_by("family", maintain_order=True)
        return tuple(self._put_segment(part, seq) for part in families)

    def put_quarantine(
        self, rejects: pl.DataFrame, seq: int, ingest_us: int
    ) -> QuarantineFile | None:
        """The rejects of commit `seq` in one file, None if there are none."""
        if rejects.is_empty():
            return None
        rows = rejects.with_columns(
            commit_seq=pl.lit(seq, dtype=pl.Int64),
            ingest_time=pl.lit(ingest_us, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
        ).select(layout.QUARANTINE_SCHEMA.names())
        data = _parquet(rows)
        sha256 = sha256_hex(data)
        path = layout.quarantine_path(seq, sha256)
        self._store.create(path, data)
        return QuarantineFile(path=path, sha256=sha256, rows=rows.height)

    def read(self, path: str) -> pl.DataFrame:
        """The events of one segment, all canonical columns."""
        frame = pl.read_parquet(io.BytesIO(self._store.read(path)))
        family = path.split("/", maxsplit=1)[0].removeprefix("family=")
        return frame.with_columns(family=pl.lit(family)).select(canonical.CANONICAL_SCHEMA.names())

    def read_commit(self, commit: Commit) -> pl.DataFrame:
        """The events of one commit in row order."""
        parts = [self.read(one.path) for one in commit.segments]
        return pl.concat(parts) if parts else pl.DataFrame(schema=canonical.CANONICAL_SCHEMA)

    def _put_segment(self, rows: pl.DataFrame, seq: int) -> Segment:
        data = _parquet(rows.drop("family"))
        sha256 = sha256_hex(data)
        family = str(rows["family"][0])
        path = layout.segment_path(family, seq, sha256)
        self._store.create(path, data)
        times = rows["event_time"].to_physical()
        low, high = times.min(), times.max()
        assert isinstance(low, int) and isinstance(high, int), "event_time is never null"
        return Segment(
            family=family,
            path=path,
            sha256=sha256,
            rows=rows.height,
            size=len(data),
            first_row_index=int(rows["row_index"][0]),
            min_event_time_us=low,
            max_event_time_us=high,
        )


def _parquet(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.write_parquet(
        buffer, compression="zstd", compression_level=3, row_group_size=layout.ROW_GROUP_ROWS
    )
    return buffer.getvalue()
