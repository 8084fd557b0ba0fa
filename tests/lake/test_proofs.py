"""Nodes out of the lake's tiles and blocks lead from any events to the head's root."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from audit.canonical import leaf_hashes
from audit.multi_proof import root_of_proof
from ingestion.lake import Lake
from ingestion.lake.proofs import LakeTree
from tests.events import batch, deposits, sales


def _lake(home: Path, sizes: list[int]) -> None:
    lake = Lake.create(home / "lake", home / "index")
    first = 0
    for size in sizes:
        lake.append(batch(sales(first, size), deposits(first, size)))
        first += size
    lake.close()


@pytest.mark.parametrize("sizes", [[1], [127], [128], [700, 3, 900], [40] * 30, [3_000, 1]])
def test_any_events_are_proven_to_the_head(tmp_path: Path, sizes: list[int]) -> None:
    _lake(tmp_path, sizes)
    tree = LakeTree(tmp_path / "lake", tmp_path / "index")
    size = tree.head.tree_size
    draw = random.Random(len(sizes))
    everything = tree.rows(0, size)
    assert everything["row_index"].to_list() == list(range(size))
    for count in {1, 2, 5, size // 2, size}:
        chosen = sorted(draw.sample(range(size), min(max(count, 1), size)))
        indexes = np.array(chosen, dtype=np.int64)
        leaves = leaf_hashes(everything[chosen])
        root = root_of_proof(indexes, leaves, size, tree.nodes(indexes))
        assert root.hex() == tree.head.tree_root, (size, count)
