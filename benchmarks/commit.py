"""How long a commit of 100 events takes, and whether the 3,000th takes longer than the first.

The baseline writes and syncs as many bytes in as many plain files, so the ratio is the price of
the chain, the tree, the index and the offsets over the disk itself.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks import generate
from benchmarks.measurement import Measurement, Options, median_of, script
from benchmarks.prepare import open_lake, settings
from ingestion.lake import Batch, Lake, OffsetRange
from orchestration.initialise import initialise

ROWS = 100
COMMITS = 3_000
END = 300
FLOOR_EVERY = 10
P50_MS_MAX = 10.0
GROWTH_MAX = 1.2


def measure(options: Options) -> list[Measurement]:
    commits, end = (COMMITS, END) if not options.small else (20, 5)
    folder = Path(tempfile.mkdtemp(dir=options.cache))
    try:
        times, floor = _times_ms(folder, commits)
    finally:
        shutil.rmtree(folder)
    first, last = median_of(times[:end]), median_of(times[-end:])
    return [
        Measurement(
            what=f"commit of {ROWS} events, p50 of {commits:,} commits",
            value=median_of(times),
            unit="ms",
            at_most=P50_MS_MAX,
            baseline="the same bytes in as many synced files",
            baseline_value=median_of(floor),
        ),
        Measurement(
            what=f"commit of {ROWS} events, p50 of the last {end}",
            value=last,
            unit="ms",
            baseline=f"p50 of the first {end}",
            baseline_value=first,
            ratio_at_most=GROWTH_MAX,
        ),
    ]


def _times_ms(folder: Path, commits: int) -> tuple[list[float], list[float]]:
    """Times of the commits, and of plain files between them, so that both meet the same load."""
    home = folder / "home"
    initialise(settings(home))
    lake = open_lake(home)
    times, floor = [], []
    try:
        for number in range(commits):
            times.append(_commit_ms(lake, number))
            if number % FLOOR_EVERY == 0:
                floor.append(_disk_ms(folder, _file_sizes(home, lake.head.seq), number))
    finally:
        lake.close()
    return times, floor


def _commit_ms(lake: Lake, number: int) -> float:
    first = number * ROWS
    events = generate.day_events(number % 28, ROWS, first=first)
    batch = Batch(
        events=events, offsets={(generate.SOURCE, "p0"): OffsetRange(first, first + ROWS)}
    )
    start = time.perf_counter()
    lake.append(batch)
    return (time.perf_counter() - start) * 1e3


def _file_sizes(home: Path, seq: int) -> list[int]:
    lake = home / "lake" / "default"
    name = f"{seq:020d}"
    files = [lake / "_delta_log" / f"{name}.json", *lake.glob(f"family=*/**/{name}-*.parquet")]
    return [path.stat().st_size for path in files]


def _disk_ms(folder: Path, sizes: list[int], number: int) -> float:
    """Files of these sizes, each written and synced, and its folder synced."""
    start = time.perf_counter()
    for part, size in enumerate(sizes):
        _write_synced(folder / f"{number}-{part}", bytes(size))
    return (time.perf_counter() - start) * 1e3


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(descriptor, data)
    os.fsync(descriptor)
    os.close(descriptor)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


if __name__ == "__main__":
    script("commit", measure, events=COMMITS * ROWS, repeats=1)
