"""What goes into a commit: events and rejects of some sources, with their offsets.

Holds the `Batch` a source gives and the checks at the lake's door. Does not touch the lake.
Called by sources (to build) and by the writer (to admit).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from audit.canonical import EVENT_SCHEMA
from ingestion.lake.commit import OffsetRange
from ingestion.lake.layout import REJECT_SCHEMA
from ledger.errors import IncorrectInput

SourcePartition = tuple[str, str]

NO_REJECTS = pl.DataFrame(schema=REJECT_SCHEMA)
NO_EVENTS = pl.DataFrame(schema=EVENT_SCHEMA)
"""Made once: each time takes 0.2 ms."""


@dataclass(frozen=True)
class Batch:
    """Rows received together.

    `events` has the columns of `EVENT_SCHEMA` (they obey their contracts), `quarantine` those of
    `REJECT_SCHEMA` (they do not), `offsets` says which source offsets the rows stand for.
    """

    events: pl.DataFrame = field(default_factory=lambda: NO_EVENTS)
    quarantine: pl.DataFrame = field(default_factory=lambda: NO_REJECTS)
    offsets: Mapping[SourcePartition, OffsetRange] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return self.events.height + self.quarantine.height

    def checked(self) -> "Batch":
        """Self with columns in order, or IncorrectInput naming the column that is wrong."""
        return Batch(
            _typed(self.events, EVENT_SCHEMA), _typed(self.quarantine, REJECT_SCHEMA), self.offsets
        )

    def beyond(self, expected: Mapping[SourcePartition, int]) -> "Batch":
        """The part the lake has not consumed yet. A gap before the first offset is refused."""
        events, quarantine, offsets = self.events, self.quarantine, {}
        for key, given in self.offsets.items():
            wanted = expected[key]
            if given.start > wanted:
                raise IncorrectInput(
                    "source_offsets_must_follow_each_other",
                    thing=f"source {key[0]!r}, partition {key[1]!r}",
                    expected=f"offsets from {wanted}",
                    found=f"offsets from {given.start}",
                    remedy="Send the rows in between first.",
                )
            if given.start < wanted:
                events = events.filter(_after(key, wanted))
                quarantine = quarantine.filter(_after(key, wanted))
            if given.stop > wanted:
                offsets[key] = OffsetRange(wanted, given.stop)
        return Batch(events, quarantine, offsets)


def joined(batches: Iterable[Batch]) -> Batch:
    """Batches of one group commit as one, in the order given."""
    parts = list(batches)
    offsets: dict[SourcePartition, OffsetRange] = {}
    for part in parts:
        for key, given in part.offsets.items():
            before = offsets.get(key)
            if before is not None and given.start > before.stop:
                raise IncorrectInput(
                    "source_offsets_must_follow_each_other",
                    thing=f"source {key[0]!r}, partition {key[1]!r}",
                    expected=f"offsets from {before.stop}",
                    found=f"offsets from {given.start}",
                    remedy="Send the rows in between first.",
                )
            start = before.start if before else given.start
            offsets[key] = OffsetRange(start, max(given.stop, before.stop if before else 0))
    return Batch(
        pl.concat([part.events for part in parts]),
        pl.concat([part.quarantine for part in parts]),
        offsets,
    )


def _after(key: SourcePartition, wanted: int) -> pl.Expr:
    mine = (pl.col("source") == key[0]) & (pl.col("source_partition") == key[1])
    return ~mine | (pl.col("source_offset") >= wanted)


def _typed(frame: pl.DataFrame, wanted: pl.Schema) -> pl.DataFrame:
    if frame.columns == wanted.names() and frame.dtypes == wanted.dtypes():
        return frame
    schema = frame.schema
    for name, dtype in wanted.items():
        found = schema.get(name)
        if found != dtype:
            raise IncorrectInput(
                "batch_columns_must_have_their_types",
                thing=f"batch column {name}",
                expected=str(dtype),
                found=str(found) if found is not None else "no such column",
                remedy="Cast to audit.canonical.EVENT_SCHEMA and ingestion.lake.REJECT_SCHEMA.",
            )
    return frame.select(wanted.names())


def as_rejects(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as a batch's quarantine: columns they lack are null."""
    missing = {name: dtype for name, dtype in REJECT_SCHEMA.items() if name not in rows.columns}
    filled = rows.with_columns(pl.lit(None, dtype=dtype).alias(n) for n, dtype in missing.items())
    return filled.select(pl.col(name).cast(dtype) for name, dtype in REJECT_SCHEMA.items())
