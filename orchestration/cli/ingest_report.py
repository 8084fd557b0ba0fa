"""What `ledgerlake ingest files` says: tables for people, JSON for programs, one line per file
when it watches. Does not decide anything. Called by `cli.ingest_run`.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from ingestion.file_ingest import FileReport, Reason
from ingestion.preview import Preview
from ledger.errors import LedgerlakeError
from orchestration.cli import output

Progress = Callable[[str, int, int], None]

_COUNTS = ("received", "accepted", "duplicate", "quarantined")
_EVENT_COLUMNS = (
    *("event_type", "event_id", "event_time", "store_id", "account_id", "category", "channel"),
    *("amount", "currency", "quantity"),
)


def reports(found: Sequence[FileReport], *, as_json: bool) -> None:
    """The result of a run."""
    output.emit(_document(found), as_json=as_json, human=lambda out: _draw(found, out))


def preview(shown: Sequence[Preview], refused: Sequence[FileReport], *, as_json: bool) -> None:
    """The result of a dry run."""
    found = [*(one.report for one in shown), *refused]
    document = _document(found)
    for entry, one in zip(document["files"], shown, strict=False):
        entry["events"] = [_readable(row) for row in one.events]
        entry["rejects"] = [_readable(row) for row in one.rejects]

    def draw(out: Console) -> None:
        for one in shown:
            _draw_preview(one, out)
        _draw(found, out)
        out.print("Dry run: nothing was written.")

    output.emit(document, as_json=as_json, human=draw)


def watching(folder: Path, *, as_json: bool) -> None:
    """Say that the watch has begun."""
    if not as_json:
        output.console().print(f"Watching {escape(str(folder))}; Ctrl-C ends after the commit.")


def line(report: FileReport, *, as_json: bool) -> None:
    """One file of a watch, at once."""
    if as_json:
        text = json.dumps(output.plain(_file(report)), ensure_ascii=False)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        return
    out = output.console()
    counts = ", ".join(f"{getattr(report, name):,} {name}" for name in _COUNTS)
    out.print(f"{escape(report.path)}: {report.status.replace('_', ' ')}, {counts}")
    _draw_trouble([report], out)


@contextmanager
def progress(*, as_json: bool) -> Iterator[Progress]:
    """A bar per file on a terminal, silence elsewhere."""
    if as_json or not sys.stderr.isatty():
        yield lambda _path, _done, _rows: None
        return
    from rich.progress import Progress as Bars  # noqa: PLC0415 only a terminal needs it

    with Bars(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def show(path: str, done: int, rows: int) -> None:
            if path not in tasks:
                tasks[path] = bars.add_task(escape(Path(path).name), total=rows)
            bars.update(tasks[path], completed=done)

        yield show


def _document(found: Sequence[FileReport]) -> dict[str, Any]:
    return {
        "files": [_file(one) for one in found],
        "total": {name: sum(getattr(one, name) for one in found) for name in _COUNTS},
        "reasons": [vars(one) for one in _all_reasons(found)],
        "refused": sum(one.status == "refused" for one in found),
        "interrupted": any(one.status == "interrupted" for one in found),
    }


def _file(report: FileReport) -> dict[str, Any]:
    values = {**vars(report), "reasons": [vars(one) for one in report.reasons]}
    values["error"] = _error(report.error) if report.error else None
    return values


def _error(error: LedgerlakeError) -> dict[str, str]:
    return {
        "error": error.rule,
        "family": type(error).__name__,
        "thing": error.thing,
        "expected": error.expected,
        "found": error.found,
        "remedy": error.remedy,
    }


def _readable(row: dict[str, object]) -> dict[str, object]:
    """A row for JSON: bytes as text, what is not UTF-8 escaped."""
    return {
        name: value.decode(errors="backslashreplace") if isinstance(value, bytes) else value
        for name, value in row.items()
    }


def _all_reasons(found: Sequence[FileReport]) -> list[Reason]:
    counts: dict[tuple[str | None, str], int] = {}
    for report in found:
        for one in report.reasons:
            key = (one.event_type, one.reason)
            counts[key] = counts.get(key, 0) + one.rows
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return [Reason(event_type, reason, rows) for (event_type, reason), rows in ordered]


def _draw(found: Sequence[FileReport], out: Console) -> None:
    rows = [
        {
            "file": one.path,
            "status": one.status.replace("_", " "),
            "rows": one.rows,
            **{name: getattr(one, name) for name in _COUNTS},
            "commits": _commits(one),
        }
        for one in found
    ]
    if rows:
        out.print(output.table(rows, numbers=("rows", *_COUNTS)))
    _draw_trouble(found, out)


def _draw_trouble(found: Sequence[FileReport], out: Console) -> None:
    reasons = [vars(one) for one in _all_reasons(found)]
    if reasons:
        out.print(output.table(reasons, title="Quarantined, by reason", numbers=("rows",)))
    for report in found:
        if report.error is not None:
            output.fail(report.error, as_json=False)


def _draw_preview(shown: Preview, out: Console) -> None:
    if shown.events:
        used = [n for n in _EVENT_COLUMNS if any(row[n] is not None for row in shown.events)]
        rows = [{name: row[name] for name in used} for row in shown.events]
        title = f"{shown.report.path}: the first events"
        out.print(output.table(rows, title=title, numbers=("amount", "quantity")))
    if shown.rejects:
        names = ("source_offset", "reason", "detail", "raw")
        rows = [{name: _readable(row)[name] for name in names} for row in shown.rejects]
        out.print(output.table(rows, title=f"{shown.report.path}: the first rejects"))


def _commits(report: FileReport) -> str:
    if report.first_commit is None:
        return ""
    if report.first_commit == report.last_commit:
        return str(report.first_commit)
    return f"{report.first_commit} to {report.last_commit}"
