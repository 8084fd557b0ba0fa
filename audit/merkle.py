"""The RFC 6962 Merkle tree over event leaves: growing it, proving with it, checking proofs.

Holds `CompactRange`, the right edge of a tree, which grows by any number of leaves with no
history at hand; inclusion and consistency proofs, made from leaf hashes and checked without
them. Hashes are raw 32 bytes, several are joined. Does not hold leaves or files
(`audit.canonical` makes leaves). Called by the lake's writer and by `audit.verify_lake`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from audit import native
from audit.canonical import DIGEST_BYTES

NODE_PREFIX: Final = b"\x01"
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

# Level whose nodes go into a tile: one hash for each complete run of 256 leaves, as in the
# transparency-log tile format, so that a proof reads at most 256 leaves and a few tiles.
TILE_LEVEL: Final = 8
TILE_LEAVES: Final = 1 << TILE_LEVEL


class CompactRange:
    """The complete subtrees on the right edge of a tree of `size` leaves: at most 63 hashes.

    It is all that is needed to add leaves and to know the root.
    """

    def __init__(self) -> None:
        self._size = 0
        self._edge: dict[int, bytes] = {}  # level -> hash; a level is there iff its bit of size is

    @classmethod
    def from_hex(cls, size: int, hashes: Sequence[str]) -> CompactRange:
        """From `size` and what `to_hex` gave. ValueError when they do not fit each other."""
        levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
        edge = [bytes.fromhex(text) for text in hashes]
        if len(levels) != len(edge) or any(len(node) != DIGEST_BYTES for node in edge):
            raise ValueError(
                f"a tree of {size} leaves has {len(levels)} hashes of {DIGEST_BYTES} bytes on its "
                f"edge, found {len(edge)} hashes; take both from one state of the tree"
            )
        tree = cls()
        tree._size = size
        tree._edge = dict(zip(levels, edge, strict=True))
        return tree

    @property
    def size(self) -> int:
        return self._size

    def to_hex(self) -> list[str]:
        """Hashes of the edge, largest subtree first."""
        return [self._edge[level].hex() for level in sorted(self._edge, reverse=True)]

    def root(self) -> bytes:
        """Root of the tree; of the empty tree, SHA-256 of nothing."""
        levels = sorted(self._edge)
        if not levels:
            return EMPTY_ROOT
        node = self._edge[levels[0]]
        for level in levels[1:]:
            node = node_hash(self._edge[level], node)
        return node

    def extend(self, leaf_hashes: bytes) -> list[bytes]:
        """Append leaves; returns the hashes of the 256-leaf subtrees they completed, in order."""
        if len(leaf_hashes) % DIGEST_BYTES:
            raise ValueError(f"{len(leaf_hashes)} bytes are not a whole number of leaf hashes")
        if native.is_there():
            self._edge, tiles = native.extend_tree(
                self._size, self._edge, leaf_hashes, NODE_PREFIX[0], TILE_LEVEL
            )
            self._size += len(leaf_hashes) // DIGEST_BYTES
            return _split(tiles)
        return [tile for leaf in _split(leaf_hashes) for tile in self._append(leaf)]

    def _append(self, node: bytes) -> Iterator[bytes]:
        """One leaf; gives the tile it completes, if it does."""
        level = 0
        while self._size >> level & 1:
            node, level = node_hash(self._edge.pop(level), node), level + 1
            if level == TILE_LEVEL:
                yield node
        self._edge[level] = node
        self._size += 1


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(NODE_PREFIX + left + right).digest()


def pair_hashes(nodes: bytes) -> bytes:
    """Parents of an even number of neighbouring nodes: 64 bytes in, 32 bytes out each."""
    if native.is_there():
        return native.hash_pairs(nodes, NODE_PREFIX[0])
    step = 2 * DIGEST_BYTES
    pairs = (nodes[at : at + step] for at in range(0, len(nodes), step))
    return b"".join([hashlib.sha256(NODE_PREFIX + pair).digest() for pair in pairs])


def root_of(leaf_hashes: bytes) -> bytes:
    """Root of the tree over these leaves."""
    tree = CompactRange()
    tree.extend(leaf_hashes)
    return tree.root()


def inclusion_proof(leaf_hashes: bytes, index: int) -> list[bytes]:
    """Siblings from leaf `index` up to the root (RFC 6962 section 2.1.1)."""
    size = len(leaf_hashes) // DIGEST_BYTES
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    proof: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _left_leaves(stop - start)
        if index < middle:
            proof.append(_root_between(leaf_hashes, middle, stop))
            stop = middle
        else:
            proof.append(_root_between(leaf_hashes, start, middle))
            start = middle
    return proof[::-1]


def consistency_proof(leaf_hashes: bytes, first_size: int) -> list[bytes]:
    """Proof that the tree over the first `first_size` leaves is a prefix (section 2.1.2).

    Empty for the empty tree and for the whole tree.
    """
    size = len(leaf_hashes) // DIGEST_BYTES
    if not 0 <= first_size <= size:
        raise ValueError(f"no tree of {first_size} leaves inside one of {size}")
    if first_size in (0, size):
        return []
    proof: list[bytes] = []
    start, stop = 0, size
    while stop != first_size:
        middle = start + _left_leaves(stop - start)
        if first_size <= middle:
            proof.append(_root_between(leaf_hashes, middle, stop))
            stop = middle
        else:
            proof.append(_root_between(leaf_hashes, start, middle))
            start = middle
    if start:  # the first tree's own root is known to the checker when it is a whole subtree
        proof.append(_root_between(leaf_hashes, start, stop))
    return proof[::-1]


def verify_inclusion(
    *, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Is `leaf` at `index` of the tree of `size` leaves with this root? (RFC 9162, 2.1.3.2)"""
    if not 0 <= index < size:
        return False
    node, last, hashes = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            hashes = node_hash(sibling, hashes)
            skip = _trailing_zeros(node)  # levels at which the node has no right sibling
            node, last = node >> skip, last >> skip
        else:
            hashes = node_hash(hashes, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and hashes == root


def verify_consistency(
    *,
    first_size: int,
    second_size: int,
    first_root: bytes,
    second_root: bytes,
    proof: Sequence[bytes],
) -> bool:
    """Is the first tree a prefix of the second? (RFC 9162, section 2.1.4.2)"""
    if not 0 <= first_size <= second_size:
        return False
    if first_size == second_size:
        return not proof and first_root == second_root
    if first_size == 0:
        return not proof and first_root == EMPTY_ROOT
    path = list(proof)
    if first_size & (first_size - 1) == 0:
        path.insert(0, first_root)
    return bool(path) and _path_leads_to_both(
        first_size - 1, second_size - 1, path, first_root, second_root
    )


def _path_leads_to_both(
    node: int, last: int, path: list[bytes], first_root: bytes, second_root: bytes
) -> bool:
    ones = _trailing_zeros(~node)
    node, last = node >> ones, last >> ones
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            skip = _trailing_zeros(node)
            node, last = node >> skip, last >> skip
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and first == first_root and second == second_root


def _trailing_zeros(number: int) -> int:
    return (number & -number).bit_length() - 1 if number else 0


def _left_leaves(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _root_between(leaf_hashes: bytes, start: int, stop: int) -> bytes:
    return root_of(leaf_hashes[start * DIGEST_BYTES : stop * DIGEST_BYTES])


def _split(nodes: bytes) -> list[bytes]:
    return [nodes[at : at + DIGEST_BYTES] for at in range(0, len(nodes), DIGEST_BYTES)]
