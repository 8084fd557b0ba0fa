"""One proof for many leaves gives the tree's root, and only with its own nodes and leaves."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.merkle import inclusion_proof, pair_hashes, root_of
from audit.multi_proof import missing_nodes, root_of_proof


def _leaves(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(32 * size)


def _levels(leaves: bytes) -> list[bytes]:
    levels = [leaves]
    while len(levels[-1]) > 32:
        whole = len(levels[-1]) // 64 * 64
        levels.append(pair_hashes(levels[-1][:whole]) + levels[-1][whole:])
    return levels


def _proof(leaves: bytes, indexes: np.ndarray) -> bytes:
    levels = _levels(leaves)
    return b"".join(
        levels[level][32 * at : 32 * at + 32]
        for level, missing in missing_nodes(indexes, len(leaves) // 32)
        for at in missing.tolist()
    )


def _picked(leaves: bytes, indexes: np.ndarray) -> bytes:
    return b"".join(leaves[32 * at : 32 * at + 32] for at in indexes.tolist())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_leaves_of_any_tree_give_its_root(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 700))
    chosen = data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=size))
    indexes = np.array(sorted(chosen), dtype=np.int64)
    leaves = _leaves(size)
    nodes = _proof(leaves, indexes)
    assert root_of_proof(indexes, _picked(leaves, indexes), size, nodes) == root_of(leaves)


def test_the_proof_of_one_leaf_has_the_nodes_of_its_path() -> None:
    leaves = _leaves(77)
    for at in range(77):
        indexes = np.array([at], dtype=np.int64)
        nodes = _proof(leaves, indexes)
        path = inclusion_proof(leaves, at)
        assert [nodes[n : n + 32] for n in range(0, len(nodes), 32)] == path


def test_other_leaves_nodes_indexes_or_sizes_give_no_such_root() -> None:
    leaves = _leaves(300)
    indexes = np.array([3, 4, 5, 200, 299], dtype=np.int64)
    picked, nodes, root = _picked(leaves, indexes), _proof(leaves, indexes), root_of(leaves)
    assert root_of_proof(indexes, picked, 300, nodes) == root
    for at in range(0, len(nodes), 7):
        other = nodes[:at] + bytes([nodes[at] ^ 1]) + nodes[at + 1 :]
        assert root_of_proof(indexes, picked, 300, other) != root
    assert root_of_proof(indexes, picked[::-1], 300, nodes) != root
    for wrong in (nodes[:-32], nodes + nodes[:32], nodes[:-1]):
        with pytest.raises(ValueError, match=r"node|hashes"):
            root_of_proof(indexes, picked, 300, wrong)
    for bad in ([], [3, 3, 4, 5, 6], [5, 4, 3, 200, 299], [3, 4, 5, 200, 300], [-1, 4, 5, 6, 7]):
        with pytest.raises(ValueError, match="indexes"):
            root_of_proof(np.array(bad, dtype=np.int64), picked, 300, nodes)
    with pytest.raises(ValueError, match="leaves"):
        root_of_proof(indexes, picked[32:], 300, nodes)
