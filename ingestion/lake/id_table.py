"""An open-addressing hash table of ids over three arrays: look-ups and inserts of many at a time.

Holds the compiled way (`id_table.c`) and numpy's, for where that was not built: the same answers,
two to four times slower. Knows no file, growth or commit. Called by `id_index`, under its lock.
"""

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from audit import native

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]

SOURCE: Final = Path(__file__).with_name("id_table.c")


@dataclass(frozen=True)
class Found:
    """`same[i]`: id and content of the i-th looked-up id are there. `other`/`row`: pairs of a
    position whose id hash is there with another content, and the row index that has it."""

    same: NDArray[np.bool_]
    other: I64
    row: I64


class _Table(ctypes.Structure):
    """As `table` in id_table.c."""

    _fields_ = (
        ("keys", ctypes.c_void_p),
        ("contents", ctypes.c_void_p),
        ("rows", ctypes.c_void_p),
        ("slots", ctypes.c_int64),
    )


def _open(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    find, insert = library.ledgerlake_find_ids, library.ledgerlake_insert_ids
    find.argtypes = (pointer, number, pointer, pointer, pointer, number, pointer, pointer)
    insert.argtypes = (pointer, number, pointer, pointer, pointer)
    find.restype = insert.restype = number
    return library


_built = native.built_from(SOURCE)
_library = _open(_built) if _built else None


def is_compiled() -> bool:
    """Was the compiled way built on this machine?"""
    return _library is not None


class IdTable:
    """Arrays of one length, a power of two: the hash of each id, the hash of its content and the
    index of its row. A key of 0 marks a free slot. Their memory is another's, a mapped file's."""

    def __init__(self, keys: U64, contents: U64, rows: I64) -> None:
        self.keys = keys
        self.contents = contents
        self.rows = rows
        self._slots = len(keys)
        self._table = _Table(_at(keys), _at(contents), _at(rows), len(keys))

    def find(self, keys: U64, contents: U64) -> Found:
        """Look up ids, none of them 0. Arrays of one length; O(1) each, whatever the history."""
        if _library is None:
            return self._find(keys, contents)
        keys, contents = np.ascontiguousarray(keys), np.ascontiguousarray(contents)
        same = np.empty(len(keys), dtype=np.bool_)
        room = 0
        while True:  # twice only where ids are there with another content
            pairs = np.empty((2, room), dtype=np.int64)
            asked = (len(keys), _at(keys), _at(contents), _at(same))
            others = _library.ledgerlake_find_ids(
                ctypes.byref(self._table), *asked, room, _at(pairs), _at(pairs) + room * 8
            )
            if others <= room:
                return Found(same, pairs[0], pairs[1])
            room = others

    def insert(self, keys: U64, contents: U64, rows: I64) -> int:
        """Put ids in, and say how many were new. Entries that are there already change nothing;
        keys of 0 are passed over. The rows differ, and the caller has made sure of the room."""
        if _library is None:
            used = np.flatnonzero(keys)
            return self._insert(keys.take(used), contents.take(used), rows.take(used))
        keys, contents = np.ascontiguousarray(keys), np.ascontiguousarray(contents)
        rows = np.ascontiguousarray(rows)
        added = _library.ledgerlake_insert_ids(
            ctypes.byref(self._table), len(keys), _at(keys), _at(contents), _at(rows)
        )
        return int(added)

    # --- with numpy: all ids take a step at once -----------------------------------------------

    def _find(self, keys: U64, contents: U64) -> Found:
        same = np.zeros(len(keys), dtype=np.bool_)
        others: list[I64] = []
        rows: list[I64] = []
        at, position = self._homes(keys), np.arange(len(keys))
        while len(at):
            key = self.keys.take(at)
            open_ = key != 0
            hit = np.flatnonzero(key == keys)
            if len(hit):
                equal = self.contents.take(at[hit]) == contents[hit]
                same[position[hit[equal]]] = True
                open_[hit[equal]] = False
                others.append(position[hit[~equal]])
                rows.append(self.rows.take(at[hit[~equal]]))
            left = np.flatnonzero(open_)
            keys, contents, position = keys.take(left), contents.take(left), position.take(left)
            at = self._next(at.take(left))
        return Found(same, _joined(others), _joined(rows))

    def _insert(self, keys: U64, contents: U64, rows: I64) -> int:
        # Neighbours in the table together: fewer cache misses.
        at = self._homes(keys)
        order = np.argsort(at)
        keys, contents, rows = keys.take(order), contents.take(order), rows.take(order)
        at = at.take(order)
        added = 0
        while len(at):
            key = self.keys.take(at)
            open_ = np.ones(len(at), dtype=np.bool_)
            alike = np.flatnonzero(key == keys)
            slot = at.take(alike)
            open_[alike] = (self.contents.take(slot) != contents.take(alike)) | (
                self.rows.take(slot) != rows.take(alike)
            )
            free = np.flatnonzero(key == 0)
            slot, mine = at.take(free), rows.take(free)
            # Several may want one free slot: all write their row, the last one written wins.
            self.rows[slot] = mine
            won = np.flatnonzero(self.rows.take(slot) == mine)
            self.contents[slot[won]] = contents.take(free[won])
            self.keys[slot[won]] = keys.take(free[won])
            open_[free[won]] = False
            added += len(won)
            left = np.flatnonzero(open_)
            keys, contents, rows = keys.take(left), contents.take(left), rows.take(left)
            at = self._next(at.take(left))
        return added

    def _homes(self, keys: U64) -> I64:
        """As numpy's own kind of index: with another, look-ups take four times as long.

        The keys are pieces of SHA-256, so their low bits spread evenly as they are.
        """
        return (keys & np.uint64(self._slots - 1)).view(np.int64)

    def _next(self, slots: I64) -> I64:
        return (slots + 1) & np.int64(self._slots - 1)


def _at(array: NDArray[Any]) -> int:
    return int(array.ctypes.data)


def _joined(parts: list[I64]) -> I64:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
