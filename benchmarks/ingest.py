"""Bulk ingest of one Parquet file by `ledgerlake ingest files`, from its start to its exit.

What is measured validates, deduplicates, hashes, chains and syncs every event. The baseline reads
the same file and writes it again as Parquet with the same compression, and does nothing else.
"""

import shutil
import tempfile
import time
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import generate
from benchmarks.measurement import Measurement, Options, median_of, script
from benchmarks.prepare import days_of, settings
from benchmarks.process import Finished, ledgerlake
from orchestration.initialise import initialise

EVENTS_PER_SECOND_MIN = 250_000
PEAK_MIB_MAX = 4096

MAPPING = """
mapping = 1
source = "chain"
format = "parquet"

[event]
type = { column = "kind" }
id = { column = "id" }
time = { column = "at" }
store_id = { column = "store" }
account_id = { column = "account" }
category = { column = "category" }
channel = { column = "channel" }
currency = { column = "currency" }
amount = { column = "cents", unit = "minor" }
quantity = { column = "units" }
"""


def measure(options: Options) -> list[Measurement]:
    folder = Path(tempfile.mkdtemp(dir=options.cache))
    try:
        source = source_file(options.cache, options.events)
        (folder / "mapping.toml").write_text(MAPPING)
        runs, copies = [], []
        for repeat in range(options.repeats):
            copies.append(_copy_seconds(source, folder / "copy.parquet"))
            runs.append(_ingest(source, folder, repeat))
    finally:
        shutil.rmtree(folder)
    rates = [options.events / run.seconds for run in runs]
    return [
        Measurement(
            what=f"bulk ingest of {options.events:,} events from Parquet",
            value=median_of(rates),
            unit="events/s",
            at_least=EVENTS_PER_SECOND_MIN,
            baseline="reading the file and writing it as Parquet",
            baseline_value=options.events / median_of(copies),
            repeats=rates,
        ),
        Measurement(
            what=f"peak memory of ingesting {options.events:,} events",
            value=max(run.peak_mib for run in runs),
            unit="MiB",
            at_most=PEAK_MIB_MAX,
        ),
    ]


def source_file(cache: Path, events: int) -> Path:
    """A file as another system would write it: its own columns, cents, one row an event."""
    path = cache / f"source-{events}.parquet"
    if not path.exists():
        half = path.with_suffix(".half")
        _write_source(half, events)
        half.replace(path)
    return path


def _write_source(path: Path, events: int) -> None:
    writer: pq.ParquetWriter | None = None
    for day in range(days_of(events)):
        first = day * generate.EVENTS_PER_DAY
        rows = min(generate.EVENTS_PER_DAY, events - first)
        table = source_rows(generate.day_events(day, rows, first=first)).to_arrow()
        table = table.cast(_plain(table.schema))
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None
    writer.close()


def source_rows(events: pl.DataFrame) -> pl.DataFrame:
    """Events as rows of the file that `MAPPING` describes."""
    return events.select(
        id="event_id",
        kind="event_type",
        at="event_time",
        store="store_id",
        account="account_id",
        category="category",
        channel="channel",
        currency="currency",
        cents=(pl.col("amount") * 100).cast(pl.Int64),
        units=pl.col("quantity").cast(pl.Int64),
    )


def _plain(schema: pa.Schema) -> pa.Schema:
    """Polars' view types as the ordinary ones every reader knows."""
    views = {pa.string_view(): pa.string(), pa.large_string(): pa.string()}
    return pa.schema([field.with_type(views.get(field.type, field.type)) for field in schema])


def _ingest(source: Path, folder: Path, repeat: int) -> Finished:
    home = folder / f"home-{repeat}"
    initialise(settings(home))
    mapping = str(folder / "mapping.toml")
    finished = ledgerlake(home, "ingest", "files", str(source), "--mapping", mapping, "--json")
    shutil.rmtree(home)
    return finished


def _copy_seconds(source: Path, target: Path) -> float:
    start = time.perf_counter()
    pl.read_parquet(source).write_parquet(target, compression="zstd")
    return time.perf_counter() - start


if __name__ == "__main__":
    script("ingest", measure, events=5_000_000, repeats=3)
