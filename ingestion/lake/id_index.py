"""Which event ids the lake holds: an open-addressing hash table in a memory-mapped file.

Derived state: rebuilt from the lake at any time. A look-up touches one or two cache lines
whatever the history; inserts double the table when it is 70% full.
Does not read the lake. Called by the writer under its lock.
"""

import os
import struct
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
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
_SYNC_ROWS = 2_000_000
"""Rows inserted between two syncs to disk: bounds what is replayed after a power cut (about
2 s), at one sync per 2M rows. After growth, until the larger table is on disk (some seconds at
100M ids), it would be the whole log; waiting for it took a tenth of a bulk ingest."""
_SYNCED_AT = struct.calcsize("<8sQQq")


@dataclass(frozen=True)
class Found:
    """`same[i]`: id and content of the i-th looked-up id are there. `other`/`row`: pairs of a
    position whose id hash is there with another content, and the row index that has it."""

    same: NDArray[np.bool_]
    other: I64
    row: I64


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
        same = np.zeros(len(keys), dtype=np.bool_)
        others: list[I64] = []
        rows: list[I64] = []
        keys = _nonzero(keys)
        at, position = self._slot(keys), np.arange(len(keys))
        while len(at):
            key = self._keys.take(at)
            open_ = key != 0
            hit = np.flatnonzero(key == keys)
            if len(hit):
                equal = self._contents.take(at[hit]) == contents[hit]
                same[position[hit[equal]]] = True
                open_[hit[equal]] = False
                others.append(position[hit[~equal]])
                rows.append(self._rows.take(at[hit[~equal]]))
            left = np.flatnonzero(open_)
            keys, contents, position = keys.take(left), contents.take(left), position.take(left)
            at = self._next(at.take(left))
        return Found(same, _joined(others), _joined(rows))

    def apply(self, seq: int, keys: U64, contents: U64, rows: I64) -> None:
        """Put in the ids of commit `seq`; putting the same commit in again changes nothing."""
        slots = self._slots
        while self._used + len(keys) > _LARGEST_LOAD * slots:
            slots *= 2
        if slots > self._slots:
            self._grow(slots)
        self._used += self._insert(_nonzero(keys), contents, rows)
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
        used = np.flatnonzero(self._keys)
        table = np.column_stack(
            (self._keys[used], self._contents[used], self._rows[used].astype(np.uint64))
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
        self._mask = np.uint64(slots - 1)
        body = np.asarray(self._map)[_HEADER_BYTES:]
        self._keys: U64 = body[: slots * 8].view(np.uint64)
        self._contents: U64 = body[slots * 8 : slots * 16].view(np.uint64)
        self._rows: I64 = body[slots * 16 :].view(np.int64)
        self._unsynced = 0
        self._read_header()

    def _read_header(self) -> None:
        _, _, used, applied, synced, boot = _HEADER.unpack(bytes(self._map[: _HEADER.size]))
        self._used = int(used)
        self._synced_seq = int(synced)
        self._applied_seq = int(applied) if boot == _boot_id() else int(synced)
        if self._applied_seq != applied:
            self._used = int(np.count_nonzero(self._keys))

    def _write_header(self) -> None:
        header = _HEADER.pack(
            _MAGIC, self._slots, self._used, self._applied_seq, self._synced_seq, _boot_id()
        )
        self._map[: _HEADER.size] = np.frombuffer(header, dtype=np.uint8)

    def _home(self, keys: U64) -> NDArray[np.uint64]:
        # The keys are pieces of SHA-256, so their low bits spread evenly as they are.
        return keys & self._mask

    def _slot(self, keys: U64) -> I64:
        """Their homes as numpy's own kind of index: with another, look-ups take four times as
        long."""
        return self._home(keys).view(np.int64)

    def _next(self, slots: I64) -> I64:
        return (slots + 1) & np.int64(self._slots - 1)

    def _insert(self, keys: U64, contents: U64, rows: I64) -> int:
        # Neighbours in the table together: fewer cache misses.
        at = self._slot(keys)
        order = np.argsort(at)
        keys, contents, rows = keys.take(order), contents.take(order), rows.take(order)
        at = at.take(order)
        added = 0
        while len(at):
            key = self._keys.take(at)
            open_ = np.ones(len(at), dtype=np.bool_)
            alike = np.flatnonzero(key == keys)
            slot = at.take(alike)
            open_[alike] = (self._contents.take(slot) != contents.take(alike)) | (
                self._rows.take(slot) != rows.take(alike)
            )
            free = np.flatnonzero(key == 0)
            slot, mine = at.take(free), rows.take(free)
            # Several may want one free slot: all write their row, the last one written wins.
            self._rows[slot] = mine
            won = np.flatnonzero(self._rows.take(slot) == mine)
            self._contents[slot[won]] = contents.take(free[won])
            self._keys[slot[won]] = keys.take(free[won])
            open_[free[won]] = False
            added += len(won)
            left = np.flatnonzero(open_)
            keys, contents, rows = keys.take(left), contents.take(left), rows.take(left)
            at = self._next(at.take(left))
        return added

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
        """Fill this empty table, part by part of the smaller one, each written in slot order.

        Slots that follow each other have homes that follow each other in each of the equal
        stretches of this table that their homes are spread over, so an id's slot is known without
        probing: its home, or the one behind its predecessor (0.1 us an id; probing takes 0.3 us).
        """
        free_from = np.zeros(self._slots // smaller._slots, dtype=np.int64)
        left: list[NDArray[np.intp]] = []
        for start in range(0, smaller._slots, _REHASH_ROWS):
            used = start + np.flatnonzero(smaller._keys[start : start + _REHASH_ROWS])
            # Ids pushed over the edge of their part: no order of homes to rely on.
            pushed = smaller._home(smaller._keys[used]) < np.uint64(start)
            pushed |= smaller._home(smaller._keys[used]) > used.astype(np.uint64)
            left.append(used[pushed])
            left += self._place(smaller, used[~pushed], free_from)
        rest = np.concatenate(left)
        self._used += self._insert(
            smaller._keys[rest], smaller._contents[rest], smaller._rows[rest]
        )

    def _place(self, smaller: "IdIndex", used: NDArray[np.intp], free_from: I64) -> list[I64]:
        """Write the ids in these slots of `smaller`; those that found no room in their stretch
        are given back. `free_from` keeps, for each stretch, the slot behind the last one taken."""
        home = self._home(smaller._keys[used]).astype(np.int64)
        order = np.argsort(home)
        used, home = used[order], home[order]
        over: list[I64] = []
        bounds = np.searchsorted(home, np.arange(len(free_from) + 1) * smaller._slots)
        for stretch, (start, stop) in enumerate(pairwise(bounds.tolist())):
            if start == stop:
                continue
            count = np.arange(stop - start)
            slot = home[start:stop] - count
            slot[0] = max(slot[0], free_from[stretch])
            slot = np.maximum.accumulate(slot) + count
            source = used[start:stop]
            fits = int(np.searchsorted(slot, (stretch + 1) * smaller._slots))
            over.append(source[fits:])
            source, slot = source[:fits], slot[:fits]
            self._keys[slot] = smaller._keys[source]
            self._contents[slot] = smaller._contents[source]
            self._rows[slot] = smaller._rows[source]
            self._used += fits
            if fits:
                free_from[stretch] = slot[-1] + 1
        return over


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


def _joined(parts: list[I64]) -> I64:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


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
