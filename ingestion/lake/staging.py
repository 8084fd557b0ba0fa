"""The files of one commit on their way: aside side by side, then named side by side.

Holds `Staging`, which waits for the disk in threads of its own. Does not know what is in a file or
which name makes a commit. Called by `segments` (to add) and by the writer (to put).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from types import TracebackType
from typing import Self, TypeVar

from ingestion.lake.store import Staged, Store

T = TypeVar("T")


class Staging:
    """Files that get their names together or, on leaving the block, are gone from aside.

    Three waits for the disk instead of one or two a file: all contents, then all folders of `add`ed
    files, and what the caller puts last.
    """

    def __init__(self, store: Store, threads: Executor) -> None:
        self._store = store
        self._threads = threads
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
        self.side_by_side([coming.result().put for coming in self._coming])

    def side_by_side(self, tasks: Sequence[Callable[[], T]]) -> tuple[T, ...]:
        """Their results in order, one made here and the others in threads; all have ended then."""
        others = [self._threads.submit(task) for task in tasks[1:]]
        try:
            first = [task() for task in tasks[:1]]
        finally:
            wait(others)
        return (*first, *(other.result() for other in others))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        wait(self._coming)
        arrived = [one.result() for one in self._coming if one.exception() is None]
        for staged in (*arrived, *self._staged):
            staged.discard()
