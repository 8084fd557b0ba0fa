"""What the ingest tests start from: a mapping, files, a lake, and the run of a file.

Real files and a real lake; the clock is a number. Not a test itself.
"""

import json
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from ingestion import contracts, mapping
from ingestion.file_batches import Intake, open_file
from ingestion.file_ingest import FileReport, Ingest, ingest_file
from ingestion.history import import_file
from ingestion.lake import Batch, Lake
from ingestion.lake.batch import joined
from ingestion.sources import Limits

ROOT = Path(__file__).parents[2]
NOW_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z, what the tests' clock shows."""

TILL_CSV = """
mapping = 1
source = "till"
format = "csv"
[event]
type = "SaleRecorded"
id = { column = "id", prefix = "till-" }
time = { column = "at" }
store_id = { column = "store" }
currency = { column = "currency" }
amount = { column = "amount" }
"""
TILL_HEADER = "id,at,store,currency,amount"
GOOD_ROW = "1,2025-06-01T10:00:00Z,s1,EUR,12.34"


def till(format_: str) -> str:
    """The till's mapping for another format."""
    return TILL_CSV.replace('"csv"', f'"{format_}"')


def csv_text(*rows: str, header: str = TILL_HEADER) -> bytes:
    return ("\n".join([header, *rows]) + "\n").encode()


def till_rows(count: int, first: int = 0) -> list[str]:
    return [f"{n},2025-06-01T10:00:00Z,s{n % 7},EUR,{n}.25" for n in range(first, first + count)]


def intake(text: str = TILL_CSV, **limits: int) -> Intake:
    registry = contracts.load()
    mapper = mapping.from_text(text, thing="mapping test.toml", registry=registry)
    return Intake(mapper=mapper, registry=registry, limits=replace(Limits(), **limits))


def batch_of(path: Path, text: str = TILL_CSV, now_us: int = NOW_US, **limits: int) -> Batch:
    """The whole file as one batch, checked as the lake would."""
    opened = open_file(path, intake(text, **limits))
    parts = list(opened.batches(0, now_us=now_us))
    return joined(parts).checked() if parts else Batch()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def reason_of(tmp_path: Path, row: str, text: str = TILL_CSV) -> tuple[str, str]:
    """(reason, detail) of the one row that is not accepted, beside a good one that is."""
    batch = batch_of(write(tmp_path / "file.csv", csv_text(GOOD_ROW, row)), text)
    assert batch.events.height == 1, batch.events
    assert batch.quarantine["raw"].to_list() == [row.encode()]
    assert batch.quarantine["source_offset"].to_list() == [1]
    return batch.quarantine["reason"][0], batch.quarantine["detail"][0]


@dataclass
class Home:
    """A lake in a folder, with a clock that stands still."""

    folder: Path
    now_us: int = NOW_US
    lake: Lake = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        dated = 946_684_800_000_000  # 2000-01-01, so that history can be imported
        self.lake = Lake.create(
            self.folder / "lake",
            self.folder / "index",
            now=lambda: self.now_us,
            ingest_time_us=dated,
        )

    def ingest(self, path: Path, text: str = TILL_CSV, **limits: int) -> FileReport:
        return ingest_file(self.run(text, **limits), path)

    def replay(self, path: Path, column: str, text: str = TILL_CSV, **limits: int) -> FileReport:
        return import_file(self.run(text, **limits), path, column)

    def run(self, text: str = TILL_CSV, **limits: int) -> Ingest:
        return Ingest(lake=self.lake, intake=intake(text, **limits), now=lambda: self.now_us)

    def events(self) -> pl.DataFrame:
        """All events of the lake, in its order."""
        files = sorted((self.folder / "lake").glob("family=*/*/*.parquet"))
        if not files:
            return pl.DataFrame({"event_id": []})
        return pl.concat([pl.read_parquet(file) for file in files]).sort("row_index")

    def quarantined(self) -> pl.DataFrame:
        files = sorted((self.folder / "lake" / "_quarantine").glob("*.parquet"))
        return pl.concat([pl.read_parquet(file) for file in files])

    def commits(self) -> list[dict[str, Any]]:
        """`commitInfo.lake` of every commit but the first."""
        logs = sorted((self.folder / "lake" / "_delta_log").glob("*.json"))
        return [
            json.loads(log.read_text().splitlines()[0])["commitInfo"]["lake"] for log in logs[1:]
        ]


def command(*arguments: object) -> list[str]:
    """The command line of `ledgerlake`, as a new process would get it."""
    code = "from orchestration.cli.main import main; main()"
    return [sys.executable, "-c", code, *map(str, arguments)]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "LEDGERLAKE_HOME": str(home), "PYTHONPATH": str(ROOT)}
