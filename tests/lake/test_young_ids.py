"""Ids on their way from the young table over the leaving one to the old: found at every step, and
after a kill or a power cut between any two. A dict is the oracle. Real files, no lake around them.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingestion.lake import id_file, id_index, id_table
from ingestion.lake.id_file import IdFile
from ingestion.lake.id_index import IdIndex

BULK, COMMITS = 5_000, 70


def small_tables() -> None:
    """The old one grows on the way, and the young one leaves three times."""
    id_index._FIRST_SLOTS, id_index._YOUNG_SLOTS = 8_192, 1_024


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_FIRST_SLOTS", "_YOUNG_SLOTS"):
        monkeypatch.setattr(id_index, name, getattr(id_index, name))
    small_tables()


class Commits:
    """The log an index follows: a first one of many ids, then some of at most 64, or more."""

    def __init__(self, seed: int, *, bulk: int = BULK) -> None:
        draw = np.random.default_rng(seed)
        sizes = [bulk, *draw.integers(1, 64, COMMITS).tolist()]
        sizes[COMMITS // 2] = 100
        self.stops = np.cumsum(sizes)
        self.keys = draw.integers(0, 2**64, self.stops[-1], dtype=np.uint64)
        self.keys[bulk:][draw.random(len(self.keys) - bulk) < 0.02] = 2**64 - 1
        self.contents = draw.integers(0, 2**64, len(self.keys), dtype=np.uint64)
        self.rows = np.arange(len(self.keys))

    def put(self, index: IdIndex, seq: int) -> None:
        part = slice(self.stops[seq - 1] if seq else 0, self.stops[seq])
        index.apply(seq, self.keys[part], self.contents[part], self.rows[part])

    def catch_up(self, index: IdIndex) -> Iterator[int]:
        for seq in range(index.applied_seq + 1, COMMITS + 1):
            self.put(index, seq)
            yield seq

    def require_held(self, index: IdIndex, seq: int) -> None:
        """All ids of the commits up to `seq`, and no others, each with its content and row."""
        stop = int(self.stops[seq])
        assert index.find(self.keys[:stop], self.contents[:stop]).same.all()
        later = index.find(self.keys[stop:], self.contents[stop:])
        assert not later.same.any()
        assert set(self.keys[stop:][later.other].tolist()) <= {2**64 - 1}
        one = np.array([2**64 - 1], dtype=np.uint64)
        others = index.find(one, np.array([0], dtype=np.uint64)).row
        assert set(others.tolist()) == set(np.flatnonzero(self.keys[:stop] == one).tolist())
        columns = (self.keys[:stop], self.contents[:stop], self.rows[:stop].astype(np.uint64))
        assert np.array_equal(index.entries(), np.column_stack(columns))


def _settle(index: IdIndex) -> None:
    """As on a machine whose disk is done between two commits."""
    if index._writing is not None:
        index._writing.result()


@pytest.mark.parametrize(("seed", "way"), [(1, "compiled"), (2, "compiled"), (3, "numpy")])
def test_ids_are_found_at_every_step_of_their_way_by_every_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, way: str
) -> None:
    if way == "numpy":
        monkeypatch.setattr(id_table, "_library", None)
    log, writers = Commits(seed), [IdIndex(tmp_path / "ids"), IdIndex(tmp_path / "ids")]
    left: set[int] = set()
    for seq in range(COMMITS + 1):
        index = writers[seq // 3 % 2]
        index.refresh()
        assert index.applied_seq == seq - 1
        log.put(index, seq)
        _settle(index)
        log.require_held(index, seq)
        if index._leaving is not None:
            left.add(index._leaving.inode)
    assert len(left) >= 2
    assert index._old.slots == 16_384


def test_few_pages_of_the_old_table_change_at_a_time(tmp_path: Path) -> None:
    log, index = Commits(5), IdIndex(tmp_path / "ids")
    log.put(index, 0)
    changed = []
    for seq in range(1, 25):
        before = index._old.table.keys.copy()
        log.put(index, seq)
        _settle(index)
        changed.append(np.count_nonzero(before != index._old.table.keys))
    assert index._leaving is not None
    first_left = changed.index(next(n for n in changed if n))
    assert not any(changed[:first_left]) and first_left > 10
    assert max(changed) < 150, "about as many as came, and no burst of 614"


def test_ids_go_to_the_old_table_while_the_disk_cannot_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, index = Commits(6), IdIndex(tmp_path / "ids")
    monkeypatch.setattr(IdIndex, "_is_settled", lambda self: self._leaving is None)
    for seq in log.catch_up(index):
        log.require_held(index, seq)
    assert index._young is not None and index._young.used <= 0.7 * index._young.slots


class _Killed(BaseException):
    pass


def _killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From step number `step` on nothing is done any more. Returns the steps asked for."""
    asked: list[str] = []

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            asked.append(real.__name__)
            if len(asked) > step:
                raise _Killed
            return real(*args, **named)

        return run

    monkeypatch.setattr(IdFile, "_write_header", dying(IdFile._write_header))
    monkeypatch.setattr(id_table.IdTable, "insert", dying(id_table.IdTable.insert))
    monkeypatch.setattr(Path, "replace", dying(Path.replace))
    return asked


def _run_until_killed(log: Commits, path: Path, step: int) -> tuple[int, list[str]]:
    """The last commit that was put in, and the steps."""
    for one in path.parent.glob(f"{path.name}*"):
        one.unlink()
    shutil.copy(path.with_name("first"), path)
    index, told = IdIndex(path), 0
    with pytest.MonkeyPatch.context() as patch:
        asked = _killed_at(step, patch)
        try:
            for seq in log.catch_up(index):
                _settle(index)
                told = seq
        except _Killed:
            pass
    return told, asked


def test_a_kill_between_any_two_steps_loses_no_id(tmp_path: Path) -> None:
    log, first = Commits(7), IdIndex(tmp_path / "first")
    log.put(first, 0)
    first.sync()
    _, steps = _run_until_killed(log, tmp_path / "ids", step=10**9)
    renames = [at + n for at, name in enumerate(steps) if name == "replace" for n in (0, 1)]
    assert len(renames) > 12
    for step in sorted({*renames, *range(0, len(steps), 29)}):
        told, _ = _run_until_killed(log, tmp_path / "ids", step)
        survivor = IdIndex(tmp_path / "ids")
        assert survivor.applied_seq >= told
        for seq in log.catch_up(survivor):
            if seq < told + 3:
                log.require_held(survivor, seq)
        log.require_held(survivor, COMMITS)


@pytest.mark.parametrize(("sync_every", "is_slow"), [(9, False), (30, True)])
def test_a_power_cut_loses_no_id_that_counts_as_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync_every: int, is_slow: bool
) -> None:
    """What was not synced since reached the disk, or not, or that of some files alone."""
    home, disk = tmp_path / "home", tmp_path / "disk"
    home.mkdir()
    disk.mkdir()
    fsync, may_write = os.fsync, threading.Event()

    def onto_disk(fd: int) -> None:
        path = Path(f"/proc/self/fd/{fd}")
        if is_slow and path.resolve() == home / "ids":
            assert may_write.wait(20)
        fsync(fd)
        if not path.is_dir():
            whole = disk / str(os.fstat(fd).st_ino)
            shutil.copy(path, whole.with_suffix(".copying"))
            whole.with_suffix(".copying").replace(whole)  # the test reads it meanwhile

    may_write.set()
    index, log = IdIndex(home / "ids"), Commits(8, bulk=3_000)  # so that it does not grow
    monkeypatch.setattr(os, "fsync", onto_disk)
    index.sync()
    boot = id_file._boot_id
    trusted: set[int] = set()
    for seq in log.catch_up(index):
        may_write.clear()
        if seq % sync_every == sync_every - 1 or not is_slow:
            may_write.set()
            _settle(index)
        if seq % sync_every == sync_every - 1:
            index.sync()
        if seq % 3:
            continue
        after = tmp_path / "after"
        shutil.rmtree(after, ignore_errors=True)
        after.mkdir()
        for file in home.glob("ids*"):
            whole = disk / str(file.stat().st_ino)
            reached = (False, True, file.name == "ids", file.name != "ids")[seq // 3 % 4]
            shutil.copy(file if reached or not whole.exists() else whole, after / file.name)
        monkeypatch.setattr(id_file, "_boot_id", lambda: b"another boot id!")
        restarted = IdIndex(after / "ids")
        trusted.add(restarted.applied_seq)
        for _ in log.catch_up(restarted):
            _settle(restarted)
        log.require_held(restarted, COMMITS)
        monkeypatch.setattr(id_file, "_boot_id", boot)
    may_write.set()
    assert max(trusted) >= COMMITS - sync_every


def test_killed_processes_leave_every_id_they_told_of(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.lake.test_young_ids import Commits, IdIndex, small_tables\n"
        "small_tables()\n"
        "index = IdIndex(Path(sys.argv[1]))\n"
        "for seq in Commits(10).catch_up(index):\n"
        "    print(seq, flush=True)\n"
    )
    log, path, told = Commits(10), tmp_path / "ids", -1
    for lines in (30, 15):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(lines):
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.communicate()
        index = IdIndex(path)
        assert index.applied_seq >= told
    for _ in log.catch_up(index):
        pass
    log.require_held(index, COMMITS)


def test_a_young_table_that_is_missing_is_told(tmp_path: Path) -> None:
    log, index = Commits(11), IdIndex(tmp_path / "ids")
    for _ in log.catch_up(index):
        _settle(index)
    assert index._leaving is not None
    for name in ("ids.leaving", "ids.young"):
        (tmp_path / name).unlink()
        with pytest.raises(ValueError, match=f"{name}, which belongs to .*, is missing"):
            IdIndex(tmp_path / "ids")
