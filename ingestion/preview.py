"""A dry run: what a file would become, with nothing written and no lake needed.

Holds `preview_file`. Duplicates with what a lake holds are not known here.
Called by `ledgerlake ingest files --dry-run`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from ingestion.file_batches import Intake, open_file
from ingestion.file_ingest import FileReport, Reason
from ledger.errors import IncorrectInput, NotSupported

EVENTS_SHOWN = 10
REJECTS_SHOWN = 20


@dataclass
class Preview:
    """The report a real run would give (duplicates aside), the first events and rejects."""

    report: FileReport
    events: list[dict[str, object]] = field(default_factory=list)
    rejects: list[dict[str, object]] = field(default_factory=list)


def preview_file(intake: Intake, path: Path, *, now: Callable[[], int]) -> Preview:
    """Check every row of a file. A broken file is reported, not raised."""
    shown = Preview(FileReport(path=str(path)))
    report = shown.report
    try:
        opened = open_file(path, intake)
        report.sha256, report.rows = opened.file.sha256, opened.rows
        counted: list[pl.DataFrame] = []
        for batch in opened.batches(0, now_us=now()):
            report.accepted += batch.events.height
            report.quarantined += batch.quarantine.height
            shown.events += batch.events.head(EVENTS_SHOWN - len(shown.events)).to_dicts()
            shown.rejects += batch.quarantine.head(REJECTS_SHOWN - len(shown.rejects)).to_dicts()
            counted.append(batch.quarantine.group_by("event_type", "reason").len())
        report.received = report.accepted + report.quarantined
        report.reasons = _summed(counted)
        report.status = "checked"
    except (IncorrectInput, NotSupported) as error:
        report.status, report.error = "refused", error
    return shown


def _summed(counted: list[pl.DataFrame]) -> list[Reason]:
    if not counted:
        return []
    summed = pl.concat(counted).group_by("event_type", "reason").agg(pl.col("len").sum())
    ordered = summed.sort("len", "reason", "event_type", descending=[True, False, False])
    return [Reason(*row) for row in ordered.iter_rows()]
