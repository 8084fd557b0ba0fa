"""The lake and its one way in: `Lake.append` turns a batch into a durable commit.

Holds opening, catching up, and the commit itself. Does not parse files or know contracts.
Called by ingestion sources and the command line. The steps and their order: docs/lake-format.md.
"""

import fcntl
import os
import sqlite3
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from audit import canonical
from audit.merkle import CompactRange
from ingestion.control import folded, gate
from ingestion.control.fold import fold
from ingestion.lake import commit as commits
from ingestion.lake import layout
from ingestion.lake.admission import Admitted, Prepared, admit, fingerprints, prepare
from ingestion.lake.batch import Batch
from ingestion.lake.commit import Commit, Outcome, Segment
from ingestion.lake.id_index import IdIndex
from ingestion.lake.log import CommitLog, LoggedCommit
from ingestion.lake.segments import SegmentFiles, add_quarantine, add_segments
from ingestion.lake.staging import Staging
from ingestion.lake.state import Head, LakeState
from ingestion.lake.store import LocalStore, Staged, Step, Store, probe_put_if_absent
from ledger.books import EMPTY, Books
from ledger.errors import IncorrectInput, InternalFault

Clock = Callable[[], int]
"""Microseconds since 1970-01-01T00:00:00Z."""


_FILES_ADDED = len(layout.FAMILIES) + 1
"""Of one commit at most: its segments and its quarantine. A thread for each wait for the disk."""


def system_clock() -> int:
    return time.time_ns() // 1000


@dataclass(frozen=True, kw_only=True)
class CommitResult:
    """What became of a batch. `seq` is None when all of it had been consumed before."""

    seq: int | None
    accepted: int
    duplicate: int
    quarantined: int
    head: Head


class Lake:
    """One tenant's lake. Safe under several processes: commits are put-if-absent."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        index_dir: Path,
        *,
        tenant_id: str,
        now: Clock,
        step: Step | None,
    ) -> None:
        self.folder = folder
        self._store = store
        self._log = CommitLog(store)
        self._files = SegmentFiles(store)
        self._threads = ThreadPoolExecutor(_FILES_ADDED, thread_name_prefix="stage")
        self._tenant_id = tenant_id
        self._now = now
        self._step = step or (lambda _name: None)
        self._books = EMPTY
        self._books_seq = -1
        index_dir.mkdir(parents=True, exist_ok=True)
        self._lock_path = index_dir / "writer.lock"
        with self._locked():
            try:
                self._state = LakeState(index_dir / "state.sqlite")
                self._state.empty_unless_current()
                self._ids = IdIndex(index_dir / "event_ids.idx")
                self._head = self._state.head()
            except (sqlite3.DatabaseError, ValueError) as error:
                raise InternalFault(
                    "derived_state_must_be_readable",
                    thing=f"index folder {index_dir}",
                    expected="the state a writer left",
                    found=str(error),
                    remedy="Delete the folder; it is rebuilt from the lake.",
                ) from error

    @classmethod
    def open(
        cls,
        lake_dir: Path,
        index_dir: Path,
        *,
        tenant_id: str = "default",
        now: Clock = system_clock,
        store: Store | None = None,
        step: Step | None = None,
        progress: Callable[[LoggedCommit], None] | None = None,
    ) -> "Lake":
        """Open a lake and catch up with its log (all of it when nothing derived is there)."""
        store = store or LocalStore(lake_dir, step=step)
        if not store.exists(layout.commit_path(0)):
            raise IncorrectInput(
                "lake_must_exist",
                thing=f"lake folder {lake_dir}",
                expected="a lake",
                found="no commit 0 in it",
                remedy="Run `ledgerlake init` first.",
            )
        lake = cls(store, lake_dir, index_dir, tenant_id=tenant_id, now=now, step=step)
        with lake._locked():
            lake._require_known_log()
            lake._catch_up(progress)
        return lake

    @classmethod
    def create(
        cls,
        lake_dir: Path,
        index_dir: Path,
        *,
        tenant_id: str = "default",
        now: Clock = system_clock,
        lake_id: str | None = None,
        ingest_time_us: int | None = None,
        store: Store | None = None,
        step: Step | None = None,
    ) -> "Lake":
        """Create a lake with its empty commit 0, or open the one that is there.

        `ingest_time_us` dates commit 0 back, so that a historical import can start there.
        """
        store = store or LocalStore(lake_dir, step=step)
        if not store.exists(layout.commit_path(0)):
            probe_put_if_absent(store)
            first = Commit(
                lake_id=lake_id or uuid.uuid4().hex,
                seq=0,
                previous_sha256=None,
                commit_id=uuid.uuid4().hex,
                ingest_time_us=now() if ingest_time_us is None else ingest_time_us,
                historical_import=ingest_time_us is not None,
                tree_size=0,
                tree_root=CompactRange().root().hex(),
            )
            store.create(layout.commit_path(0), commits.to_bytes(first))
        return cls.open(lake_dir, index_dir, tenant_id=tenant_id, now=now, store=store, step=step)

    @property
    def head(self) -> Head:
        """The newest commit this object knows; `refresh` looks for newer ones."""
        return self._head

    def refresh(self) -> Head:
        """Catch up with commits of other writers."""
        with self._locked():
            self._catch_up()
        return self._head

    def next_offset(self, source: str, partition: str) -> int:
        """The first offset of a source partition that is not in the lake; 0 if never seen."""
        return self._state.next_offset(source, partition)

    def commits_after(self, seq: int) -> Iterator[Commit]:
        """The commits behind `seq` up to `head`, in order."""
        for number in range(seq + 1, self._head.seq + 1):
            yield self._log.read(number).commit

    def read(self, segment: Segment) -> pl.DataFrame:
        """The events of a segment, all canonical columns, in row order."""
        return self._files.read(segment.path)

    def books(self) -> Books:
        """What all control events up to the head add up to, folded on from when last asked."""
        if self._books_seq < 0:
            self._books_seq, self._books = folded.nearest(
                lambda seq: self._log.read(seq).sha256, until_commit=self._head.seq
            )
        newer = self._state.segments_after("control", self._books_seq)
        self._books = fold(self._books, (self._files.read(path) for path in newer))
        self._books_seq = self._head.seq
        if newer:
            folded.keep(self._head.seq, self._head.commit_sha256, self._books)
        return self._books

    def append(self, batch: Batch | Prepared, ingest_time_us: int | None = None) -> CommitResult:
        """Commit what is new in `batch`; when this returns, it is durable.

        A batch that is `admission.prepare`d already, in another thread say, is not hashed again.
        `ingest_time_us` is for historical imports only: forward of the lake's clock and not
        beyond now. Raises IncorrectInput for offsets with a gap, wrong columns or a wrong time;
        OSError when the disk refuses (nothing is committed then, unless a later read shows it).
        Control events that break a rule of the books refuse the whole batch; those of a source that
        may not write them are quarantined.
        """
        prepared = batch if isinstance(batch, Prepared) else prepare(batch)
        with self._locked():
            self._catch_up()
            while True:
                result = self._try_append(prepared, ingest_time_us)
                if result is not None:
                    return result
                self._catch_up()  # lost the race for this number: look again, then try the next

    def append_made(
        self, make: Callable[[], Batch], *, given: int, ingest_time_us: int | None = None
    ) -> CommitResult:
        """Commit a batch made from the lake as it is, made anew whenever another writer was faster.

        `make` may ask this lake for its `books`, `head` and `next_offset`; an empty batch commits
        nothing. `given`: facts the batch is made of; those it leaves out count as duplicates.
        """
        with self._locked():
            self._catch_up()
            while True:
                batch = make().checked()
                if not batch.rows:
                    return CommitResult(
                        seq=None, accepted=0, duplicate=given, quarantined=0, head=self._head
                    )
                prepared = Prepared(batch, fingerprints(batch.events))
                result = self._try_append(prepared, ingest_time_us)
                if result is not None:
                    return replace(result, duplicate=result.duplicate + given - batch.rows)
                self._catch_up()

    def close(self) -> None:
        """Sync what is derived, so that the next start replays nothing."""
        with self._locked():
            self._ids.refresh()
            self._ids.sync()
            self._state.close()

    def _try_append(self, prepared: Prepared, ingest_time_us: int | None) -> CommitResult | None:
        given, prints = prepared.batch, prepared.prints
        expected = {key: self._state.next_offset(*key) for key in given.offsets}
        batch = given.beyond(expected)
        if not batch.offsets and given.offsets:
            return CommitResult(seq=None, accepted=0, duplicate=0, quarantined=0, head=self._head)
        if batch.events.height != given.events.height:
            prints = fingerprints(batch.events)
        admitted = admit(batch.events, prints, self._ids, self._read_events)
        rejects = batch.quarantine
        if admitted.conflicts.height:
            rejects = pl.concat([rejects, admitted.conflicts])
        time = self._ingest_time(ingest_time_us)
        if gate.holds_ours(admitted.conflicts):  # control events come all or none
            by_family = batch.events.sort("family", maintain_order=True)
            self._require_allowed(self._with_lake_columns(by_family, time[0]))
            raise gate.id_is_taken(admitted.conflicts)
        return self._commit(batch, admitted, rejects, time)

    def _commit(
        self, batch: Batch, admitted: Admitted, rejects: pl.DataFrame, ingest_time: tuple[int, bool]
    ) -> CommitResult | None:
        prints = admitted.fingerprints
        rows = self._with_lake_columns(prints.by_family, ingest_time[0])
        self._require_allowed(rows)
        tree = CompactRange.from_hex(self._head.tree_size, self._state.frontier())
        tiles = tree.extend(canonical.leaf_hashes(rows))
        self._step("before_segments")
        seq, ingest_us = self._head.seq + 1, ingest_time[0]
        with Staging(self._store, self._threads) as files:
            commit = Commit(
                lake_id=self._head.lake_id,
                seq=seq,
                previous_sha256=self._head.commit_sha256,
                commit_id=uuid.uuid4().hex,
                ingest_time_us=ingest_us,
                historical_import=ingest_time[1],
                tree_size=tree.size,
                tree_root=tree.root().hex(),
                segments=add_segments(files, rows, seq),
                quarantine=add_quarantine(files, rejects, seq, ingest_us),
                sources=dict(batch.offsets),
                outcomes=_outcomes(admitted, rejects),
            )
            data = commits.to_bytes(commit)
            staged = files.stage(layout.commit_path(seq), data)
            files.put_added()
            self._step("before_commit")
            if not self._put_commit(staged, commit, data):
                return None
        self._step("after_commit")
        logged = LoggedCommit(commit, commits.sha256_hex(data))
        self._remember(logged, tree, tiles)
        keys, contents = prints.keys[prints.order], prints.contents[prints.order]
        self._ids.apply(commit.seq, keys, contents, _row_indexes(rows))
        self._step("remembered")
        return CommitResult(
            seq=commit.seq,
            accepted=commit.count("accepted"),
            duplicate=commit.count("duplicate"),
            quarantined=commit.count("quarantined"),
            head=self._head,
        )

    def _require_allowed(self, rows: pl.DataFrame) -> None:
        """Control events obey the rules of the books as they are in this very step."""
        reserved = gate.reserved_rows(rows)
        if reserved.height:
            gate.require(
                self.books(),
                reserved,
                before=gate.Before(
                    lake_id=self._head.lake_id,
                    tree_size=self._head.tree_size,
                    newest_event_us=self._state.newest_event_us(),
                ),
                read=self._read_events,
            )

    def _with_lake_columns(self, events: pl.DataFrame, ingest_us: int) -> pl.DataFrame:
        """New events, family by family and checked, with the lake's columns, too."""
        size, first = events.height, self._head.tree_size
        given = {
            "tenant_id": pl.Series([self._tenant_id]).new_from_index(0, size),
            "commit_seq": pl.Series([self._head.seq + 1], dtype=pl.Int64).new_from_index(0, size),
            "ingest_time": pl.Series([ingest_us], dtype=pl.Int64)
            .cast(pl.Datetime("us", "UTC"))
            .new_from_index(0, size),
            "row_index": pl.Series(np.arange(first, first + size)),
        }
        rows = events.clone()
        # One by one, not a query, which takes 0.7 ms before its first row.
        for at, name in enumerate(canonical.CANONICAL_SCHEMA):
            if name in given:
                rows.insert_column(at, given[name].alias(name))
        return rows

    def _put_commit(self, staged: Staged, commit: Commit, data: bytes) -> bool:
        """True if `commit` is in the log. On any doubt the log is read back and compared."""
        path = layout.commit_path(commit.seq)
        try:
            if staged.put():
                return True
        except OSError:
            if not self._store.exists(path):
                raise
        return self._store.read(path) == data

    def _ingest_time(self, wished: int | None) -> tuple[int, bool]:
        now, last = self._now(), self._head.ingest_time_us
        if wished is None:
            return max(now, last + 1), False
        if not last < wished <= max(now, last + 1):
            raise IncorrectInput(
                "ingest_time_must_move_forward",
                thing="historical ingest time",
                expected=f"a time after the lake's clock {_utc(last)} and not after {_utc(now)}",
                found=_utc(wished),
                remedy="Import history in order, before newer commits are made.",
            )
        return wished, True

    def _catch_up(self, progress: Callable[[LoggedCommit], None] | None = None) -> None:
        """Bring the derived state to the log's end. One file look-up when it is there already."""
        self._head = self._state.head()
        self._ids.refresh()
        behind = min(self._head.seq, self._ids.applied_seq)
        for logged in self._log.after(behind):
            self._replay(logged)
            if progress is not None:
                progress(logged)

    def _require_known_log(self) -> None:
        """The log must still hold the newest commit the derived state knows."""
        if self._head.seq < 0:
            return
        found = "no such commit"
        if self._log.exists(self._head.seq):
            found = self._log.read(self._head.seq).sha256
        if found != self._head.commit_sha256:
            raise InternalFault(
                "log_must_hold_every_commit_seen_before",
                thing=f"commit {self._head.seq}",
                expected=f"SHA-256 {self._head.commit_sha256}, as seen before",
                found=found,
                remedy="The log was cut or replaced. Run `ledgerlake verify`; only if the lake "
                f"was restored on purpose, delete {self._lock_path.parent} to index it anew.",
            )

    def _replay(self, logged: LoggedCommit) -> None:
        commit = logged.commit
        rows = self._files.read_commit(commit)
        if commit.seq > self._head.seq:
            tree = CompactRange.from_hex(self._head.tree_size, self._state.frontier())
            tiles = tree.extend(canonical.leaf_hashes(rows))
            self._require_follows(commit, tree)
            self._remember(logged, tree, tiles)
        if commit.seq > self._ids.applied_seq:
            prints = fingerprints(rows)
            self._ids.apply(commit.seq, prints.keys, prints.contents, _row_indexes(rows))

    def _require_follows(self, commit: Commit, tree: CompactRange) -> None:
        chained = commit.previous_sha256 == (self._head.commit_sha256 or None)
        if chained and tree.size == commit.tree_size and tree.root().hex() == commit.tree_root:
            return
        raise InternalFault(
            "commit_must_follow_the_one_before",
            thing=f"commit {commit.seq}",
            expected=f"tree root {tree.root().hex()} over {tree.size} events",
            found=f"tree root {commit.tree_root} over {commit.tree_size} events"
            + ("" if chained else ", and a chain hash of another commit"),
            remedy="Run `ledgerlake verify`, then restore what it names from a copy.",
        )

    def _remember(self, logged: LoggedCommit, tree: CompactRange, tiles: list[bytes]) -> None:
        self._state.apply(logged.commit, logged.sha256, tree.to_hex(), tiles)
        self._head = self._state.head()

    def _read_events(self, rows: NDArray[np.int64]) -> pl.DataFrame:
        """Events at these row indexes, in that order: each segment they lie in is read once."""
        wanted = np.unique(rows)
        parts, at = [], 0
        while at < len(wanted):
            path, offset = self._state.segment_of(int(wanted[at]))
            first = int(wanted[at]) - offset
            frame = self._files.read(path)
            stop = int(np.searchsorted(wanted, first + frame.height))
            parts.append(frame[wanted[at:stop] - first])
            at = stop
        return pl.concat(parts)[np.searchsorted(wanted, rows)]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer of this index folder at a time; the log's put-if-absent is the real guard."""
        fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def _row_indexes(rows: pl.DataFrame) -> NDArray[np.int64]:
    return rows["row_index"].to_numpy()


def _outcomes(admitted: Admitted, rejects: pl.DataFrame) -> tuple[Outcome, ...]:
    """Rows per source, type, outcome and reason, in one fixed order."""
    found = [
        *_counted(admitted.events, "accepted"),
        *_counted(admitted.duplicates, "duplicate"),
        *_counted(rejects, "quarantined", "reason"),
    ]
    return tuple(
        sorted(found, key=lambda o: (o.source, o.event_type or "", o.outcome, o.reason or ""))
    )


def _counted(rows: pl.DataFrame, outcome: str, reason: str | None = None) -> Iterator[Outcome]:
    if rows.is_empty():
        return
    names = ["source", "event_type", *([reason] if reason else [])]
    if rows.height <= layout.FEW_ROWS:  # 0.1 ms, a query 0.8 ms
        counted = Counter(zip(*(rows.get_column(name).to_list() for name in names), strict=True))
        found: Iterable[tuple[Any, ...]] = ((*key, count) for key, count in counted.items())
    else:
        found = rows.group_by(names).len("rows").iter_rows()
    for source, event_type, *why, count in found:
        yield Outcome(
            source=source,
            event_type=event_type,
            outcome=outcome,
            reason=why[0] if why else None,
            rows=count,
        )


def _utc(us: int) -> str:
    return f"{np.datetime64(us, 'us')}Z"
