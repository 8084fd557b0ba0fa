"""Late events as a CSV sheet: out to be looked at, in with a decision per row.

Holds both forms. Columns `event_id`, `decision`, `reason` come first and are all that is read back;
a row without a decision is left alone. Does not decide. Called by `exceptions export|decide`.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import IncorrectInput
from orchestration.desk.late_events import LateEvent

COLUMNS = ("event_id", "decision", "reason")
CONTEXT = (
    *("status", "posting_period", "asked", "exception_reason", "period_id", "business_date"),
    *("lateness_days", "source", "store_id", "account_id", "category", "channel", "event_type"),
    *("currency", "amount", "quantity", "event_time", "ingest_time", "commit_seq"),
)


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """The rows of one decision: its events and why."""

    decision: str
    event_ids: tuple[str, ...]
    reason: str


def write_sheet(events: Iterable[LateEvent]) -> str:
    """The sheet, decisions to be filled in."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*COLUMNS, *CONTEXT))
    for one in events:
        writer.writerow((one.event_id, "", "", *(_text(getattr(one, name)) for name in CONTEXT)))
    return out.getvalue()


def read_sheet(path: Path, *, reason: str = "") -> list[Decisions]:
    """One entry per decision, in order of first mention.

    Its reason is `reason` if given, else the different reasons of its rows.
    """
    rows = _rows(path)
    decided: dict[str, str] = {}
    grouped: dict[str, list[Mapping[str, str]]] = {}
    for line, row in enumerate(rows, 2):
        event_id, decision = row["event_id"], row["decision"].strip()
        if not decision:
            continue
        if decided.setdefault(event_id, decision) != decision:
            raise IncorrectInput(
                "event_must_be_decided_once",
                thing=f"{path}, line {line}: event {event_id}",
                expected=f"{decided[event_id]}, as in an earlier line",
                found=decision,
            )
        grouped.setdefault(decision, []).append(row)
    return [
        Decisions(
            decision=decision,
            event_ids=tuple(dict.fromkeys(one["event_id"] for one in of)),
            reason=reason or "; ".join(dict.fromkeys(filter(None, map(_reason, of)))),
        )
        for decision, of in grouped.items()
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
        missing = [one for one in COLUMNS if one not in (reader.fieldnames or ())]
        rows = [{name: row.get(name) or "" for name in COLUMNS} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise _wrong(path, "CSV text in UTF-8", str(error)) from None
    except FileNotFoundError:
        raise _wrong(path, "a file", "no such file") from None
    if missing:
        raise _wrong(path, f"columns {', '.join(COLUMNS)}", f"no {', '.join(missing)}")
    return rows


def _reason(row: Mapping[str, str]) -> str:
    return row["reason"].strip()


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _wrong(path: Path, expected: str, found: str) -> IncorrectInput:
    return IncorrectInput(
        "sheet_must_be_csv_with_decisions",
        thing=f"sheet {path}",
        expected=expected,
        found=found,
        remedy="`ledgerlake exceptions export FILE` writes one to fill in.",
    )
