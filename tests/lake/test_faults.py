"""Crashes, full disks, failing system calls, several writers: nothing acknowledged is lost,
nothing stands twice, nothing stands half. Real processes and real files.
"""

import errno
import itertools
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from audit.verify_lake import verify_lake
from ingestion.lake import Lake
from ingestion.lake.store import FileLayer, LocalStore
from tests import forked
from tests.events import batch, sales
from tests.lake import producer
from tests.lake.producer import Producer

STEPS = (
    "before_segments",
    "part_written",
    "written",
    "linked",
    "durable",
    "before_commit",
    "after_commit",
    "remembered",
)
FAMILIES = 2
ROWS = 20
AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]


def produce(given: Producer) -> int:
    """Run it to its end, or its death; the exit code."""
    return forked.exit_code(forked.start(producer.run, given))


def acknowledged(given: Producer) -> int:
    acks = given.acknowledged()
    return acks[-1][0] if acks else 0


def ids(home: Path) -> Counter[str]:
    """Event ids of all committed segments, read with Polars alone."""
    paths = [
        str(home / "lake" / add["path"])
        for commit in sorted((home / "lake" / "_delta_log").glob("*.json"))
        for add in _adds(commit)
    ]
    return Counter(pl.concat([pl.read_parquet(p, columns=["event_id"]) for p in paths])["event_id"])


def _adds(commit: Path) -> list[dict[str, str]]:
    lines = pl.read_ndjson(commit, infer_schema_length=None).to_dicts()
    return [line["add"] for line in lines if line.get("add")]


# Every step of the 2nd commit: two segments, one quarantine file and the commit file are written
# aside at the same time and the commit file is linked last, so the store's steps are reached 4
# times a commit (part_written 8 times).
@pytest.mark.parametrize(
    ("step", "nth"),
    [(step, 2) for step in STEPS if step not in ("part_written", "written", "linked", "durable")]
    + [("part_written", n) for n in range(9, 17)]
    + [(step, n) for step in ("written", "linked", "durable") for n in range(5, 9)],
)
def test_a_killed_writer_loses_nothing_acknowledged_and_repeats_nothing(
    tmp_path: Path, step: str, nth: int
) -> None:
    Lake.create(tmp_path / "lake", tmp_path / "index").close()
    given = Producer(home=tmp_path, name="till", batches=4, rows=ROWS)
    killed = replace(given, die_at=(step, nth))
    assert produce(killed) == -signal.SIGKILL
    done = acknowledged(killed)
    assert done in (ROWS, 2 * ROWS)
    report = verify_lake(tmp_path / "lake")
    assert report.ok, report
    assert done * FAMILIES <= report.events <= (done + ROWS) * FAMILIES
    assert produce(given) == 0
    found = ids(tmp_path)
    assert len(found) == 4 * ROWS * FAMILIES and set(found.values()) == {1}
    report = verify_lake(tmp_path / "lake")
    assert report.ok and report.events == 4 * ROWS * FAMILIES, report


def test_four_processes_commit_at_once_and_the_chain_stays_whole(tmp_path: Path) -> None:
    Lake.create(tmp_path / "lake", tmp_path / "index").close()
    _race(tmp_path, ["index"] * 4)


def test_writers_that_share_no_lock_lose_races_but_no_events(tmp_path: Path) -> None:
    Lake.create(tmp_path / "lake", tmp_path / "index").close()
    _race(tmp_path, [f"index-{n}" for n in range(4)])


def _race(home: Path, indexes: list[str]) -> None:
    batches = 10
    given = [
        Producer(home=home, name=f"till-{n}", batches=batches, rows=ROWS, index=index)
        for n, index in enumerate(indexes)
    ]
    running = [forked.start(producer.run, one) for one in given]
    assert [forked.exit_code(process) for process in running] == [0] * len(given)
    acks = []
    for one in given:
        mine = one.acknowledged()
        seqs = [seq for _, seq, _, _ in mine]
        assert seqs == sorted(seqs)
        acks += [(seq, started, ended) for _, seq, started, ended in mine]
    acks.sort()
    assert [ack[0] for ack in acks] == list(range(1, 4 * batches + 1)), "contiguous, each its own"
    for at, (seq, started, _) in enumerate(acks):
        earlier = [later for later, _, ended in acks[at:] if ended < started]
        assert not earlier, f"commit {seq} began after {earlier} had ended, yet precedes them"
    report = verify_lake(home / "lake")
    assert report.ok and report.commits == 4 * batches + 1, report
    assert set(ids(home).values()) == {1}
    assert sum(ids(home).values()) == 4 * batches * ROWS * FAMILIES


class Failing(FileLayer):
    """Lets the nth call of one system call fail with one error."""

    def __init__(self, call: str, nth: int, code: int) -> None:
        self.call, self.nth, self.code = call, nth, code
        self.calls = itertools.count(1)  # calls come from several threads

    def _count(self, call: str) -> None:
        if call == self.call and next(self.calls) == self.nth:
            raise OSError(self.code, os.strerror(self.code))

    def open_new(self, path: Path) -> int:
        self._count("open_new")
        return super().open_new(path)

    def write(self, fd: int, data: memoryview) -> int:
        self._count("write")
        return super().write(fd, data)

    def fsync(self, fd: int) -> None:
        self._count("fsync")
        super().fsync(fd)

    def link(self, source: Path, target: Path) -> None:
        self._count("link")
        super().link(source, target)


class Ended(BaseException):
    """Stands for the end of the process after a failed fsync."""


def _end(reason: str) -> None:
    raise Ended(reason)


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("open_new", errno.EMFILE),
        ("write", errno.ENOSPC),
        ("write", errno.EIO),
        ("fsync", errno.EIO),
        ("fsync", errno.ENOSPC),
        ("link", errno.ENOSPC),
        ("link", errno.EMLINK),
    ],
)
def test_a_failing_call_acknowledges_nothing_and_a_new_start_recovers(
    tmp_path: Path, call: str, code: int, nth: int
) -> None:
    Lake.create(tmp_path / "lake", tmp_path / "index").append(batch(sales(0, 5)))
    store = LocalStore(tmp_path / "lake", files=Failing(call, nth, code), on_fsync_failure=_end)
    lake = Lake.open(tmp_path / "lake", tmp_path / "index", store=store)
    try:
        lake.append(batch(sales(5, 5)))
        failed = False
    except (OSError, Ended):
        failed = True
    # Of a segment and a commit; synced are, besides, the lake's folder for each and theirs.
    assert failed == (nth <= {"open_new": 2, "write": 4, "fsync": 6, "link": 2}[call])
    report = verify_lake(tmp_path / "lake")
    assert report.ok, report
    lake = Lake.open(tmp_path / "lake", tmp_path / "index")
    lake.append(batch(sales(5, 5)))
    assert lake.head.tree_size == 10
    assert set(ids(tmp_path).values()) == {1}


def test_a_failed_fsync_ends_the_process(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.lake.test_faults import Failing;"
        "from ingestion.lake import Lake; from ingestion.lake.store import LocalStore;"
        "from tests.events import batch, sales; home = Path(sys.argv[1]);"
        "store = LocalStore(home / 'lake', files=Failing('fsync', 1, 5));"
        "Lake.open(home / 'lake', home / 'index', store=store).append(batch(sales(0, 5)))"
    )
    Lake.create(tmp_path / "lake", tmp_path / "index").close()
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 70
    assert "ending so that recovery reads from disk" in run.stderr


def test_a_full_disk_refuses_the_batch_and_keeps_the_lake(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(
        [*AS_ROOT, "mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], check=True
    )
    try:
        lake = Lake.create(disk / "lake", tmp_path / "index")
        lake.append(batch(sales(0, 100)))
        filler = disk / "filler"
        with pytest.raises(OSError, match="No space left"), filler.open("wb") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()
        with pytest.raises(OSError, match="No space left"):
            lake.append(batch(sales(100, 2000)))
        report = verify_lake(disk / "lake")
        assert report.ok and report.events == 100, report
        filler.unlink()
        assert lake.append(batch(sales(100, 2000))).accepted == 2000
        assert verify_lake(disk / "lake").events == 2100
    finally:
        subprocess.run([*AS_ROOT, "umount", str(disk)], check=True)
