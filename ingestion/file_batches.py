"""A source file as batches for the lake: opened, mapped, checked against contracts.

Holds `open_file` and `OpenedFile.batches`. Reads files, never writes; knows no clock of its own.
Called by `ingestion.file_ingest` (to append) and by the dry run (to show).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from audit.canonical import EVENT_SCHEMA
from ingestion import contracts
from ingestion.lake import Batch, OffsetRange, as_rejects
from ingestion.mapping import Mapper, OccurrenceCounter
from ingestion.sources import Limits, LocalFile, Source, SourceChunk, inspect, open_source

FUTURE_SKEW_US = 10 * 60 * 1_000_000
"""How far a source's clock may be ahead of ours; tills are minutes off, wrong dates are days."""


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What all files of a run share."""

    mapper: Mapper
    registry: contracts.Registry
    limits: Limits
    future_skew_us: int = FUTURE_SKEW_US


@dataclass(frozen=True, kw_only=True)
class OpenedFile:
    """A file found whole: `rows` rows, named to the lake by the mapping's source and its hash."""

    file: LocalFile
    source: Source
    intake: Intake

    @property
    def rows(self) -> int:
        return self.source.rows

    @property
    def source_name(self) -> str:
        return self.intake.mapper.spec.source

    @property
    def partition(self) -> str:
        return self.file.sha256

    def chunks(self, start: int) -> Iterator[tuple[SourceChunk, OccurrenceCounter | None]]:
        """Chunks from row `start` on, with the file's occurrence counter where ids need one."""
        mapper = self.intake.mapper
        counter = OccurrenceCounter() if mapper.needs_all_rows else None
        for chunk in self.source.chunks(0 if counter else start):
            if counter is not None and chunk.start < start:
                before = chunk.until(start)
                counter.number(mapper.row_hashes(before))
                if chunk.stop <= start:
                    continue
            self.file.require_unchanged()
            yield chunk.beyond(start), counter

    def batches(self, start: int, *, now_us: int) -> Iterator[Batch]:
        """Batches of the rows from `start` on, as of now."""
        latest = _instant(pl.lit(now_us + self.intake.future_skew_us, dtype=pl.Int64))
        for chunk, counter in self.chunks(start):
            yield self.batch(chunk, counter, latest=latest)

    def batch(
        self,
        chunk: SourceChunk,
        counter: OccurrenceCounter | None,
        *,
        latest: pl.Expr,
        known_at: pl.Series | None = None,
    ) -> Batch:
        """The chunk's rows as events and rejects.

        No event may lie after `latest`, which may read the column `known_at` (instants).
        """
        mapped = self.intake.mapper.apply(chunk, counter, thing=self.file.thing)
        mapped.columns["source_offset"] = chunk.offsets
        if known_at is not None:
            mapped.columns["known_at"] = known_at
        checked = contracts.check(
            mapped.rows,
            self.intake.registry,
            conversions=[contracts.CHOKE_POINT, contracts.JOURNAL, *mapped.rules],
            latest_event_time=latest,
        )
        origin = {"source": pl.lit(self.source_name), "source_partition": pl.lit(self.partition)}
        events = checked.accepted.with_columns(**origin).select(EVENT_SCHEMA.names())
        broken = _broken_rows(chunk, mapped.rows, checked.rejects, self.intake.registry)
        unreadable = chunk.rejected.rename({"offset": "source_offset"})
        rejects = pl.concat([broken, unreadable], how="diagonal").sort("source_offset")
        offsets = {(self.source_name, self.partition): OffsetRange(chunk.start, chunk.stop)}
        return Batch(events, as_rejects(rejects.with_columns(**origin)), offsets)


def open_file(path: Path, intake: Intake, *, also: tuple[str, ...] = ()) -> OpenedFile:
    """Open a file and make sure it is whole, with the mapping's columns and those of `also`.

    IncorrectInput names what is wrong with it.
    """
    file = inspect(path)
    mapper = intake.mapper
    columns = tuple(dict.fromkeys([*mapper.columns, *also]))
    source = open_source(file, mapper.spec, columns, intake.limits)
    mapper.require_columns(source.columns, also, thing=file.thing)
    source.verify()
    return OpenedFile(file=file, source=source, intake=intake)


def _broken_rows(
    chunk: SourceChunk, rows: pl.DataFrame, rejects: pl.DataFrame, registry: contracts.Registry
) -> pl.DataFrame:
    """Rejects with their bytes. A type no contract knows is left out: it would name an outcome."""
    where = rejects["row"]
    raw = chunk.payload.cast(pl.Binary) if chunk.raw is None else chunk.raw
    known = pl.col("event_type").is_in(list(registry.event_types))
    event_type = pl.when(known).then("event_type").alias("event_type")
    named = rows[where].select("source_offset", event_type, "event_id")
    return named.with_columns(rejects["reason"], rejects["detail"], raw[where].alias("raw"))


def _instant(microseconds: pl.Expr) -> pl.Expr:
    return microseconds.cast(pl.Datetime("us", "UTC"))
