"""Source files into the lake: chunk by chunk, resuming where a file was left.

Holds `ingest_file` and its report. Reading, hashing and committing overlap, each a chunk ahead.
Does not parse or check rows, and asks for no clock. Called by the command line and the watcher.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from ingestion.file_batches import Intake, OpenedFile, open_file
from ingestion.lake import Batch, CommitResult, Lake
from ingestion.lake.admission import REUSED_ID, prepare
from ledger.errors import IncorrectInput, LedgerlakeError, NotSupported

Status = Literal["ingested", "nothing_new", "checked", "interrupted", "refused"]
T = TypeVar("T")


@dataclass(frozen=True)
class Reason:
    """Rows of one type (None: unknown) quarantined for one rule."""

    event_type: str | None
    reason: str
    rows: int


@dataclass
class FileReport:
    """What became of a file. `rows` counts the whole file, the others what this run did."""

    path: str
    status: Status = "nothing_new"
    sha256: str | None = None
    rows: int | None = None
    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    first_commit: int | None = None
    last_commit: int | None = None
    reasons: list[Reason] = field(default_factory=list)
    error: LedgerlakeError | None = None

    def add(self, batch: Batch, result: CommitResult) -> None:
        """Count a committed batch. A batch another writer took before counts nothing."""
        if result.seq is None:
            return
        self.status = "ingested"
        self.accepted += result.accepted
        self.duplicate += result.duplicate
        self.quarantined += result.quarantined
        self.received += result.accepted + result.duplicate + result.quarantined
        self.first_commit = self.first_commit or result.seq
        self.last_commit = result.seq
        self.reasons = _merged(self.reasons, batch, result)


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """A run: the lake, what its files share, the clock, and how it is watched and stopped."""

    lake: Lake
    intake: Intake
    now: Callable[[], int]
    stopped: Callable[[], bool] = lambda: False
    progress: Callable[[str, int, int], None] = lambda _path, _done, _rows: None


def ingest_file(run: Ingest, path: Path) -> FileReport:
    """Append what the lake does not have of the file. A broken file is reported, not raised."""
    report = FileReport(path=str(path))
    try:
        opened = open_file(path, run.intake)
        report.sha256, report.rows = opened.file.sha256, opened.rows
        start = run.lake.next_offset(opened.source_name, opened.partition)
        if start < opened.rows:
            _append(run, opened, start, report)
    except (IncorrectInput, NotSupported) as error:
        report.status, report.error = "refused", error
    return report


def _append(run: Ingest, opened: OpenedFile, start: int, report: FileReport) -> None:
    read = prefetched(opened.batches(start, now_us=run.now()))
    with closing(read), closing(prefetched(map(prepare, read))) as ready:
        for prepared in ready:
            if run.stopped():
                report.status = "interrupted"
                return
            report.add(prepared.batch, run.lake.append(prepared))
            done = next(iter(prepared.batch.offsets.values())).stop
            run.progress(report.path, done, opened.rows)


def prefetched(items: Iterator[T]) -> Generator[T, None, None]:
    """The same items, the next one made in a thread while the caller works on this one."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prepare") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _merged(before: list[Reason], batch: Batch, result: CommitResult) -> list[Reason]:
    """The reasons so far with those of a batch; what the lake itself quarantined is reused ids."""
    if not result.quarantined:
        return before
    counts = Counter({(one.event_type, one.reason): one.rows for one in before})
    grouped = batch.quarantine.group_by("event_type", "reason").len()
    for event_type, reason, rows in grouped.iter_rows():
        counts[event_type, reason] += rows
    beyond_contracts = result.quarantined - batch.quarantine.height
    if beyond_contracts > 0:
        counts[None, REUSED_ID] += beyond_contracts
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0][1], item[0][0] or ""))
    return [Reason(event_type, reason, rows) for (event_type, reason), rows in ordered]
