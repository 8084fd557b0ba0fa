"""Where the lake's bytes lie: one small interface and its local-disk form.

Holds put-if-absent, in one step or two, reads and listing. Does not know commits or Parquet.
Called by `staging`, `writer` and `log`; an object store joins by the same five methods.
"""

import errno
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from ledger.errors import IncorrectInput

Step = Callable[[str], None]
"""Called with the name of each step just reached; tests kill the process there."""


class Staged(Protocol):
    """Content that is durable and has no name yet. An object store may hold it in memory."""

    def put(self) -> bool:
        """Give it its name, durably. False if the name is taken already (nothing changed)."""

    def discard(self) -> None:
        """Leave nothing aside. What was put keeps its name."""


class Store(Protocol):
    """Five verbs over relative paths with `/`; contents are never changed once created."""

    def stage(self, path: str, data: bytes) -> Staged:
        """The first half of a create: `data` durable, to be put under `path` later."""

    def create(self, path: str, data: bytes) -> bool:
        """Store `data` under `path` durably. False if `path` exists already (nothing changed)."""

    def read(self, path: str) -> bytes:
        """The whole content. FileNotFoundError if there is none."""

    def exists(self, path: str) -> bool:
        """Whether `path` was created."""

    def list(self, folder: str) -> Iterator[str]:
        """Names (not paths) in `folder`, in no order; none if the folder is missing."""


class FileLayer:
    """The system calls a durable create makes, in one place so that tests can let each fail."""

    def open_new(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)

    def write(self, fd: int, data: memoryview) -> int:
        return os.write(fd, data)

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def link(self, source: Path, target: Path) -> None:
        os.link(source, target)


def end_process(reason: str) -> None:
    """After a failed fsync the page cache may lie: only a new process that reads is trusted.

    Evidence: Linux marks the pages clean after a failed fsync, so a second fsync succeeds
    without the data being on disk (Rebello et al., USENIX ATC 2020).
    """
    sys.stderr.write(f"ledgerlake: {reason}; ending so that recovery reads from disk\n")
    sys.stderr.flush()
    os._exit(70)


class LocalStore:
    """A folder on a local disk. Create = write aside, fsync, link, fsync the folder.

    The link is the atomic step: it fails when the name exists, so two writers can never both
    create one path, and a reader sees the whole content or none.
    """

    def __init__(
        self,
        root: Path,
        *,
        files: FileLayer | None = None,
        step: Step | None = None,
        on_fsync_failure: Callable[[str], None] = end_process,
    ) -> None:
        self.root = root
        self._files = files or FileLayer()
        self._step = step or (lambda _name: None)
        self._on_fsync_failure = on_fsync_failure
        self._durable_folders: set[Path] = set()

    def stage(self, path: str, data: bytes) -> "_Aside":
        target = self.root / path
        self._make_folder(target.parent)
        aside = _Aside(self, target)
        try:
            self._write_aside(aside.path, data)
            self._step("written")
        except BaseException:
            aside.discard()
            raise
        return aside

    def create(self, path: str, data: bytes) -> bool:
        aside = self.stage(path, data)
        try:
            return aside.put()
        finally:
            aside.discard()

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def exists(self, path: str) -> bool:
        return (self.root / path).exists()

    def list(self, folder: str) -> Iterator[str]:
        try:
            with os.scandir(self.root / folder) as entries:
                yield from (entry.name for entry in entries if not entry.name.startswith(".tmp-"))
        except FileNotFoundError:
            return

    def link(self, aside: Path, target: Path) -> bool:
        """Name what lies aside, durably. False if the name is taken, which is durable then, too."""
        try:
            self._files.link(aside, target)
            new = True
        except FileExistsError:
            new = False
        self._step("linked")
        self._fsync_folder(target.parent)
        self._step("durable")
        return new

    def _write_aside(self, aside: Path, data: bytes) -> None:
        fd = self._files.open_new(aside)
        try:
            # In two parts, so that a crash in the middle is a state tests can reach.
            for part in (data[: len(data) // 2], data[len(data) // 2 :]):
                self._write_whole(fd, part)
                self._step("part_written")
            self._fsync(fd, aside, unless_full=True)
        finally:
            os.close(fd)

    def _write_whole(self, fd: int, data: bytes) -> None:
        left = memoryview(data)
        while len(left) > 0:
            left = left[self._files.write(fd, left) :]

    def _make_folder(self, folder: Path) -> None:
        """Make it and its name durable: who made it before may have died before it was."""
        if folder in self._durable_folders:
            return
        if self.root not in folder.parents and folder.exists():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        self._fsync_folder(folder.parent)
        self._durable_folders.add(folder)

    def _fsync_folder(self, folder: Path) -> None:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._fsync(fd, folder)
        finally:
            os.close(fd)

    def _fsync(self, fd: int, path: Path, *, unless_full: bool = False) -> None:
        """Sync, or end the process. A file still aside on a full disk is only given up: no name
        leads to it yet, so nothing can be read back that is not on disk."""
        try:
            self._files.fsync(fd)
        except OSError as error:
            if not (unless_full and error.errno == errno.ENOSPC):
                self._on_fsync_failure(f"fsync of {path} failed: {error}")
            raise


class _Aside:
    """A file written and synced beside its target, until it is linked there."""

    def __init__(self, store: LocalStore, target: Path) -> None:
        self.path = target.parent / f".tmp-{uuid.uuid4().hex}"
        self._store = store
        self._target = target

    def put(self) -> bool:
        return self._store.link(self.path, self._target)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)


def probe_put_if_absent(store: Store) -> None:
    """Refuse a store on which a second create of one path succeeds: two writers could both win."""
    path = f"_probe/{uuid.uuid4().hex}"
    first, second = store.create(path, b"first"), store.create(path, b"second")
    if not first or second or store.read(path) != b"first":
        raise IncorrectInput(
            "store_must_refuse_a_second_create",
            thing="the lake's store",
            expected="a second create of one path to be refused",
            found="that it was accepted",
            remedy="Use a local disk or an object store with conditional writes.",
        )
