"""Which event ids the lake holds: a hash table of ids (`id_table`) in a memory-mapped file.

Derived state: rebuilt from the lake at any time. Holds the file, its growth (it doubles when it is
70% full) and its syncs. Does not read the lake. Called by the writer under its lock.
"""

import os
import struct
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ingestion.lake.id_table import I64, U64, Found, IdTable

U8 = np.memmap[Any, np.dtype[np.uint8]]

_MAGIC = b"LLIDX001"
_HEADER = struct.Struct("<8sQQqq16s")  # magic, slots, used, applied_seq, synced_seq, boot id
_HEADER_BYTES = 4096
_SLOT_BYTES = 24
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
_SYNCED_AT = struct.calcsize("<8sQQq")


class IdIndex:
    """Maps 64 bits of the id's hash to 64 bits of the content's hash and the event's row index.

    `applied_seq` is the last commit whose ids are in. After a crash of the process the mapped
    pages are whole, so it is trusted; after a restart of the machine only `synced_seq` is, and the
    commits after it are applied again, which changes nothing where they were in already.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._applied_seq = -1
        self._synced_seq = -1
        self._used = 0
        self._unsynced = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="id-index")
        self._syncing: Future[None] | None = None
        if not path.exists():
            _allocate(path, _FIRST_SLOTS)
        self._open()

    @property
    def applied_seq(self) -> int:
        return self._applied_seq

    @property
    def count(self) -> int:
        return self._used

    def refresh(self) -> None:
        """See what another process did: a new table after growth, a later `applied_seq`."""
        if self._path.stat().st_ino != self._inode:
            self._open()
        else:
            self._read_header()

    def find(self, keys: U64, contents: U64) -> Found:
        """Look up ids. Arrays of one length; O(1) each, whatever the history."""
        return self._table.find(_nonzero(keys), contents)

    def apply(self, seq: int, keys: U64, contents: U64, rows: I64) -> None:
        """Put in the ids of commit `seq`; putting the same commit in again changes nothing."""
        slots = self._slots
        while self._used + len(keys) > _LARGEST_LOAD * slots:
            slots *= 2
        if slots > self._slots:
            self._grow(slots)
        self._used += self._table.insert(_nonzero(keys), contents, rows)
        self._unsynced += len(keys)
        self._applied_seq = seq
        self._write_header()
        if self._unsynced >= _SYNC_ROWS and (self._syncing is None or self._syncing.done()):
            self._begin_sync()

    def sync(self) -> None:
        """Write the table to disk, so that a restart of the machine replays nothing."""
        if self._syncing is not None:
            self._syncing.result()
        self._begin_sync().result()

    def _begin_sync(self) -> "Future[None]":
        """Sync what is in so far in a thread. OSError if the last time failed: this process cannot
        know any more what is on disk."""
        if self._syncing is not None:
            self._syncing.result()
        self._unsynced = 0
        # Not `flush` of the map: it holds Python's lock until all is on disk.
        job = self._thread.submit(self._write_to_disk, self._map, self._inode, self._applied_seq)
        self._syncing = job
        return job

    def _write_to_disk(self, table: U8, inode: int, seq: int) -> None:
        fd = os.open(self._path, os.O_RDWR)
        try:
            if os.fstat(fd).st_ino != inode:
                return  # another process has put a larger table there, and syncs that
            os.fsync(fd)
            if self._map is table:
                self._synced_seq = max(self._synced_seq, seq)
            table[_SYNCED_AT : _SYNCED_AT + 8] = np.frombuffer(struct.pack("<q", seq), np.uint8)
            os.fsync(fd)
        finally:
            os.close(fd)

    def entries(self) -> U64:
        """All entries as (n, 3): id hash, content hash, row index; sorted by row index."""
        held, used = self._table, np.flatnonzero(self._table.keys)
        table = np.column_stack(
            (held.keys[used], held.contents[used], held.rows[used].astype(np.uint64))
        )
        return table[np.lexsort((table[:, 0], table[:, 2]))]

    def _open(self) -> None:
        with self._path.open("rb") as file:
            self._inode = os.fstat(file.fileno()).st_ino
            header = file.read(_HEADER.size)
        magic, slots, *_ = _HEADER.unpack(header)
        size = _HEADER_BYTES + slots * _SLOT_BYTES
        if magic != _MAGIC or self._path.stat().st_size != size or slots & (slots - 1):
            raise ValueError(f"{self._path} is not an id index of this version")
        self._map: U8 = np.memmap(self._path, dtype=np.uint8, mode="r+")
        self._slots = int(slots)
        body = np.asarray(self._map)[_HEADER_BYTES:]
        self._table = IdTable(
            body[: slots * 8].view(np.uint64),
            body[slots * 8 : slots * 16].view(np.uint64),
            body[slots * 16 :].view(np.int64),
        )
        self._unsynced = 0
        self._read_header()

    def _read_header(self) -> None:
        _, _, used, applied, synced, boot = _HEADER.unpack(bytes(self._map[: _HEADER.size]))
        self._used = int(used)
        self._synced_seq = int(synced)
        self._applied_seq = int(applied) if boot == _boot_id() else int(synced)
        if self._applied_seq != applied:
            self._used = int(np.count_nonzero(self._table.keys))

    def _write_header(self) -> None:
        header = _HEADER.pack(
            _MAGIC, self._slots, self._used, self._applied_seq, self._synced_seq, _boot_id()
        )
        self._map[: _HEADER.size] = np.frombuffer(header, dtype=np.uint8)

    def _grow(self, slots: int) -> None:
        larger_path = self._path.with_suffix(".growing")
        larger_path.unlink(missing_ok=True)
        _allocate(larger_path, slots)
        larger = IdIndex(larger_path)
        larger._take_all_of(self)
        larger._applied_seq = self._applied_seq
        larger._write_header()
        larger_path.replace(self._path)
        self._open()
        self._unsynced = _SYNC_ROWS

    def _take_all_of(self, smaller: "IdIndex") -> None:
        """In the order of the smaller table's slots: neighbours there are neighbours here."""
        held = smaller._table
        for start in range(0, smaller._slots, _REHASH_ROWS):
            part = slice(start, start + _REHASH_ROWS)
            self._used += self._table.insert(held.keys[part], held.contents[part], held.rows[part])


def _allocate(path: Path, slots: int) -> None:
    size = _HEADER_BYTES + slots * _SLOT_BYTES
    aside = path.with_suffix(f".new-{os.getpid()}")
    with aside.open("wb") as file:
        # Real blocks, not a hole: a write into a hole on a full disk kills the process.
        os.posix_fallocate(file.fileno(), 0, size)
        file.write(_HEADER.pack(_MAGIC, slots, 0, -1, -1, _boot_id()))
        file.flush()
        os.fsync(file.fileno())  # so that after a power cut it is a table, if an empty one
    aside.replace(path)


def _nonzero(keys: U64) -> U64:
    """Zero marks a free slot, so the one id that hashes to it is moved to 1."""
    return np.where(keys == 0, np.uint64(1), keys)


@cache
def _boot_id() -> bytes:
    """Changes when the machine restarts; unknown counts as changed for every process. Read once:
    no process outlives it, and two reads a commit took 0.3 ms."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        return os.urandom(16)
    return bytes.fromhex(text.strip().replace("-", ""))
