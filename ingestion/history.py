"""Historical import: rows that say when they arrived, replayed in that order.

Holds `import_file`: one commit per distinct arrival time, dated by it, only forward of the lake's
clock. Does not parse or check rows. Called by `ledgerlake ingest files --ingest-time`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingestion.file_batches import OpenedFile, open_file
from ingestion.file_ingest import FileReport, Ingest, prefetched
from ingestion.lake import Batch, OffsetRange
from ingestion.lake.batch import joined
from ledger.errors import IncorrectInput, NotSupported

UNORDERED_ROWS_MAX = 5_000_000
"""A file whose rows are not in order of arrival is held in memory to be sorted, at some 700 bytes
a row. Larger ones must come sorted."""

Times = NDArray[np.int64]


@dataclass(frozen=True)
class _Arrivals:
    """When each row of a file arrived (microseconds), by row; `order` is None when in order."""

    column: str
    times: Times
    order: NDArray[np.int64] | None

    @property
    def in_order(self) -> Times:
        return self.times if self.order is None else self.times[self.order]

    def partition(self, opened: OpenedFile) -> str:
        """Offsets of a file that had to be sorted count in order of arrival: another numbering."""
        return opened.partition if self.order is None else f"{opened.partition}:by:{self.column}"


def import_file(run: Ingest, path: Path, column: str) -> FileReport:
    """Replay a file by the arrival times in `column`. A broken file is reported, not raised."""
    report = FileReport(path=str(path))
    try:
        opened = open_file(path, run.intake, also=(column,))
        report.sha256, report.rows = opened.file.sha256, opened.rows
        arrivals = _read_arrivals(opened, column)
        start = run.lake.next_offset(opened.source_name, arrivals.partition(opened))
        plain = run.lake.next_offset(opened.source_name, opened.partition)
        if max(start, plain) < opened.rows:
            _require_forward(run, opened, arrivals.in_order[start:])
            _replay(run, opened, arrivals, start, report)
    except (IncorrectInput, NotSupported) as error:
        report.status, report.error = "refused", error
    return report


def _read_arrivals(opened: OpenedFile, column: str) -> _Arrivals:
    """A row that cannot be taken apart arrived with the row before it (the first with the next)."""
    times = np.zeros(opened.rows, dtype=np.int64)
    known = np.zeros(opened.rows, dtype=np.bool_)
    mapper = opened.intake.mapper
    for chunk in opened.source.chunks(0):
        arrived = mapper.ingest_times(chunk, column, thing=opened.file.thing)
        offsets = chunk.offsets.to_numpy()
        times[offsets] = arrived.to_physical().to_numpy()
        known[offsets] = True
    if not known.all():
        last_known = np.maximum.accumulate(np.where(known, np.arange(len(times)), -1))
        first = int(np.argmax(known))
        times = times[np.where(last_known < 0, first, last_known)]
    if bool((np.diff(times) >= 0).all()):
        return _Arrivals(column, times, None)
    return _Arrivals(column, times, np.argsort(times, kind="stable"))


def _require_forward(run: Ingest, opened: OpenedFile, times: Times) -> None:
    first, last = int(times[0]), int(times[-1])
    clock, now = run.lake.head.ingest_time_us, run.now()
    if first <= clock or last > now:
        raise IncorrectInput(
            "ingest_time_must_move_forward",
            thing=opened.file.thing,
            expected=f"arrival times after the lake's clock {_utc(clock)}, not after {_utc(now)}",
            found=f"{_utc(first)} to {_utc(last)}",
            remedy="Import history before newer commits are made, into a lake made with "
            "`ledgerlake init --dated`.",
        )


def _replay(
    run: Ingest, opened: OpenedFile, arrivals: _Arrivals, start: int, report: FileReport
) -> None:
    """Commit group after group. Rows of one time that lie in two chunks wait for each other."""
    times = arrivals.in_order
    waiting: Batch | None = None
    for prepared in prefetched(_batches(run, opened, arrivals, start)):
        batch = prepared if waiting is None else joined([waiting, prepared])
        waiting = None
        for group in _groups(batch, times):
            stop = next(iter(group.offsets.values())).stop
            if stop < len(times) and times[stop] == times[stop - 1]:
                waiting = group
                continue
            if run.stopped():
                report.status = "interrupted"
                return
            report.add(group, run.lake.append(group, ingest_time_us=int(times[stop - 1])))
            run.progress(report.path, stop, opened.rows)


def _batches(run: Ingest, opened: OpenedFile, arrivals: _Arrivals, start: int) -> Iterator[Batch]:
    """Checked batches in order of arrival; offsets count in that order."""
    skew = pl.duration(microseconds=run.intake.future_skew_us)
    latest = pl.col("known_at") + skew
    first = start if arrivals.order is None else 0
    found = (
        opened.batch(chunk, counter, latest=latest, known_at=_known_at(chunk.offsets, arrivals))
        for chunk, counter in opened.chunks(first)
    )
    if arrivals.order is None:
        yield from found
        return
    if opened.rows > UNORDERED_ROWS_MAX:
        raise NotSupported(
            "large_history_must_be_in_order_of_arrival",
            thing=opened.file.thing,
            expected=f"rows sorted by {arrivals.column!r}, or at most {UNORDERED_ROWS_MAX:,} rows",
            found=f"{opened.rows:,} rows in another order",
            remedy=f"Sort the file by {arrivals.column!r} and send that.",
        )
    yield _sorted(joined(found), opened, arrivals)


def _known_at(offsets: pl.Series, arrivals: _Arrivals) -> pl.Series:
    times = pl.Series(arrivals.times[offsets.to_numpy()])
    return times.cast(pl.Datetime("us", "UTC"))


def _sorted(batch: Batch, opened: OpenedFile, arrivals: _Arrivals) -> Batch:
    """The whole file in order of arrival, offsets counted anew in that order."""
    assert arrivals.order is not None
    position = np.empty(opened.rows, dtype=np.int64)
    position[arrivals.order] = np.arange(opened.rows)
    partition = arrivals.partition(opened)

    def moved(frame: pl.DataFrame) -> pl.DataFrame:
        placed = pl.Series("source_offset", position[frame["source_offset"].to_numpy()])
        name = pl.lit(partition).alias("source_partition")
        return frame.with_columns(placed, name).sort("source_offset")

    offsets = {(opened.source_name, partition): OffsetRange(0, opened.rows)}
    return Batch(moved(batch.events), moved(batch.quarantine), offsets)


def _groups(batch: Batch, times: Times) -> Iterator[Batch]:
    """The batch cut where the arrival time changes."""
    (key, offsets), *_ = batch.offsets.items()
    mine = times[offsets.start : offsets.stop]
    cuts = offsets.start + 1 + np.flatnonzero(np.diff(mine))
    bounds = [offsets.start, *cuts.tolist(), offsets.stop]
    events = np.searchsorted(batch.events["source_offset"].to_numpy(), bounds).tolist()
    rejects = np.searchsorted(batch.quarantine["source_offset"].to_numpy(), bounds).tolist()
    for at in range(len(bounds) - 1):
        yield Batch(
            batch.events[events[at] : events[at + 1]],
            batch.quarantine[rejects[at] : rejects[at + 1]],
            {key: OffsetRange(bounds[at], bounds[at + 1])},
        )


def _utc(us: int) -> str:
    return f"{np.datetime64(us, 'us')}Z"
