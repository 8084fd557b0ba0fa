"""Live queries kept short by processes that commit: the tail is compacted and shown anew.

Holds when that happens; `showing` does it. Called by the command line and the journal's drain.
"""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from orchestration.publish import tail
from orchestration.publish.showing import refresh_tail
from orchestration.settings import Settings

QUIET_SECONDS = 0.5
"""A process that had nothing to commit for so long has time."""

FEW_COMMITS = 16
HURRY_ROWS = 200_000
"""Events behind which the tail is compacted although more come."""


class TailKeeper:
    """For a process that commits again and again: looks at most once in so many commits."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._looked_at = -tail.OPEN_COMMITS

    def committed(self, seq: int) -> None:
        """To be called after a commit."""
        if seq - self._looked_at >= tail.OPEN_COMMITS // 2:
            self._looked_at = seq
            refresh_tail(self._settings)


class QuietKeeper:
    """For a process that waits between commits: compacts in a thread while nothing comes.

    Live queries then read few events that are not booked yet, however many came before. What goes
    wrong in the thread is raised by the next `committed`, or on leaving the block.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rows = 0
        self._news = threading.Event()
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="tail keeper")
        self._keeping: Future[None] | None = None

    def committed(self, rows: int) -> None:
        """To be called after a commit of so many events."""
        if self._keeping is not None and self._keeping.done():
            self._keeping.result()
        self._rows += rows
        self._news.set()

    def __enter__(self) -> Self:
        refresh_tail(self._settings, most_open=0)  # whatever is open: the first time loads much
        self._keeping = self._threads.submit(self._keep)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._news.set()
        self._threads.shutdown()
        if self._keeping is not None and error is None:
            self._keeping.result()

    def _keep(self) -> None:
        while self._has_time():
            refresh_tail(self._settings, most_open=FEW_COMMITS, rows=tail.OPEN_ROWS)

    def _has_time(self) -> bool:
        """Wait until something was committed and nothing more comes; False to end."""
        self._news.wait()
        while self._news.is_set() and self._rows < HURRY_ROWS:
            self._news.clear()
            if self._stop.wait(QUIET_SECONDS):
                return False
        self._rows = 0
        return not self._stop.is_set()
