"""One inclusion proof for many leaves: each node is there once, level by level, in order.

Holds which nodes such a proof needs, and the root they give; a path for each of 10,000 leaves
would repeat most of itself. Does not read leaves or tiles (`ingestion.lake.proofs` does).
Called by `audit.figure_proof` and by whoever makes a proof. Form: docs/certificate.md
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from audit.canonical import DIGEST_BYTES
from audit.merkle import pair_hashes

Indexes = NDArray[np.int64]
Hashes = NDArray[np.uint8]


def missing_nodes(indexes: Indexes, size: int) -> Iterator[tuple[int, Indexes]]:
    """(level, indexes) of the nodes a proof of these leaves holds, in its order.

    `indexes` ascend and lie below `size`. A node at the right edge without a sibling goes up as it
    is, as RFC 6962 has it.
    """
    known, count, level = indexes, size, 0
    while count > 1:
        siblings = known ^ 1
        inside = siblings < count
        yield level, siblings[inside & ~np.isin(siblings, known, assume_unique=True)]
        known, count, level = np.unique(known >> 1), (count + 1) >> 1, level + 1


def root_of_proof(indexes: Indexes, leaf_hashes: bytes, size: int, nodes: bytes) -> bytes:
    """The root these leaves and nodes give. ValueError if there are too few or too many nodes."""
    if (
        not len(indexes)
        or (np.diff(indexes) < 1).any()
        or not 0 <= indexes[0] <= indexes[-1] < size
    ):
        raise ValueError(f"indexes must ascend from 0 to below {size}, at least one")
    given, at = _rows(nodes), 0
    known, hashes, count = indexes, _rows(leaf_hashes), size
    if len(hashes) != len(known):
        raise ValueError(f"{len(hashes)} leaves for {len(known)} indexes")
    for _, missing in missing_nodes(indexes, size):
        taken, at = given[at : at + len(missing)], at + len(missing)
        if len(taken) != len(missing):
            raise ValueError(f"{len(given)} nodes are too few")
        known, hashes = _merged(known, hashes, missing, taken)
        alone = known[-1] == count - 1 and not known[-1] & 1
        paired = len(known) - int(alone)
        parents = _rows(pair_hashes(hashes[:paired].tobytes()))
        hashes = np.concatenate([parents, hashes[paired:]])
        known, count = np.unique(known >> 1), (count + 1) >> 1
    if at != len(given):
        raise ValueError(f"{len(given)} nodes, {at} are needed")
    return bytes(hashes[0])


def _merged(
    known: Indexes, hashes: Hashes, missing: Indexes, taken: Hashes
) -> tuple[Indexes, Hashes]:
    indexes = np.concatenate([known, missing])
    order = np.argsort(indexes)
    return indexes[order], np.concatenate([hashes, taken])[order]


def _rows(hashes: bytes) -> Hashes:
    if len(hashes) % DIGEST_BYTES:
        raise ValueError(f"{len(hashes)} bytes are not a whole number of hashes")
    return np.frombuffer(hashes, dtype=np.uint8).reshape(-1, DIGEST_BYTES)
