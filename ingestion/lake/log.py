"""Reading the commit log: from a commit on, one by one.

Holds `CommitLog`. Does not write and keeps nothing derived. Called by the writer to catch up,
and by whoever needs the lake's commits without its events.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ingestion.lake import commit as commits
from ingestion.lake import layout
from ingestion.lake.commit import Commit
from ingestion.lake.store import Store


@dataclass(frozen=True)
class LoggedCommit:
    """A commit and the SHA-256 of its bytes, which the next commit carries."""

    commit: Commit
    sha256: str


class CommitLog:
    """The commits of one lake, in order. Cost follows the commits asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def exists(self, seq: int) -> bool:
        return self._store.exists(layout.commit_path(seq))

    def read(self, seq: int) -> LoggedCommit:
        """Commit `seq`. FileNotFoundError if there is none, InternalFault if it is not one."""
        path = layout.commit_path(seq)
        data = self._store.read(path)
        return LoggedCommit(commits.from_bytes(data, name=path), commits.sha256_hex(data))

    def after(self, seq: int) -> Iterator[LoggedCommit]:
        """The commits behind `seq`, to the newest."""
        while self.exists(seq + 1):
            seq += 1
            yield self.read(seq)
