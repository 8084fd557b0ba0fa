"""Prepared lakes: histories of a given size, made once and kept in the cache.

Holds how a history gets into a lake (historical import, one commit a day) and how a script gets
its own copy of one. Does not measure. Called by the scripts.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import generate
from ingestion.lake import Lake
from orchestration.home import Home
from orchestration.initialise import initialise
from orchestration.settings import Settings

IMMUTABLE = {".parquet", ".json"}


def settings(root: Path) -> Settings:
    return Settings(home=root)


def days_of(events: int) -> int:
    return -(-events // generate.EVENTS_PER_DAY)


def prepared(cache: Path, events: int) -> Path:
    """Home whose lake holds `events` events, one commit a day. Made if it is not there."""
    root = cache / f"history-{events}"
    stamp = root / "prepared"
    if not stamp.exists():
        shutil.rmtree(root, ignore_errors=True)
        _import_history(root, events)
        stamp.touch()
    return root


def _import_history(root: Path, events: int) -> None:
    registration = generate.stores()
    initialise(settings(root), dated_us=registration.ingest_time_us - 1_000_000)
    lake = open_lake(root)
    lake.append(registration.batch, ingest_time_us=registration.ingest_time_us)
    days = days_of(events)
    for day in range(days):
        rows = min(generate.EVENTS_PER_DAY, events - day * generate.EVENTS_PER_DAY)
        arrival = generate.arrival(day, rows)
        lake.append(arrival.batch, ingest_time_us=arrival.ingest_time_us)
        if day % 50 == 49 or day == days - 1:
            sys.stderr.write(f"prepared {day + 1:,} of {days:,} days\n")
    lake.close()


def open_lake(root: Path) -> Lake:
    home = Home.of(settings(root))
    return Lake.open(home.lake, home.index, tenant_id=home.tenant)


@contextmanager
def copy_of(root: Path) -> Iterator[Path]:
    """A copy of a home that may be written to; what never changes is linked, not copied."""
    copy = root.with_name(f"{root.name}-copy-{os.getpid()}")
    shutil.rmtree(copy, ignore_errors=True)
    try:
        shutil.copytree(root, copy, copy_function=_link_or_copy)
        yield copy
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _link_or_copy(source: str, target: str) -> None:
    if Path(source).suffix in IMMUTABLE:
        os.link(source, target)
    else:
        shutil.copy2(source, target)
