"""One at a time: a lock file that says who holds it.

The operating system frees the lock when its holder ends, however it ends. Called by builds and
publishing, and read by `doctor`.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ledger.errors import IncorrectInput

PATIENCE_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 0.02


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: process, what it does, since when."""

    pid: int
    doing: str
    since: str


class Busy(IncorrectInput):
    """Another process holds the lock."""


@contextmanager
def exclusive(path: Path, *, doing: str, waits_for: str = "") -> Iterator[None]:
    """Hold `path`'s lock; Busy names the holder when another process has it.

    A holder who does what is done in a moment (`waits_for`) is waited for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(fd, path, doing, waits_for)
        mine = Holder(os.getpid(), doing, datetime.now(UTC).isoformat(timespec="seconds"))
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps(asdict(mine)).encode(), 0)
        yield
    finally:
        os.close(fd)


def holder(path: Path) -> Holder | None:
    """Who holds the lock now; None when it is free."""
    try:
        fd = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return _written(fd)
    finally:
        os.close(fd)


def _take(fd: int, path: Path, doing: str, waits_for: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            other = _written(fd)
        if not waits_for or other.doing != waits_for or time.monotonic() > deadline:
            break
        time.sleep(LOOK_AGAIN_SECONDS)
    raise Busy(
        "one_at_a_time_per_home",
        thing=f"{doing} in {path.parent}",
        expected="no other process at it",
        found=f"process {other.pid}, {other.doing} since {other.since}",
        remedy="Wait until it ends, then run this again.",
    )


def _written(fd: int) -> Holder:
    try:
        return Holder(**json.loads(os.pread(fd, 4096, 0)))
    except (ValueError, TypeError):
        # Taken a moment ago: the lock is there, the name not yet.
        return Holder(0, "starting", "a moment ago")
