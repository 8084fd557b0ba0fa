"""The lake's tail behind the edition, in few files: small commits compacted into runs.

Derived and rebuildable: a run holds commits [first, last] exactly as the lake does, and what they
are booked as; it never changes and is replaced only by a longer one. `live.*` views read runs by
name and younger commits from the lake itself (`live_sql`). Called by publishing and by whoever
commits, every some commits.
"""

import io
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate, islice
from pathlib import Path
from typing import Protocol

import polars as pl

from audit.canonical import SEGMENT_SCHEMA
from ingestion.lake import Commit, Segment
from ingestion.lake.layout import FAMILIES
from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from orchestration.home import Home
from orchestration.publish.edition import replace_durably
from orchestration.publish.export import ROW_GROUP_ROWS

OPEN_COMMITS = 128
"""Commits left to the lake by whoever commits again and again. Of each, a live query reads the log
entry and its segments: 0.5 ms."""

OPEN_ROWS = 5_000
"""Events left to the lake by who has time: routing 10,000 takes a live query about 15 ms."""

GROWTH = 4
"""A run holds at least so many times the commits of the next: 3,000 commits are at most 6 runs."""

RUN_COMMITS = 16_384
"""Runs grow no longer than this, and are made of a few hundred commits at once, for memory."""
AT_ONCE_COMMITS = 256

LARGE_SEGMENT_ROWS = 5_000
"""Larger segments are read where they are: copying them would cost more than opening them."""

COMMITS = "commits"


BOOKED = ("sales", "accounts")
"""Families whose events are routed: a run may keep their deltas too."""


def deltas_of(family: str) -> str:
    """The name a run keeps the deltas of a family under."""
    return f"{family}-deltas"


DELTAS = tuple(map(deltas_of, BOOKED))


class Booking(Protocol):
    """Tells what commits are booked as; `version` changes with the SQL that books."""

    @property
    def version(self) -> str: ...

    def deltas(self, first: int, last: int) -> dict[str, pl.DataFrame] | None:
        """Per family the deltas of commits [first, last]; None if that cannot be told now."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Commits [first, last]; `files` maps a family, `commits`, or deltas to paths below the home.

    `booked_by` is the version of the SQL that made the deltas; empty: there are none.
    """

    first: int
    last: int
    files: dict[str, list[str]]
    booked_by: str = ""

    @property
    def commits(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Coverage:
    """Runs that hold the commits (after, until]; later ones are read from the lake.

    Of commits (after, booked] the runs have deltas too.
    """

    after: int
    booked: int
    until: int
    runs: tuple[Run, ...]

    def files(self, name: str, *, after: int | None = None, until: int | None = None) -> list[str]:
        """Files of that name that may hold commits (after, until]; of all commits if not given."""
        first = self.after + 1 if after is None else after + 1
        last = self.until if until is None else until
        return [
            path
            for run in self.runs
            if max(run.first, first) <= min(run.last, last)
            for path in run.files.get(name, [])
        ]


def shorten(home: Home, *, after: int, booking: Booking | None = None) -> Coverage:
    """Bring the tail behind commit `after` to few files, and say which. Costs what is new."""
    log = CommitLog(LocalStore(home.lake))
    lake_id = log.read(0).commit.lake_id
    before = _read_runs(home, lake_id)
    runs = list(_with_gaps_filled(home, log, before, after))
    runs += _new_runs(home, log, after=max([after, *(run.last for run in runs)]))
    merged = _merged(home, list(_booked(home, runs, after, booking)))
    if merged != before:
        _write_runs(home, lake_id, merged)
    wanted = tuple(run for run in merged if run.last > after)
    until, booked = max([after, *(run.last for run in wanted)]), after
    for run in wanted:
        if booking is None or run.booked_by != booking.version or run.first > booked + 1:
            break
        booked = run.last
    return Coverage(after, booked, until, wanted)


def is_long(home: Home, *, after: int, commits: int, rows: int | None = None) -> bool:
    """Whether live queries read so many commits one by one, or so many events of them.

    Looks for one file's name, or where `rows` is given reads as many entries of the log at most.
    """
    log = CommitLog(LocalStore(home.lake))
    if log.exists(after + commits):
        return True
    if rows is None:
        return False
    open_rows = accumulate(
        sum(one.rows for one in logged.commit.segments) for logged in log.after(after)
    )
    return any(found >= rows for found in open_rows)


def remember_shown(home: Home, coverage: Coverage) -> None:
    """Note where the tail that readers see has its runs' end."""
    replace_durably(home.tail / "shown.json", json.dumps({"until": coverage.until}).encode())


def shown_until(home: Home) -> int | None:
    """Up to which commit readers read runs; None if that was not noted. Reads one small file."""
    try:
        return int(json.loads((home.tail / "shown.json").read_bytes())["until"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def prune(home: Home, *, after: int, older_than_us: int) -> int:
    """Delete files of no run that ends behind `after`; returns how many.

    Files younger than `older_than_us` stay: an open reader may still name them.
    """
    lake_id = CommitLog(LocalStore(home.lake)).read(0).commit.lake_id
    runs = _read_runs(home, lake_id)
    kept = [run for run in runs if run.last > after]
    if kept != runs:
        _write_runs(home, lake_id, kept)
    named = {home.root / path for run in kept for paths in run.files.values() for path in paths}
    deleted = 0
    for path in home.tail.glob("*/*.parquet"):
        if path not in named and path.stat().st_mtime_ns // 1000 < older_than_us:
            path.unlink()
            deleted += 1
    return deleted


def empty_file(home: Home, name: str) -> Path:
    """A file without rows: gives a list of files its schema, and lets it be empty."""
    path = home.tail / f"no-{'commits' if name == COMMITS else 'events'}.parquet"
    if not path.exists():
        empty = _commit_times([], []) if name == COMMITS else pl.DataFrame(schema=SEGMENT_SCHEMA)
        _write_parquet(empty, path)
    return path


def _new_runs(home: Home, log: CommitLog, *, after: int) -> Iterator[Run]:
    commits = (logged.commit for logged in log.after(after))
    while group := list(islice(commits, AT_ONCE_COMMITS)):
        yield _write_run(home, group)


def _with_gaps_filled(home: Home, log: CommitLog, runs: Sequence[Run], after: int) -> Iterator[Run]:
    """Runs in order without holes behind `after`: a rollback may reach behind the first."""
    covered = after
    for run in runs:
        hole = range(covered + 1, run.first)
        for start in range(hole.start, hole.stop, AT_ONCE_COMMITS):
            group = range(start, min(start + AT_ONCE_COMMITS, hole.stop))
            yield _write_run(home, [log.read(seq).commit for seq in group])
        yield run
        covered = max(covered, run.last)


def _write_run(home: Home, commits: Sequence[Commit]) -> Run:
    first, last = commits[0].seq, commits[-1].seq
    files: dict[str, list[str]] = {}
    for family in FAMILIES:
        segments = [one for commit in commits for one in commit.segments if one.family == family]
        files[family] = _family_files(home, family, segments, first, last)
    numbers, times_us = [one.seq for one in commits], [one.ingest_time_us for one in commits]
    times = _commit_times(numbers, times_us)
    files[COMMITS] = [_write_file(home, COMMITS, times, first, last)]
    return Run(first=first, last=last, files=files)


def _booked(home: Home, runs: Sequence[Run], after: int, booking: Booking | None) -> Iterator[Run]:
    """The runs, those behind `after` with their deltas where the views can tell them."""
    wanted = [
        run for run in runs if booking and run.last > after and run.booked_by != booking.version
    ]
    frames = booking.deltas(wanted[0].first, wanted[-1].last) if booking and wanted else None
    for run in runs:
        if booking is None or frames is None or run not in wanted:
            yield run
            continue
        made = {}
        for family, frame in frames.items():
            mine = frame.filter(pl.col("commit_seq").is_between(run.first, run.last))
            name = deltas_of(family)
            folder = _folder(name, booking.version)
            made[name] = [_write_file(home, folder, mine, run.first, run.last)]
        yield replace(run, files={**run.files, **made}, booked_by=booking.version)


def _commit_times(numbers: Sequence[int], times_us: Sequence[int]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            pl.Series("commit_seq", numbers, dtype=pl.Int64),
            pl.Series("ingest_time", times_us, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
        ]
    )


def _family_files(
    home: Home, family: str, segments: Iterable[Segment], first: int, last: int
) -> list[str]:
    lake = home.lake.relative_to(home.root)
    parts = list(segments)
    large = [one for one in parts if one.rows > LARGE_SEGMENT_ROWS]
    small = [one for one in parts if one.rows <= LARGE_SEGMENT_ROWS]
    files = [(lake / one.path).as_posix() for one in large]
    if small:
        # In one call: four times as quick as one by one.
        frame = pl.read_parquet([home.lake / one.path for one in small], hive_partitioning=False)
        files.append(_write_file(home, family, frame, first, last))
    return files


def _merged(home: Home, runs: Sequence[Run]) -> list[Run]:
    """Runs that stand together, each so much longer than the next that they stay few."""
    groups: list[list[Run]] = []
    for run in runs:
        group = [run]
        while groups and _grow_together(groups[-1], group):
            group = groups.pop() + group
        groups.append(group)
    return [_merge(home, group) if len(group) > 1 else group[0] for group in groups]


def _grow_together(before: Sequence[Run], group: Sequence[Run]) -> bool:
    longer, shorter = (sum(one.commits for one in runs) for runs in (before, group))
    return (
        before[-1].last + 1 == group[0].first
        and longer < GROWTH * shorter
        and longer + shorter <= RUN_COMMITS
    )


def _merge(home: Home, runs: Sequence[Run]) -> Run:
    first, last = runs[0].first, runs[-1].last
    ours = home.tail.relative_to(home.root).as_posix()
    files: dict[str, list[str]] = {}
    booked_by = runs[0].booked_by if len({run.booked_by for run in runs}) == 1 else ""
    for name in (*FAMILIES, COMMITS, *(DELTAS if booked_by else ())):
        paths = [path for run in runs for path in run.files.get(name, [])]
        copies = [path for path in paths if path.startswith(ours)]
        files[name] = [path for path in paths if path not in copies]
        if copies:
            frame = pl.read_parquet([home.root / path for path in copies], hive_partitioning=False)
            folder = _folder(name, booked_by)
            files[name].append(_write_file(home, folder, frame, first, last))
    return Run(first=first, last=last, files=files, booked_by=booked_by)


def _folder(name: str, version: str) -> str:
    """Deltas that other SQL made are other files."""
    return f"{name}-{version[:16]}" if name in DELTAS else name


def _write_file(home: Home, folder: str, frame: pl.DataFrame, first: int, last: int) -> str:
    path = home.tail / folder / f"{first:020d}-{last:020d}.parquet"
    _write_parquet(frame, path)
    return path.relative_to(home.root).as_posix()


def _write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Whole and durable, or not there at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", row_group_size=ROW_GROUP_ROWS)
    replace_durably(path, buffer.getvalue())


def _read_runs(home: Home, lake_id: str) -> list[Run]:
    try:
        state = json.loads((home.tail / "runs.json").read_bytes())
        runs = [Run(**one) for one in state["runs"]]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []  # derived: made again from the lake
    files = (home.root / path for run in runs for paths in run.files.values() for path in paths)
    if state["lake_id"] != lake_id or not all(path.exists() for path in files):
        return []
    return runs


def _write_runs(home: Home, lake_id: str, runs: Sequence[Run]) -> None:
    state = {"lake_id": lake_id, "runs": [asdict(run) for run in runs]}
    home.tail.mkdir(parents=True, exist_ok=True)
    replace_durably(home.tail / "runs.json", json.dumps(state, sort_keys=True).encode())


def now_us() -> int:
    """The machine's clock, for ages of files only."""
    return time.time_ns() // 1000
