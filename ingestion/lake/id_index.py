"""Which event ids the lake holds: hash tables of ids (`id_table`) in two memory-mapped files.

Derived state: rebuilt from the lake at any time. Holds the growth of the old file (it doubles when
it is 70% full), how ids get from the young file into it, and the syncs of both. Does not read the
lake. Called by the writer under its lock. Why two: docs/decisions/0011-young-ids.md.
"""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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
_COPY_LOAD = 0.35
"""From this load on the young table is copied: 4 of its slots for each id put in, so that it is
through at a load of 0.6."""
_COPY_SLOTS = 4


class IdIndex:
    """Maps 64 bits of the id's hash to 64 bits of the content's hash and the event's row index.

    `applied_seq` is the last commit whose ids are in. After a crash of the process the mapped
    pages are whole, so it is trusted; after a restart of the machine only `synced_seq` is, and the
    commits after it are applied again, which changes nothing where they were in already.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._young_path = path.with_suffix(".young")
        self._unsynced = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="id-index")
        self._writing: Future[bool] | None = None
        if not path.exists():
            IdFile.create(path, _FIRST_SLOTS)
        self._open()

    @property
    def applied_seq(self) -> int:
        return self._old.applied_seq

    def refresh(self) -> None:
        """See what another process did: new tables, a later `applied_seq`."""
        if self._is_replaced(self._old):
            self._open()
            return
        self._old.read_header()
        if self._old.has_young:
            if self._young is None or self._is_replaced(self._young):
                self._open()
            else:
                self._young.read_header()

    def find(self, keys: U64, contents: U64) -> Found:
        """Look up ids. Arrays of one length; O(1) each, whatever the history."""
        keys = _nonzero(keys)
        old = self._old.table.find(keys, contents)
        if self._young is None or not self._young.used:
            return old
        young = self._young.table.find(keys, contents)
        return Found(
            old.same | young.same,
            np.concatenate([old.other, young.other]),
            np.concatenate([old.row, young.row]),
        )

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
            self._copy_on(young)
        if self._unsynced >= _SYNC_ROWS and not self._is_writing():
            self._begin_sync()

    def sync(self) -> None:
        """Write the tables to disk, so that a restart of the machine replays nothing."""
        whole = self._begin_sync()
        whole.result()
        if self._young is not None and self._young.copied == self._young.slots:
            self._settling = whole
            self._renew(self._young)

    def entries(self) -> U64:
        """All entries as (n, 3): id hash, content hash, row index; sorted by row index."""
        files = [self._old] if self._young is None else [self._old, self._young]
        table = np.concatenate([file.entries() for file in files])
        table = table[np.lexsort((table[:, 1], table[:, 0], table[:, 2]))]
        again = (table[1:] == table[:-1]).all(axis=1)  # on the way from young to old
        return table[np.flatnonzero(np.concatenate([[True], ~again])[: len(table)])]

    # --- the young table ------------------------------------------------------------------------

    def _young_for(self, count: int) -> IdFile | None:
        """The young table, if `count` more ids go there."""
        if count > _YOUNG_SLOTS // _YOUNG_BATCH:
            return None
        if self._young is None:
            if self._old.slots < _YOUNG_SHARE * _YOUNG_SLOTS:
                return None
            self._young = IdFile.create(self._young_path, _YOUNG_SLOTS)
            self._old.has_young = True  # written before the first id goes there
            self._old.write_header()
        young = self._young
        return young if young.used + count <= _LARGEST_LOAD * young.slots else None

    def _copy_on(self, young: IdFile) -> None:
        """Copy the next slots into the old table. They are neighbours there, too: each page is
        touched once for many ids, and goes to disk now, not with all others at once."""
        if young.copied == young.slots:
            self._renew(young)
            return
        due = int(_COPY_SLOTS * (young.used - _COPY_LOAD * young.slots))
        stop = min(due, young.slots)
        if stop - young.copied < young.slots // 64 and stop < young.slots:
            return
        held, part = young.table, slice(young.copied, stop)
        self._insert_old(held.keys[part], held.contents[part], held.rows[part])
        self._old.write_header()
        young.copied = stop
        young.write_header()
        if stop == young.slots:
            self._settling = self._begin_sync()
        elif not self._is_writing():
            self._in_background(lambda: _to_disk(self._path))

    def _renew(self, young: IdFile) -> None:
        """When all copies are on disk, go on with a young table of the ids that are not copied."""
        if self._settling is None:
            self._settling = self._begin_sync()
        if not self._settling.done():
            return
        if not self._settling.result():  # of a table that is not there any more
            self._settling = None
            return
        held = young.entries()
        keys, contents, rows = held[:, 0], held[:, 1], held[:, 2].astype(np.int64)
        left = np.flatnonzero(~self._old.table.find(keys, contents).same)
        aside = self._young_path.with_suffix(".younger")
        IdFile.create(aside, _YOUNG_SLOTS)
        younger = IdFile(aside)
        younger.insert(keys[left], contents[left], rows[left])
        younger.write_header()
        _to_disk(aside)
        aside.replace(self._young_path)
        _to_disk(self._young_path.parent)
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
        larger.applied_seq, larger.has_young = self._old.applied_seq, self._old.has_young
        larger.write_header()
        aside.replace(self._path)
        self._open()
        self._unsynced = _SYNC_ROWS

    # --- files and disk -------------------------------------------------------------------------

    def _open(self) -> None:
        self._old = IdFile(self._path)
        self._young: IdFile | None = None
        if self._old.has_young:
            if not self._young_path.exists():
                raise ValueError(f"{self._young_path}, which belongs to {self._path}, is missing")
            self._young = IdFile(self._young_path)
        self._unsynced = 0
        self._settling: Future[bool] | None = None
        """The sync begun when all of the young table was copied."""

    def _is_replaced(self, file: IdFile) -> bool:
        return file.path.stat().st_ino != file.inode

    def _is_writing(self) -> bool:
        return self._writing is not None and not self._writing.done()

    def _begin_sync(self) -> "Future[bool]":
        """Sync what is in so far in a thread; False if another process put a larger table there."""
        self._unsynced = 0
        old, seq = self._old, self._old.applied_seq
        return self._in_background(lambda: self._sync(old, seq))

    def _sync(self, old: IdFile, seq: int) -> bool:
        # Not `flush` of the map: it holds Python's lock until all is on disk.
        if old.has_young:
            _to_disk(self._young_path)
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


def _to_disk(path: Path) -> bool:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    return True


def _nonzero(keys: U64) -> U64:
    """Zero marks a free slot, so the one id that hashes to it is moved to 1."""
    return np.where(keys == 0, np.uint64(1), keys)
