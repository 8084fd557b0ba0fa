"""`ledgerlake ingest files`: settings, lake and clock put together, runs made stoppable.

Holds `Wish` and `run`. Does not parse files (ingestion does) or draw (cli.ingest_report does).
Called by `cli.ingest`.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from ingestion import contracts, folder, history, mapping
from ingestion import watch as watching
from ingestion.file_batches import Intake
from ingestion.file_ingest import FileReport, Ingest, ingest_file
from ingestion.lake import Lake
from ingestion.lake.writer import system_clock
from ingestion.preview import preview_file
from ingestion.rehearsal import rehearse
from ingestion.sources import Limits
from ingestion.sources.limits import MB
from ledger.errors import IncorrectInput, LedgerlakeError
from orchestration import settings
from orchestration.cli import ingest_report, output
from orchestration.home import Home
from orchestration.publish.keeper import QuietKeeper, TailKeeper


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the caller asked for."""

    paths: list[Path]
    mapping: Path
    dry_run: bool = False
    watch: bool = False
    ingest_time: str | None = None
    as_json: bool = False


def run(wish: Wish) -> int:
    """Do it and return the exit code. IncorrectInput for wrong use."""
    _require_sense(wish)
    chosen = settings.load()
    intake = _intake(wish, chosen)
    if wish.dry_run:
        return _preview(wish, intake)
    home = Home.of(chosen)
    lake = Lake.open(home.lake, home.index, tenant_id=home.tenant)
    try:
        with _stoppable() as stop:
            if not wish.watch:
                return _ingest(wish, intake, lake, stop, TailKeeper(chosen))
            with QuietKeeper(chosen) as tail:
                return _watch(wish, intake, lake, stop, tail)
    finally:
        lake.close()


def _intake(wish: Wish, chosen: settings.Settings) -> Intake:
    registry = contracts.load()
    bounds = chosen.ingest
    return Intake(
        mapper=mapping.load(wish.mapping, registry),
        registry=registry,
        limits=Limits(
            chunk_rows=bounds.commit_rows,
            line_bytes=bounds.largest_line_mb * MB,
            inflation=bounds.largest_inflation,
        ),
        future_skew_us=bounds.future_skew_minutes * 60_000_000,
    )


def _require_sense(wish: Wish) -> None:
    def wrong(expected: str, found: str) -> IncorrectInput:
        return IncorrectInput(
            "options_must_fit_together",
            thing="ledgerlake ingest files",
            expected=expected,
            found=found,
        )

    if wish.watch and (wish.dry_run or wish.ingest_time):
        raise wrong("--watch without --dry-run and --ingest-time", "them together")
    if wish.dry_run and wish.ingest_time:
        raise wrong("either --dry-run or --ingest-time", "both")
    if wish.watch and (len(wish.paths) != 1 or not wish.paths[0].is_dir()):
        raise wrong("one folder to watch", ", ".join(str(path) for path in wish.paths))


def _preview(wish: Wish, intake: Intake) -> int:
    found = folder.find(wish.paths)
    shown = [preview_file(intake, path, now=system_clock) for path in found.files]
    refused = [_refused(path, error) for path, error in found.refused]
    ingest_report.preview(shown, refused, as_json=wish.as_json)
    return _exit_code([one.report for one in shown] + refused)


def _ingest(wish: Wish, intake: Intake, lake: Lake, stop: threading.Event, tail: TailKeeper) -> int:
    found = folder.find(wish.paths)
    reports = [_refused(path, error) for path, error in found.refused]
    with ingest_report.progress(as_json=wish.as_json) as show:

        def progress(path: str, done: int, rows: int) -> None:
            """After each commit: history may be thousands of them."""
            show(path, done, rows)
            tail.committed(lake.head.seq)

        job = Ingest(
            lake=lake, intake=intake, now=system_clock, stopped=stop.is_set, progress=progress
        )
        for path in found.files:
            if stop.is_set():
                reports.append(FileReport(path=str(path), status="interrupted"))
            elif wish.ingest_time is None:
                reports.append(ingest_file(job, path))
            else:
                reports.append(history.import_file(job, path, wish.ingest_time))
    ingest_report.reports(reports, as_json=wish.as_json)
    return _exit_code(reports)


def _watch(wish: Wish, intake: Intake, lake: Lake, stop: threading.Event, tail: QuietKeeper) -> int:
    job = Ingest(lake=lake, intake=intake, now=system_clock, stopped=stop.is_set)

    def take(path: Path) -> None:
        report = ingest_file(job, path)
        ingest_report.line(report, as_json=wish.as_json)
        tail.committed(report.accepted)

    rehearse(intake)
    ingest_report.watching(wish.paths[0], as_json=wish.as_json)
    watching.watch(
        wish.paths[0],
        take,
        lambda path, error: ingest_report.line(_refused(path, error), as_json=wish.as_json),
        stop,
    )
    return output.DONE


def _refused(path: Path, error: LedgerlakeError) -> FileReport:
    return FileReport(path=str(path), status="refused", error=error)


def _exit_code(reports: list[FileReport]) -> int:
    statuses = {one.status for one in reports}
    if "interrupted" in statuses:
        return output.INTERRUPTED
    return output.CHECK_FAILED if "refused" in statuses else output.DONE


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; a second Ctrl-C ends the process at once.

    Ending at once is safe too: a commit is whole or not there.
    """
    stop = threading.Event()

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {one: signal.signal(one, handle) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
