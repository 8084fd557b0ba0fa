"""Group commit: many small batches, one durable commit.

Holds the queue, the waiting and the handing back of results. Does not know what a batch holds.
Called by whatever is pushed events and wants durability without a commit each.
"""

import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass

from ingestion.lake.batch import Batch, joined
from ingestion.lake.writer import CommitResult, Lake

_STOP = object()


@dataclass(frozen=True, kw_only=True)
class GroupLimits:
    """A group is committed when it is `max_delay_s` old or has `max_rows` rows."""

    max_delay_s: float = 1.0
    max_rows: int = 10_000


class GroupCommitter:
    """Appends batches of many threads in few commits, in the order they were submitted.

    A future resolves only when its rows are durable, with the result of the whole group. When a
    group is refused, its batches are tried one by one, so that one producer's mistake fails only
    its own future.
    """

    def __init__(self, lake: Lake, limits: GroupLimits | None = None) -> None:
        self._lake = lake
        self._limits = limits or GroupLimits()
        self._queue: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._closed = False
        self._submitting = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def submit(self, batch: Batch) -> "Future[CommitResult]":
        """Queue a batch. RuntimeError after `close`."""
        future: Future[CommitResult] = Future()
        with self._submitting:
            if self._closed:
                raise RuntimeError("group committer is closed; submit before closing it")
            self._queue.put((batch, future))
        return future

    def close(self) -> None:
        """Commit what is queued, then stop. Safe to call twice."""
        with self._submitting:
            if not self._closed:
                self._closed = True
                self._queue.put(_STOP)
        self._thread.join()

    def __enter__(self) -> "GroupCommitter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        running = True
        while running:
            group, running = self._next_group()
            if group:
                self._commit(group)

    def _next_group(self) -> tuple[list[tuple[Batch, "Future[CommitResult]"]], bool]:
        group: list[tuple[Batch, Future[CommitResult]]] = []
        rows, until = 0, None
        while rows < self._limits.max_rows:
            try:
                wait = None if until is None else max(0.0, until - time.monotonic())
                item = self._queue.get(timeout=wait)
            except queue.Empty:
                break
            if not isinstance(item, tuple):
                return group, False
            group.append(item)
            rows += item[0].rows
            until = until or time.monotonic() + self._limits.max_delay_s
        return group, True

    def _commit(self, group: list[tuple[Batch, "Future[CommitResult]"]]) -> None:
        try:
            result = self._lake.append(joined(batch for batch, _ in group))
        except Exception as error:  # noqa: BLE001 - handed to the producer through its future
            if len(group) == 1:
                group[0][1].set_exception(error)
                return
            for one in group:
                self._commit([one])
            return
        for _, future in group:
            future.set_result(result)
