"""One memory-mapped file of ids: a header, and the three arrays of an `IdTable` behind it.

Holds its format, its creation and what its header says after a kill or a restart of the machine.
Does not grow, and knows no other file. Called by `id_index`, under the writer's lock.
"""

import os
import struct
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from ingestion.lake.id_table import I64, U64, IdTable

U8 = np.memmap[Any, np.dtype[np.uint8]]

_ALONE: Final = b"LLIDX001"
_WITH_NEXT: Final = b"LLIDX002"
"""Ids lie in a younger file, too: whoever does not know that must not read this one alone."""
_HEADER: Final = struct.Struct("<8sQqqq16sq")
"""Magic, slots, used, applied_seq, synced_seq, boot id, copied."""
_HEADER_BYTES: Final = 4096
_SLOT_BYTES: Final = 24
_SYNCED_AT: Final = struct.calcsize("<8sQqq")
_UNKNOWN: Final = -1
"""Used slots while some are being used: after a kill they are counted anew."""


class IdFile:
    """What the header holds, as attributes; `write_header` puts them there.

    `used`: slots with an id. `copied`: how many of its slots are copied into an older file.
    `has_next`: ids lie in a file beside it, too; `id_index` knows in which. Pages outlive a kill
    of the process, so all of this is trusted after one; after a restart of the machine only
    `synced_seq` is.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self.inode = os.fstat(file.fileno()).st_ino
            header = file.read(_HEADER.size).ljust(_HEADER.size, b"\0")
        magic, slots, *_ = _HEADER.unpack(header)
        size = _HEADER_BYTES + slots * _SLOT_BYTES
        right = magic in (_ALONE, _WITH_NEXT) and path.stat().st_size == size
        if not right or slots & (slots - 1):
            raise ValueError(f"{path} is not an id index of this version")
        self.path = path
        self.slots = int(slots)
        self._map: U8 = np.memmap(path, dtype=np.uint8, mode="r+")
        body = np.asarray(self._map)[_HEADER_BYTES:]
        self.table = IdTable(
            body[: slots * 8].view(np.uint64),
            body[slots * 8 : slots * 16].view(np.uint64),
            body[slots * 16 :].view(np.int64),
        )
        self.read_header()

    @classmethod
    def create(cls, path: Path, slots: int) -> "IdFile":
        """An empty one, which takes the place of the one that is there."""
        aside = path.with_suffix(f".new-{os.getpid()}")
        with aside.open("wb") as file:
            # Real blocks, not a hole: a write into a hole on a full disk kills the process.
            os.posix_fallocate(file.fileno(), 0, _HEADER_BYTES + slots * _SLOT_BYTES)
            file.write(_HEADER.pack(_ALONE, slots, 0, -1, -1, _boot_id(), 0))
            file.flush()
            os.fsync(file.fileno())  # so that after a power cut it is a table, if an empty one
        aside.replace(path)
        return cls(path)

    def read_header(self) -> None:
        """See what another process wrote."""
        header = _HEADER.unpack(bytes(self._map[: _HEADER.size]))
        magic, _, used, applied, synced, boot, copied = header
        self.used, self.copied = int(used), int(copied)
        self.applied_seq, self.synced_seq = int(applied), int(synced)
        self.has_next = magic == _WITH_NEXT
        restarted = boot != _boot_id()
        if restarted:
            self.applied_seq = self.synced_seq
            self.copied = 0  # what was copied may not have reached the disk
        if restarted or self.used == _UNKNOWN:
            self.used = int(np.count_nonzero(self.table.keys))

    def write_header(self) -> None:
        self._write_header(self.used)

    def insert(self, keys: U64, contents: U64, rows: I64) -> None:
        """As `IdTable.insert`. The caller writes the header when all that belongs to it is in."""
        self._write_header(_UNKNOWN)
        self.used += self.table.insert(keys, contents, rows)

    def write_synced_seq(self, seq: int) -> None:
        """This alone, and not what another thread is changing."""
        self._map[_SYNCED_AT : _SYNCED_AT + 8] = np.frombuffer(struct.pack("<q", seq), np.uint8)

    def entries(self) -> U64:
        """All entries as (n, 3): id hash, content hash, row index; in the order of slots."""
        held, used = self.table, np.flatnonzero(self.table.keys)
        return np.column_stack(
            (held.keys[used], held.contents[used], held.rows[used].astype(np.uint64))
        )

    def _write_header(self, used: int) -> None:
        header = _HEADER.pack(
            _WITH_NEXT if self.has_next else _ALONE,
            self.slots,
            used,
            self.applied_seq,
            self.synced_seq,
            _boot_id(),
            self.copied,
        )
        self._map[: _HEADER.size] = np.frombuffer(header, dtype=np.uint8)


@cache
def _boot_id() -> bytes:
    """Changes when the machine restarts; unknown counts as changed for every process. Read once:
    no process outlives it, and two reads a commit took 0.3 ms."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        return os.urandom(16)
    return bytes.fromhex(text.strip().replace("-", ""))
