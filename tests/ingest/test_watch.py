"""A watched folder: files are taken whole, in order, once, and soon."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingestion import watch as watching
from ledger.errors import LedgerlakeError
from tests.ingest.given import csv_text, environment, till_rows, write
from tests.waiting import until

WAIT_SECONDS = 20.0


class Taken:
    """What a running watch has taken and refused, in order."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.sizes: list[int] = []
        self.refused: list[tuple[str, str]] = []

    def take(self, path: Path) -> None:
        self.sizes.append(path.stat().st_size)
        self.files.append(path.name)

    def refuse(self, path: Path, error: LedgerlakeError) -> None:
        self.refused.append((path.name, error.rule))


@contextmanager
def _watching(folder: Path) -> Iterator[Taken]:
    taken, stop = Taken(), threading.Event()
    thread = threading.Thread(
        target=watching.watch, args=(folder, taken.take, taken.refuse, stop), daemon=True
    )
    thread.start()
    try:
        yield taken
    finally:
        stop.set()
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()


def _until(condition: Callable[[], bool]) -> None:
    until(condition, seconds=WAIT_SECONDS)


def test_files_already_there_are_taken_by_name(tmp_path: Path) -> None:
    for name in ("c.csv", "a.csv", "b.csv"):
        write(tmp_path / name, b"x")
    with _watching(tmp_path) as taken:
        _until(lambda: len(taken.files) == 3)
    assert taken.files == ["a.csv", "b.csv", "c.csv"]


def test_a_file_renamed_into_place_is_taken_and_its_unfinished_name_is_not(tmp_path: Path) -> None:
    with _watching(tmp_path) as taken:
        time.sleep(0.2)
        write(tmp_path / "day.csv.tmp", b"x" * 1_000)
        time.sleep(0.3)
        assert taken.files == []
        (tmp_path / "day.csv.tmp").rename(tmp_path / "day.csv")
        _until(lambda: taken.files == ["day.csv"])


def test_a_file_is_not_taken_while_its_writer_pauses(tmp_path: Path) -> None:
    with _watching(tmp_path) as taken:
        time.sleep(0.2)
        with (tmp_path / "slow.csv").open("wb") as file:
            for _ in range(4):
                file.write(b"x" * 100)
                file.flush()
                time.sleep(watching.SETTLE_SECONDS + 0.1)
                assert taken.files == []
        _until(lambda: taken.files == ["slow.csv"])
    assert taken.sizes == [400]


def test_other_files_are_taken_while_one_is_being_written(tmp_path: Path) -> None:
    with _watching(tmp_path) as taken, (tmp_path / "a.csv").open("wb") as file:
        file.write(b"x")
        file.flush()
        write(tmp_path / "b.csv", b"y")
        _until(lambda: taken.files == ["b.csv"])
        file.close()
        _until(lambda: taken.files == ["b.csv", "a.csv"])


def test_where_the_kernel_does_not_tell_a_quiet_file_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "being_written", lambda _path: None)
    with _watching(tmp_path) as taken:
        time.sleep(0.2)
        with (tmp_path / "day.csv").open("wb") as file:
            for _ in range(5):
                file.write(b"x" * 100)
                file.flush()
                time.sleep(watching.SETTLE_SECONDS / 3)
            started = time.monotonic()
            _until(lambda: taken.files == ["day.csv"])
            assert time.monotonic() - started > watching.SETTLE_SECONDS / 2
    assert taken.sizes == [500]


def test_the_kernel_tells_who_writes(tmp_path: Path) -> None:
    path = write(tmp_path / "f", b"x")
    assert watching.being_written(path) is False
    with path.open("ab"):
        assert watching.being_written(path) is True
    with path.open("rb"):
        assert watching.being_written(path) is False
    assert watching.being_written(tmp_path / "gone") is False


_ASK = """
from pathlib import Path
from ingestion.watch import being_written
print({being_written(Path("f")) for _ in range(20_000)} <= {True, False})
"""


def test_a_writer_that_comes_while_it_is_asked_ends_nobody(tmp_path: Path) -> None:
    """A lease that must be broken is signalled; the signal's default would end the process."""
    path = write(tmp_path / "f", b"x")
    clashes = 0
    with subprocess.Popen(
        [sys.executable, "-c", _ASK],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    ) as asking:
        while asking.poll() is None:
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            except BlockingIOError:
                clashes += 1
        assert asking.stdout is not None
        assert (asking.returncode, asking.stdout.read()) == (0, "True\n")
    assert clashes > 0


def test_a_file_changed_after_it_was_taken_is_taken_again(tmp_path: Path) -> None:
    path = write(tmp_path / "day.csv", csv_text(*till_rows(2)))
    with _watching(tmp_path) as taken:
        _until(lambda: taken.files == ["day.csv"])
        write(path, csv_text(*till_rows(3)))
        _until(lambda: taken.files == ["day.csv"] * 2)


def test_what_is_no_file_of_the_folder_is_refused_once(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    (drop / "inner").mkdir(parents=True)
    (drop / "link.csv").symlink_to(write(tmp_path / "outside.csv", b"x"))
    with _watching(drop) as taken:
        _until(lambda: len(taken.refused) == 2)
        write(drop / "good.csv", b"x")
        _until(lambda: taken.files == ["good.csv"])
        time.sleep(0.3)
    assert taken.refused == [
        ("inner", "folder_must_hold_files_only"),
        ("link.csv", "symlink_must_stay_in_its_folder"),
    ]


def test_a_lost_notification_only_delays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LIST_AGAIN_SECONDS", 0.2)

    def deaf(*_: object, stop_event: threading.Event, **__: object) -> Iterator[set[object]]:
        while not stop_event.is_set():
            time.sleep(0.02)
            yield set()

    monkeypatch.setattr(watching.watchfiles, "watch", deaf)
    with _watching(tmp_path) as taken:
        time.sleep(0.1)
        write(tmp_path / "day.csv", b"x")
        _until(lambda: taken.files == ["day.csv"])
