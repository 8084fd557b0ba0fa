"""Inclusion proofs out of a lake: the nodes beside many events, at the cost of their blocks.

Holds reading events by `row_index` and the nodes of a proof: below level 8 from the leaves of the
blocks touched, above from the tiles in the index. Writes nothing.
Called by `orchestration.proving`.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from audit import canonical
from audit.canonical import DIGEST_BYTES
from audit.merkle import TILE_LEAVES, TILE_LEVEL, CompactRange, pair_hashes
from audit.multi_proof import missing_nodes
from ingestion.lake.segments import SegmentFiles
from ingestion.lake.state import Head, LakeState
from ingestion.lake.store import LocalStore
from ledger.errors import InternalFault


class LakeTree:
    """The tree of a lake whose index is at its head (`Lake.open` brings it there)."""

    def __init__(self, lake_dir: Path, index_dir: Path) -> None:
        self._files = SegmentFiles(LocalStore(lake_dir))
        state = LakeState(index_dir / "state.sqlite")
        try:
            self.head: Head = state.head()
            self._frontier = state.frontier()
            self._tiles = b"".join(state.tiles()[: self.head.tree_size // TILE_LEAVES])
            self._segments = state.segments()
        finally:
            state.close()
        self._firsts = np.array([first for first, _, _ in self._segments], dtype=np.int64)
        self._frames: dict[str, pl.DataFrame] = {}

    def read(self, path: str) -> pl.DataFrame:
        """The events of a segment; each file is read once."""
        if path not in self._frames:
            self._frames[path] = self._files.read(path)
        return self._frames[path]

    def nodes(self, indexes: NDArray[np.int64]) -> bytes:
        """The nodes of the proof of these leaves to the head's root."""
        below = _Blocks(self, np.unique(indexes >> TILE_LEVEL), self.head.tree_size)
        above = self._levels_above()
        parts = []
        for level, missing in missing_nodes(indexes, self.head.tree_size):
            if level < TILE_LEVEL:
                parts.append(below.nodes(level, missing))
            else:
                parts.append(above[level - TILE_LEVEL][missing].tobytes())
        return b"".join(parts)

    def rows(self, start: int, stop: int) -> pl.DataFrame:
        """Events `start` to before `stop`, in order."""
        return pl.concat(list(self._slices(start, stop)))

    def _slices(self, start: int, stop: int) -> Iterator[pl.DataFrame]:
        at = int(np.searchsorted(self._firsts, start, side="right")) - 1
        for first, rows, path in self._segments[at:]:
            if first >= stop:
                return
            low, high = max(start, first), min(stop, first + rows)
            yield self.read(path).slice(low - first, high - low)

    def _levels_above(self) -> list[NDArray[np.uint8]]:
        """All nodes of level 8 and up, level by level."""
        level = self._tiles + self._last_tile()
        levels = [_rows(level)]
        while len(levels[-1]) > 1:
            whole = len(levels[-1]) & ~1
            parents = _rows(pair_hashes(levels[-1][:whole].tobytes()))
            levels.append(np.concatenate([parents, levels[-1][whole:]]))
        return levels

    def _last_tile(self) -> bytes:
        """The node over the leaves behind the last whole tile, if there are any."""
        left = self.head.tree_size % TILE_LEAVES
        edge = self._frontier[-left.bit_count() :] if left else []
        return CompactRange.from_hex(left, edge).root() if left else b""


class _Blocks:
    """All nodes below level 8 of some blocks of 256 leaves, side by side."""

    def __init__(self, tree: LakeTree, blocks: NDArray[np.int64], size: int) -> None:
        self._blocks = blocks
        hashes = _rows(b"".join(_leaves(tree, blocks, size)))
        self._levels = [hashes]
        for level in range(TILE_LEVEL - 1):
            below = self._levels[level]
            whole = len(below) & ~1
            # Blocks are whole but the tree's last one, which comes last: pairs stay inside.
            parents = _rows(pair_hashes(below[:whole].tobytes()))
            self._levels.append(np.concatenate([parents, below[whole:]]))

    def nodes(self, level: int, indexes: NDArray[np.int64]) -> bytes:
        per_block = TILE_LEAVES >> level
        block = np.searchsorted(self._blocks, indexes // per_block)
        return bytes(self._levels[level][block * per_block + indexes % per_block].tobytes())


def _leaves(tree: LakeTree, blocks: NDArray[np.int64], size: int) -> Iterator[bytes]:
    """Leaf hashes of the blocks, neighbours read together."""
    for run in np.split(blocks, np.flatnonzero(np.diff(blocks) > 1) + 1):
        if not len(run):
            continue
        start = int(run[0]) * TILE_LEAVES
        stop = min((int(run[-1]) + 1) * TILE_LEAVES, size)
        rows = tree.rows(start, stop)
        if rows.height != stop - start or rows["row_index"][0] != start:
            raise InternalFault(
                "index_must_know_every_segment",
                thing=f"events {start} to {stop}",
                expected=f"{stop - start} rows",
                found=str(rows.height),
                remedy="Run `ledgerlake verify`, and do what it says.",
            )
        yield canonical.leaf_hashes(rows)


def _rows(hashes: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(hashes, dtype=np.uint8).reshape(-1, DIGEST_BYTES)
