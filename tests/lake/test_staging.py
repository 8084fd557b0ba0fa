"""What a commit's files wait for: contents before names, folders before the commit's name, and
nothing left aside. Real files; the system calls are written down as they happen.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audit.verify_lake import verify_lake
from ingestion.lake import Lake
from ingestion.lake.staging import Staging
from ingestion.lake.store import FileLayer, LocalStore
from tests.events import batch, deposits, rejects, sales
from tests.lake.test_faults import Failing

Call = tuple[str, Path]


class Watched(FileLayer):
    """Writes down what was synced (once it is) and linked (when asked for). A folder takes long to
    sync, so that whoever does not wait for it comes too early."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.linked_as: dict[Path, Path] = {}

    def fsync(self, fd: int) -> None:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        if path.is_dir():
            time.sleep(0.05)
        super().fsync(fd)
        self.calls.append(("synced", path))

    def link(self, source: Path, target: Path) -> None:
        self.linked_as[target] = source
        self.calls.append(("linked", target))
        super().link(source, target)


def opened(home: Path, files: FileLayer, **more) -> Lake:
    store = LocalStore(home / "lake", files=files, step=more.get("step"))
    return Lake.open(home / "lake", home / "index", store=store, **more)


def aside(home: Path) -> list[Path]:
    return list((home / "lake").rglob(".tmp-*"))


def test_no_name_is_given_before_what_it_promises_is_durable(tmp_path: Path) -> None:
    Lake.create(tmp_path / "lake", tmp_path / "index").close()
    files = Watched()
    lake = opened(tmp_path, files)
    for n in range(2):
        files.calls.clear()
        lake.append(batch(sales(n, 1), deposits(n, 1), quarantine=rejects(n, 1, source="bad")))
        names = [path for call, path in files.calls if call == "linked"]
        commit = tmp_path / "lake/_delta_log" / f"{n + 1:020d}.json"
        assert len(names) == 4 and names[-1] == commit
        at = {call: number for number, call in reversed(list(enumerate(files.calls)))}
        for name in names:
            assert at["synced", files.linked_as[name]] < at["linked", name], "contents first"
        for name in names[:-1]:
            folder_synced = at["synced", name.parent]
            assert at["linked", name] < folder_synced < at["linked", commit], "the commit last"
        assert files.calls[-1] == ("synced", commit.parent), "then it may be acknowledged"


def test_contents_of_a_commit_are_synced_at_the_same_time(tmp_path: Path) -> None:
    Lake.create(tmp_path / "lake", tmp_path / "index").close()
    together = threading.Barrier(4)

    class Meeting(FileLayer):
        def fsync(self, fd: int) -> None:
            if Path(f"/proc/self/fd/{fd}").readlink().name.startswith(".tmp-"):
                together.wait(timeout=20)
            super().fsync(fd)

    lake = opened(tmp_path, Meeting())
    result = lake.append(batch(sales(0, 1), deposits(0, 1), quarantine=rejects(1, 1)))
    assert (result.accepted, result.quarantined) == (2, 1)


def test_a_folder_another_writer_made_is_made_durable_before_a_file_gets_a_name_in_it(
    tmp_path: Path,
) -> None:
    Lake.create(tmp_path / "lake", tmp_path / "index").append(batch(sales(0, 1)))
    files = Watched()
    opened(tmp_path, files).append(batch(sales(1, 1)))
    segment = next(path for call, path in files.calls if call == "linked")
    before = files.calls[: files.calls.index(("linked", segment))]
    for folder in segment.parents:
        assert ("synced", folder.parent) in before
        if folder.parent == tmp_path / "lake":
            break


def test_a_lost_race_leaves_nothing_aside(tmp_path: Path) -> None:
    Lake.create(tmp_path / "lake", tmp_path / "index").close()
    other = Lake.open(tmp_path / "lake", tmp_path / "other-index")
    faster = [batch(sales(0, 5, source="faster"))]

    def step(name: str) -> None:
        if name == "before_commit" and faster:
            assert aside(tmp_path), "all is staged when the other comes first"
            assert other.append(faster.pop()).seq == 1

    lake = Lake.open(tmp_path / "lake", tmp_path / "index", step=step)
    assert lake.append(batch(sales(0, 5), deposits(0, 5))).seq == 2
    assert not aside(tmp_path)
    report = verify_lake(tmp_path / "lake")
    assert report.ok and report.events == 15, report


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
@pytest.mark.parametrize("call", ["open_new", "write", "link"])
def test_a_refused_file_leaves_nothing_aside(tmp_path: Path, call: str, nth: int) -> None:
    Lake.create(tmp_path / "lake", tmp_path / "index").close()
    lake = opened(tmp_path, Failing(call, nth, 28))
    with pytest.raises(OSError, match="No space left"):
        lake.append(batch(sales(0, 1), deposits(0, 1), quarantine=rejects(1, 1)))
    assert not aside(tmp_path)
    assert lake.append(batch(sales(0, 1), deposits(0, 1), quarantine=rejects(1, 1))).accepted == 2


def test_when_one_of_several_tasks_fails_the_others_have_ended(tmp_path: Path) -> None:
    ended = []

    def fails() -> None:
        raise OSError("the first of them")

    def takes_long() -> None:
        time.sleep(0.1)
        ended.append(True)

    with ThreadPoolExecutor(1) as threads, pytest.raises(OSError, match="the first"):
        try:
            Staging(LocalStore(tmp_path), threads).side_by_side([fails, takes_long])
        finally:
            assert ended
