"""The files of one commit on their way: aside side by side, then named side by side.

Holds `Staging`, which waits for the disk in threads of its own. Does not know what is in a file or
which name makes a commit. Called by `segments` (to add) and by the writer (to put).
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from types import TracebackType
from typing import Self

from ingestion.lake.store import Staged, Store


class Staging:
    """Files that get their names together or, on leaving the block, are gone from aside.

    Three waits for the disk instead of one or two a file: all contents, then all folders of `add`ed
    files, and what the caller puts last.
    """

    def __init__(self, store: Store, threads: Executor) -> None:
        self._store = store
        self._threads = threads
        self._running: list[Future[bool]] = []
        self._coming: list[Future[Staged]] = []
        self._staged: list[Staged] = []

    def add(self, path: str, data: bytes) -> None:
        """Begin to write a file aside; `put_added` names it."""
        self._coming.append(self._threads.submit(self._store.stage, path, data))

    def stage(self, path: str, data: bytes) -> Staged:
        """Write a file aside, for the caller to put after `put_added`."""
        staged = self._store.stage(path, data)
        self._staged.append(staged)
        return staged

    def put_added(self) -> None:
        """Once all contents are durable, name the added files; on return their names are, too.

        A name that is taken already holds these very bytes: it has their hash in it.
        """
        puts: list[Callable[[], bool]] = [coming.result().put for coming in self._coming]
        self._running = [self._threads.submit(put) for put in puts[1:]]
        for put in puts[:1]:
            put()
        for running in self._running:
            running.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        wait(self._coming)
        wait(self._running)
        arrived = [one.result() for one in self._coming if one.exception() is None]
        for staged in (*arrived, *self._staged):
            staged.discard()
