"""Which event ids the lake holds: hash tables of ids (`id_table`) in memory-mapped files.

Derived state: rebuilt from the lake at any time. Holds the growth of the old file (it doubles when
it is 70% full), how ids get from the young file into it, and the syncs. Does not read the lake.
Called by the writer under its lock. Why more than one file: docs/decisions/0011-young-ids.md.
"""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np

from ingestion.lake.id_file import IdFile
from ingestion.lake.id_table import I64, U64, Found

_FIRST_SLOTS = 1 << 16
_LARGEST_LOAD = 0.7
"""A miss probes (1 + 1/(1-load)^2)/2 slots (Knuth, TAOCP 6.4): 6 at 0.7, 13 at 0.8. Probes are
neighbours in memory, so 6 are one or two cache lines."""
_REHASH_ROWS = 1 << 20
"""Slots put into a larger table at once."""
_SYNC_ROWS = 2_000_000
"""Rows inserted between two syncs to disk: bounds what is replayed after a power cut (about
2 s), at one sync per 2M rows. After growth, until the larger table is on disk (some seconds at
100M ids), it would be the whole log; waiting for it took a tenth of a bulk ingest."""
_YOUNG_SLOTS = 1 << 20
"""24 MB. Twice as many halve what is copied an id, and double what the kernel writes at once."""
_YOUNG_SHARE = 8
"""There is a young table when the old one has this many times its slots; before that ids lie dense
enough in the old one."""
_YOUNG_BATCH = 16
"""More than this part of the young table's slots at once lie dense enough in the old one, too."""
_YOUNG_LOAD = 0.6
"""From here on the young table leaves, if the one before it is copied and on disk."""
_COPIED_AN_ID = 2
"""Slots of the leaving table for each id put in: through when the young one is at a load of 0.5."""
_COPIED_AT_ONCE = 64
"""No less than this part of the leaving table's slots, or what small commits write is scattered."""
_WRITTEN_AT_ONCE = 1 << 20
_WRITE_AND_WAIT = 7
"""Of sync_file_range(2): wait for what is being written, write, wait for that."""
_sync_file_range = ctypes.CDLL(None, use_errno=True).sync_file_range
_sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


class IdIndex:
    """Maps 64 bits of the id's hash to 64 bits of the content's hash and the event's row index.

    `applied_seq` is the last commit whose ids are in. After a crash of the process the mapped
    pages are whole, so it is trusted; after a restart of the machine only `synced_seq` is, and the
    commits after it are applied again, which changes nothing where they were in already.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._young_path = path.with_suffix(".young")
        self._younger_path = path.with_suffix(".younger")
        self._leaving_path = path.with_suffix(".leaving")
        self._unsynced = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="id-index")
        self._writing: Future[bool] | None = None
        self._settling: Future[bool] | None
        """The sync begun when all of the leaving table was copied."""
        self._old: IdFile
        self._young: IdFile | None
        self._leaving: IdFile | None
        if not path.exists():
            IdFile.create(path, _FIRST_SLOTS)
        self._open()

    @property
    def applied_seq(self) -> int:
        return self._old.applied_seq

    def refresh(self) -> None:
        """See what another process did: new tables, a later `applied_seq`."""
        if any(_is_replaced(file) for file in self._files()):
            self._open()
            return
        for file in self._files():
            file.read_header()
        if self._old.has_next and self._young is None:
            self._open()

    def find(self, keys: U64, contents: U64) -> Found:
        """Look up ids. Arrays of one length; O(1) each, whatever the history."""
        keys = _nonzero(keys)
        found = self._old.table.find(keys, contents)
        for file in self._files()[1:]:
            if file.used:
                more = file.table.find(keys, contents)
                found = Found(
                    found.same | more.same,
                    np.concatenate([found.other, more.other]),
                    np.concatenate([found.row, more.row]),
                )
        return found

    def apply(self, seq: int, keys: U64, contents: U64, rows: I64) -> None:
        """Put in the ids of commit `seq`; putting the same commit in again changes nothing."""
        keys = _nonzero(keys)
        young = self._young_for(len(keys))
        if young is None:
            self._insert_old(keys, contents, rows)
        else:
            young.insert(keys, contents, rows)
            young.write_header()
        self._unsynced += len(keys)
        self._old.applied_seq = seq
        self._old.write_header()
        if young is not None:
            self._move_on(young)
        if self._unsynced >= _SYNC_ROWS and not self._is_writing():
            self._begin_sync()

    def sync(self) -> None:
        """Write the tables to disk, so that a restart of the machine replays nothing."""
        whole = self._begin_sync()
        whole.result()
        if self._leaving is not None and self._leaving.copied == self._leaving.slots:
            self._settling = whole

    def entries(self) -> U64:
        """All entries as (n, 3): id hash, content hash, row index; sorted by row index."""
        table = np.concatenate([file.entries() for file in self._files()])
        table = table[np.lexsort((table[:, 1], table[:, 0], table[:, 2]))]
        again = (table[1:] == table[:-1]).all(axis=1)  # copied, and not gone yet
        return np.delete(table, np.flatnonzero(again), axis=0)

    # --- the young table and the leaving one ------------------------------------------------------

    def _young_for(self, count: int) -> IdFile | None:
        """The young table, if `count` more ids go there."""
        if count > _YOUNG_SLOTS // _YOUNG_BATCH:
            return None
        if self._young is None:
            if self._old.slots < _YOUNG_SHARE * _YOUNG_SLOTS:
                return None
            self._young = IdFile.create(self._young_path, _YOUNG_SLOTS)
            self._old.has_next = True  # written before the first id goes there
            self._old.write_header()
        young = self._young
        return young if young.used + count <= _LARGEST_LOAD * young.slots else None

    def _move_on(self, young: IdFile) -> None:
        if self._leaving is not None and self._leaving.copied < self._leaving.slots:
            self._copy_on(self._leaving, _COPIED_AN_ID * young.used)
        elif young.used >= _YOUNG_LOAD * young.slots and self._is_settled():
            self._let_leave(young)

    def _copy_on(self, leaving: IdFile, due: int) -> None:
        """Copy the next slots into the old table. They are neighbours there, too: each page is
        touched once for many ids, and goes to disk now, not with all others at once."""
        stop = min(due, leaving.slots)
        if stop - leaving.copied < leaving.slots // _COPIED_AT_ONCE and stop < leaving.slots:
            return
        held, part = leaving.table, slice(leaving.copied, stop)
        self._insert_old(held.keys[part], held.contents[part], held.rows[part])
        self._old.write_header()
        leaving.copied = stop
        leaving.write_header()
        if stop == leaving.slots:
            self._settling = self._begin_sync()
        elif not self._is_writing():
            self._in_background(lambda: _write_out(self._path))

    def _is_settled(self) -> bool:
        """Is all of the leaving table copied, and on disk? If nobody knows, it is seen to."""
        if self._leaving is None:
            return True
        if self._settling is None:
            self._settling = self._begin_sync()
        if not self._settling.done():
            return False
        if self._settling.result():
            return True
        self._settling = None  # the synced table is not there any more
        return False

    def _let_leave(self, young: IdFile) -> None:
        """The one that left goes. `_open` does the last step if a kill comes before it."""
        younger = IdFile.create(self._younger_path, young.slots)
        younger.has_next = True
        younger.write_header()
        _to_disk(self._younger_path)
        self._young_path.replace(self._leaving_path)
        self._younger_path.replace(self._young_path)
        _to_disk(self._path.parent)
        self._open()

    # --- the old table --------------------------------------------------------------------------

    def _insert_old(self, keys: U64, contents: U64, rows: I64) -> None:
        """Zeros are passed over."""
        wanted = self._old.used + int(np.count_nonzero(keys))
        slots = self._old.slots
        while wanted > _LARGEST_LOAD * slots:
            slots *= 2
        if slots > self._old.slots:
            self._grow(slots)
        self._old.insert(keys, contents, rows)

    def _grow(self, slots: int) -> None:
        """In the order of the smaller table's slots: neighbours there are neighbours here."""
        aside = self._path.with_suffix(".growing")
        larger, held = IdFile.create(aside, slots), self._old.table
        for start in range(0, self._old.slots, _REHASH_ROWS):
            part = slice(start, start + _REHASH_ROWS)
            larger.insert(held.keys[part], held.contents[part], held.rows[part])
        larger.applied_seq, larger.has_next = self._old.applied_seq, self._old.has_next
        larger.write_header()
        aside.replace(self._path)
        self._old = IdFile(self._path)
        self._settling = None
        self._unsynced = _SYNC_ROWS

    # --- files and disk -------------------------------------------------------------------------

    def _files(self) -> list[IdFile]:
        return [file for file in (self._old, self._young, self._leaving) if file is not None]

    def _open(self) -> None:
        self._old = IdFile(self._path)
        if self._old.has_next and not self._young_path.exists() and self._younger_path.exists():
            self._younger_path.replace(self._young_path)
        self._young = self._next(self._old, self._young_path)
        self._leaving = self._next(self._young, self._leaving_path)
        self._unsynced = 0
        self._settling = None

    def _next(self, older: IdFile | None, path: Path) -> IdFile | None:
        if older is None or not older.has_next:
            return None
        if not path.exists():
            raise ValueError(f"{path}, which belongs to {self._path}, is missing")
        return IdFile(path)

    def _is_writing(self) -> bool:
        return self._writing is not None and not self._writing.done()

    def _begin_sync(self) -> "Future[bool]":
        """Sync what is in so far in a thread; False if another process put a larger table there."""
        self._unsynced = 0
        old, seq = self._old, self._old.applied_seq
        return self._in_background(lambda: self._sync(old, seq))

    def _sync(self, old: IdFile, seq: int) -> bool:
        # Not `flush` of the map: it holds Python's lock until all is on disk.
        # In this order: if another process lets the young one leave meanwhile, it is met again.
        for path in (self._young_path, self._leaving_path):
            with suppress(FileNotFoundError):
                _to_disk(path)
        fd = os.open(self._path, os.O_RDWR)
        try:
            if os.fstat(fd).st_ino != old.inode:
                return False
            os.fsync(fd)
            old.synced_seq = max(old.synced_seq, seq)
            old.write_synced_seq(seq)
            os.fsync(fd)
            return True
        finally:
            os.close(fd)

    def _in_background(self, work: Callable[[], bool]) -> "Future[bool]":
        """One after the other. OSError if one failed before: this process cannot know any more what
        is on disk."""
        before = self._writing
        if before is not None and before.done():
            before.result()

        def after_it() -> bool:
            if before is not None:
                before.result()
            return work()

        self._writing = self._thread.submit(after_it)
        return self._writing


def _is_replaced(file: IdFile) -> bool:
    try:
        return file.path.stat().st_ino != file.inode
    except FileNotFoundError:  # another process was killed between two renames
        return True


def _to_disk(path: Path) -> bool:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    return True


def _write_out(path: Path) -> bool:
    """Write what is changed, a piece after the other: whoever syncs a file of his own meanwhile
    waits for one piece. Not yet a sync."""
    fd = os.open(path, os.O_RDWR)
    try:
        for start in range(0, os.fstat(fd).st_size, _WRITTEN_AT_ONCE):
            if _sync_file_range(fd, start, _WRITTEN_AT_ONCE, _WRITE_AND_WAIT):
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code), str(path))
    finally:
        os.close(fd)
    return True


def _nonzero(keys: U64) -> U64:
    """Zero marks a free slot, so the one id that hashes to it is moved to 1."""
    return np.where(keys == 0, np.uint64(1), keys)
