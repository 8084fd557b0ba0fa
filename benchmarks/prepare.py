"""Prepared lakes: histories of a given size, made once and kept in the cache.

Holds how a history gets into a lake (historical import, one commit a day) and how a script gets
its own copy of one. Does not measure. Called by the scripts.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import generate
from ingestion.lake import Lake
from orchestration.build import Builder
from orchestration.home import Home
from orchestration.initialise import initialise
from orchestration.publish.publisher import publish
from orchestration.settings import Lateness, Settings

MAX_DELAY_DAYS = 200
"""Allowed lateness of the history: more than the latest event is late, so that all late events are
booked back and every benchmark has to touch old days."""


def settings(root: Path) -> Settings:
    return Settings(home=root, lateness=Lateness(max_delay_days=MAX_DELAY_DAYS))


def days_of(events: int) -> int:
    return -(-events // generate.EVENTS_PER_DAY)


First = Callable[[Path], None]
"""Called with the home once its lake is there and empty."""


def prepared(
    cache: Path, events: int, *, name: str = "history", first: First | None = None
) -> Path:
    """Home whose lake holds `events` events, one commit a day. Made if it is not there.

    `first` puts something before them; give such a history another `name`.
    """
    root = cache / f"{name}-{events}"
    _restore(root)
    if _is_missing(root, "imported"):
        shutil.rmtree(root, ignore_errors=True)
        _import_history(root, events, first)
        _done(root, "imported")
    return root


def prepared_warehouse(
    cache: Path, events: int, *, name: str = "history", first: First | None = None
) -> Path:
    """The same, with all marts built and an edition published."""
    root = prepared(cache, events, name=name, first=first)
    if _is_missing(root, "published"):
        _say(f"building {events:,} events")
        built = Builder(settings(root)).build(count_rows=False)
        if built.failed:
            raise RuntimeError(f"the build of {root} failed: {built.failed}")
        publish(settings(root))
        _done(root, "published")
    return root


def _is_missing(root: Path, stage: str) -> bool:
    return not (root / f"{stage}.stamp").exists()


def _done(root: Path, stage: str) -> None:
    (root / f"{stage}.stamp").touch()


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _import_history(root: Path, events: int, first: First | None) -> None:
    registration = generate.stores()
    initialise(settings(root), dated_us=registration.ingest_time_us - 1_000_000)
    if first:
        first(root)
    lake = open_lake(root)
    lake.append(registration.batch, ingest_time_us=registration.ingest_time_us)
    days = days_of(events)
    for day in range(days):
        rows = min(generate.EVENTS_PER_DAY, events - day * generate.EVENTS_PER_DAY)
        arrival = generate.arrival(day, rows)
        lake.append(arrival.batch, ingest_time_us=arrival.ingest_time_us)
        if day % 50 == 49 or day == days - 1:
            _say(f"imported {day + 1:,} of {days:,} days")
    lake.close()


def open_lake(root: Path) -> Lake:
    home = Home.of(settings(root))
    return Lake.open(home.lake, home.index, tenant_id=home.tenant)


def new_batch(lake: Lake, number: int, rows: int, *, history: int) -> int:
    """Append batch `number` (from 0) after the history: as many days on. Returns its commit."""
    offset = lake.next_offset(generate.SOURCE, "p0")
    arrival = generate.arrival(days_of(history) + number, rows, offset=offset)
    seq = lake.append(arrival.batch, ingest_time_us=arrival.ingest_time_us).seq
    assert seq is not None
    return seq


@contextmanager
def borrowed(root: Path) -> Iterator[Path]:
    """The home itself, to be written to; afterwards it is as it was.

    The same path, not a copy elsewhere, because published views hold absolute paths. What never
    changes is linked, not copied.
    """
    half = _kept(root).with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(root, half, symlinks=True, copy_function=_link_or_copy)
    half.rename(_kept(root))
    try:
        yield root
    finally:
        _restore(root)


def _kept(root: Path) -> Path:
    return root.with_name(f"{root.name}.kept")


def _restore(root: Path) -> None:
    if _kept(root).exists():
        shutil.rmtree(root, ignore_errors=True)
        _kept(root).rename(root)


def _link_or_copy(source: str, target: str) -> None:
    path = Path(source)
    if path.suffix == ".parquet" or path.parent.name == "_delta_log":
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def sales_files(root: Path) -> list[Path]:
    """Sales segments in order of commit."""
    found = (Home.of(settings(root)).lake / "family=sales").rglob("*.parquet")
    return sorted(found, key=lambda path: path.name)
