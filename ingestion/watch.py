"""A warm process on a folder: files are taken as they land whole, in order of name.

Holds `watch`. A file is whole when no process has it open for writing (asked of the kernel), or,
where that cannot be asked, when it did not change for a while. Does not move, rename or delete
files. Called by `ledgerlake ingest files --watch`.
"""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import watchfiles

from ingestion import folder as folders
from ledger.errors import LedgerlakeError

QUIET_MS = 10
"""A burst of changes counts as one when this long nothing more happens. Small, because it is part
of the time from a file's landing to its commit."""

BURST_MS = 50
"""...but look at what has landed at the latest after this."""

LOOK_AGAIN_MS = 100
"""How often files still being written are looked at, and a stop is noticed."""

SETTLE_SECONDS = 0.3
"""Where the kernel cannot say who writes (other owners' files, network disks), a file unchanged
for so long counts as whole. A writer that pauses longer must rename into the folder."""

LIST_AGAIN_SECONDS = 2.0
"""The folder is listed anew so often, so that a lost notification delays a file, no more."""

_State = tuple[int, int, int]


@dataclass
class _Watched:
    """What is known of the folder: states already taken, and when others were last seen to change.

    A file that changes after it was taken is taken again: the lake adds only what is new in it.
    """

    folder: Path
    taken: dict[str, _State] = field(default_factory=dict)
    seen: dict[str, tuple[_State, float]] = field(default_factory=dict)

    def candidates(self) -> Iterator[tuple[str, _State]]:
        """Finished-looking names with content not taken yet, in order of name."""
        with os.scandir(self.folder) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            if folders.is_finished_name(name):
                state = _state(self.folder / name)
                if state is not None and self.taken.get(name) != state:
                    yield name, state

    def is_whole(self, name: str, state: _State) -> bool:
        """True when nobody writes the file any more."""
        before, since = self.seen.get(name, (None, 0.0))
        if before != state:
            since = time.monotonic()
            self.seen[name] = (state, since)
        written = being_written(self.folder / name)
        if written is None:
            return time.monotonic() - since >= SETTLE_SECONDS
        return not written


def watch(
    folder: Path,
    take: Callable[[Path], None],
    refuse: Callable[[Path, LedgerlakeError], None],
    stop: threading.Event,
) -> None:
    """Call `take` for every file that is or lands in `folder`, `refuse` for what is no such file.

    Returns after `stop` is set and the file being taken is done.
    """
    watched = _Watched(folder)
    listed = time.monotonic()
    waiting = _take_whole(watched, take, refuse, stop)
    for changes in watchfiles.watch(
        folder,
        watch_filter=None,
        debounce=BURST_MS,
        step=QUIET_MS,
        rust_timeout=LOOK_AGAIN_MS,
        yield_on_timeout=True,
        stop_event=stop,
        recursive=False,
        raise_interrupt=False,
    ):
        if stop.is_set():
            return
        overdue = time.monotonic() - listed >= LIST_AGAIN_SECONDS
        if changes or waiting or overdue:
            listed = time.monotonic()
            waiting = _take_whole(watched, take, refuse, stop)


def _take_whole(
    watched: _Watched,
    take: Callable[[Path], None],
    refuse: Callable[[Path, LedgerlakeError], None],
    stop: threading.Event,
) -> bool:
    """Take what is whole; True when some file is still being written."""
    waiting = False
    for name, state in watched.candidates():
        if stop.is_set():
            return False
        path = watched.folder / name
        error = folders.refusal(path, watched.folder)
        if error is not None:
            refuse(path, error)
        elif watched.is_whole(name, state):
            take(folders.target(path))
        else:
            waiting = True
            continue
        watched.taken[name] = state
        watched.seen.pop(name, None)
    return waiting


def being_written(path: Path) -> bool | None:
    """Whether a process has the file open for writing; None when the kernel does not tell.

    A read lease is granted only on a file nobody writes. It is given back at once.
    """
    setlease = getattr(fcntl, "F_SETLEASE", None)
    if setlease is None:
        return None
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False  # taking it will say what is wrong
    try:
        # A writer that comes meanwhile must not kill this process: SIGURG is ignored by default.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, setlease, fcntl.F_RDLCK)
        fcntl.fcntl(fd, setlease, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(fd)
    return False


def _state(path: Path) -> _State | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
