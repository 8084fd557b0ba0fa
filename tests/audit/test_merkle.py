"""The tree is RFC 6962's: published vectors, an independent implementation, and random growth."""

from __future__ import annotations

import hashlib
import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle.hasher import MerkleHasher

from audit import merkle
from audit.merkle import (
    EMPTY_ROOT,
    TILE_LEAVES,
    CompactRange,
    consistency_proof,
    inclusion_proof,
    pair_hashes,
    root_of,
    verify_consistency,
    verify_inclusion,
)

VECTORS = json.loads(
    (Path(__file__).parent.parent / "data/cases/rfc6962_tree_vectors.json").read_text()
)
LEAVES = b"".join(
    hashlib.sha256(b"\x00" + bytes.fromhex(text)).digest() for text in VECTORS["leaf_inputs_hex"]
)
SIZES = [1, 2, 3, 5, 8, 255, 256, 257, 511, 512, 513, 1_000, 1_024, 2_049, 5_000]


def _hexes(hashes: list[bytes]) -> list[str]:
    return [one.hex() for one in hashes]


def _raw(hexes: list[str]) -> list[bytes]:
    return [bytes.fromhex(one) for one in hexes]


def _random_leaves(count: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(32 * count)


# --- published vectors ----------------------------------------------------------------------


def test_leaf_hashes_of_the_vectors_are_ours() -> None:
    assert _hexes(merkle._split(LEAVES)) == VECTORS["node_hashes_by_level"][0]


def test_inner_nodes_of_the_vectors_are_ours() -> None:
    nodes = LEAVES
    for expected in VECTORS["node_hashes_by_level"][1:]:
        nodes = pair_hashes(nodes)
        assert _hexes(merkle._split(nodes)) == expected


@pytest.mark.parametrize("size", range(9))
def test_root_of_every_tree_of_the_vectors(size: int) -> None:
    assert root_of(LEAVES[: 32 * size]).hex() == VECTORS["roots_by_tree_size"][size]


@pytest.mark.parametrize("case", VECTORS["inclusion_valid"], ids=lambda case: case["id"])
def test_published_inclusion_proofs_are_made_and_accepted(case: dict[str, Any]) -> None:
    index, size = int(case["leaf_index"]), int(case["tree_size"])
    assert _verify_inclusion(case, index, size)
    assert _hexes(inclusion_proof(LEAVES[: 32 * size], index)) == case["proof"]


def _verify_inclusion(case: dict[str, Any], index: int, size: int) -> bool:
    return verify_inclusion(
        leaf=bytes.fromhex(case["leaf_hash"]),
        index=index,
        size=size,
        proof=_raw(case["proof"]),
        root=bytes.fromhex(case["root"]),
    )


@pytest.mark.parametrize("case", VECTORS["consistency_valid"], ids=lambda case: case["id"])
def test_published_consistency_proofs_are_made_and_accepted(case: dict[str, Any]) -> None:
    first, second = int(case["size1"]), int(case["size2"])
    assert verify_consistency(
        first_size=first,
        second_size=second,
        first_root=bytes.fromhex(case["root1"]),
        second_root=bytes.fromhex(case["root2"]),
        proof=_raw(case["proof"]),
    )
    assert _hexes(consistency_proof(LEAVES[: 32 * second], first)) == case["proof"]


def test_every_derived_inclusion_proof_is_ours() -> None:
    for case in VECTORS["all_inclusion_proofs_derived"]:
        leaves = LEAVES[: 32 * case["tree_size"]]
        assert _hexes(inclusion_proof(leaves, case["leaf_index"])) == case["proof"], case


def test_every_derived_consistency_proof_is_ours() -> None:
    for case in VECTORS["all_consistency_proofs_derived"]:
        leaves = LEAVES[: 32 * case["size2"]]
        assert _hexes(consistency_proof(leaves, case["size1"])) == case["proof"], case


# --- an independent implementation ----------------------------------------------------------


def _oracle(leaves: bytes) -> pymerkle.InmemoryTree:
    """pymerkle hashes entries itself; give it ours as they are."""
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    tree.hash_buff = lambda digest: digest
    for at in range(0, len(leaves), 32):
        tree.append_entry(leaves[at : at + 32])
    return tree


@pytest.mark.parametrize("size", SIZES)
def test_roots_are_those_of_pymerkle(size: int) -> None:
    leaves = _random_leaves(size)
    assert root_of(leaves) == _oracle(leaves).get_root()


def test_pymerkle_hashes_leaves_and_nodes_as_rfc_6962_says() -> None:
    hasher = MerkleHasher("sha256")
    assert hasher.hash_buff(b"x") == hashlib.sha256(b"\x00x").digest()
    assert hasher.hash_pair(b"l" * 32, b"r" * 32) == merkle.node_hash(b"l" * 32, b"r" * 32)


def test_random_proofs_are_accepted_by_pymerkle_and_pymerkles_by_us() -> None:
    rng = random.Random(7)
    leaves = _random_leaves(700)
    tree = _oracle(leaves)
    for _ in range(60):
        size = rng.randint(1, 700)
        index = rng.randrange(size)
        theirs = tree.prove_inclusion(index + 1, size).path
        assert sorted(theirs[1:]) == sorted(inclusion_proof(leaves[: 32 * size], index))
        pymerkle.verify_inclusion(
            leaves[32 * index : 32 * index + 32],
            root_of(leaves[: 32 * size]),
            tree.prove_inclusion(index + 1, size),
        )


# --- proofs: what is not there is refused ---------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(data=st.data(), size=st.integers(1, 200))
def test_an_inclusion_proof_holds_for_its_own_leaf_place_and_root_only(
    data: st.DataObject, size: int
) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = _random_leaves(size)
    leaf, root = leaves[32 * index : 32 * index + 32], root_of(leaves)
    proof = inclusion_proof(leaves, index)
    right: dict[str, Any] = {
        "leaf": leaf, "index": index, "size": size, "proof": proof, "root": root
    }  # fmt: skip
    assert verify_inclusion(**right)
    wrong: list[dict[str, Any]] = [
        {"leaf": b"\x00" * 32},
        {"root": b"\x00" * 32},
        {"index": size},
        {"size": 4 * size},
        {"index": -1},
        {"proof": [*proof, b"\x00" * 32]},
        {"proof": [b"\x00" * 32, *proof]},
    ]
    wrong += [{"index": other} for other in range(size) if other != index]
    wrong += [{"proof": proof[:at] + proof[at + 1 :]} for at in range(len(proof))]
    wrong += [{"proof": [*proof[:at], b"\x00" * 32, *proof[at + 1 :]]} for at in range(len(proof))]
    for change in wrong:
        assert not verify_inclusion(**{**right, **change}), change


@settings(max_examples=150, deadline=None)
@given(data=st.data(), second=st.integers(1, 200))
def test_a_consistency_proof_holds_for_its_two_trees_only(data: st.DataObject, second: int) -> None:
    first = data.draw(st.integers(0, second))
    leaves = _random_leaves(second)
    proof = consistency_proof(leaves, first)
    right: dict[str, Any] = {
        "first_size": first, "second_size": second, "proof": proof,
        "first_root": root_of(leaves[: 32 * first]), "second_root": root_of(leaves),
    }  # fmt: skip
    assert verify_consistency(**right)
    wrong: list[dict[str, Any]] = [
        {"first_root": b"\x01" * 32},
        {"proof": [*proof, b"\x00" * 32]},
        {"first_size": second + 1},
        {"first_size": -1},
    ]
    if first:  # anything follows from the empty tree
        wrong += [{"second_root": b"\x01" * 32}, {"second_size": 4 * second}]
    wrong += [{"proof": proof[:at] + proof[at + 1 :]} for at in range(len(proof))]
    wrong += [{"proof": [*proof[:at], b"\x00" * 32, *proof[at + 1 :]]} for at in range(len(proof))]
    for change in wrong:
        assert not verify_consistency(**{**right, **change}), change


def test_a_proof_from_a_larger_tree_is_no_proof_for_a_smaller_one() -> None:
    """The last leaf has all siblings to the left, as one beyond a smaller tree's top would."""
    root, last = root_of(LEAVES), LEAVES[-32:]
    proof = inclusion_proof(LEAVES, 7)
    assert verify_inclusion(leaf=last, index=7, size=8, proof=proof, root=root)
    for size in (1, 2, 4):
        assert not verify_inclusion(leaf=last, index=size - 1, size=size, proof=proof, root=root)
    both = {"first_root": root_of(LEAVES[:-32]), "second_root": root}
    proof = consistency_proof(LEAVES, 7)
    assert verify_consistency(first_size=7, second_size=8, proof=proof, **both)
    assert not verify_consistency(first_size=3, second_size=4, proof=proof, **both)


def test_proofs_outside_the_tree_are_refused() -> None:
    for index in (-1, 8):
        with pytest.raises(ValueError, match="not in a tree of 8"):
            inclusion_proof(LEAVES, index)
    for first in (-1, 9):
        with pytest.raises(ValueError, match="inside one of 8"):
            consistency_proof(LEAVES, first)


# --- growth ---------------------------------------------------------------------------------


def _grown(leaves: bytes, cuts: list[int]) -> tuple[CompactRange, list[bytes]]:
    """The tree grown in pieces, stored and read back between them; and the tiles on the way."""
    tree, tiles = CompactRange(), []
    edges = [0, *sorted(cuts), len(leaves) // 32]
    for start, stop in pairwise(edges):
        tree = CompactRange.from_hex(tree.size, tree.to_hex())
        tiles += tree.extend(leaves[32 * start : 32 * stop])
    return tree, tiles


@settings(max_examples=80, deadline=None)
@given(data=st.data(), size=st.integers(0, 3_000))
def test_a_tree_grown_in_any_pieces_has_one_root_and_the_same_tiles(
    data: st.DataObject, size: int
) -> None:
    leaves = _random_leaves(size)
    cuts = data.draw(st.lists(st.integers(0, size), max_size=8))
    tree, tiles = _grown(leaves, cuts)
    whole = CompactRange()
    assert tiles == whole.extend(leaves)
    assert (tree.size, tree.root(), tree.to_hex()) == (size, whole.root(), whole.to_hex())
    assert len(tree.to_hex()) == size.bit_count()


@pytest.mark.parametrize("size", [0, 255, 256, 300, 1_024, 70_000])
def test_tiles_are_the_roots_of_complete_runs_of_256_leaves(size: int) -> None:
    leaves = _random_leaves(size)
    width = 32 * TILE_LEAVES
    whole = range(0, size // TILE_LEAVES * width, width)
    assert CompactRange().extend(leaves) == [root_of(leaves[at : at + width]) for at in whole]


def test_one_leaf_at_a_time_emits_each_tile_with_its_last_leaf() -> None:
    leaves = _random_leaves(600)
    tree = CompactRange()
    emitted = {n: t for n in range(600) if (t := tree.extend(leaves[32 * n : 32 * n + 32]))}
    assert sorted(emitted) == [255, 511]


@pytest.mark.parametrize("pairs", [0, 1, 255, 4_097])
def test_pairs_are_those_of_hashlib(pairs: int) -> None:
    nodes = _random_leaves(2 * pairs)
    plain = [hashlib.sha256(b"\x01" + nodes[64 * n : 64 * n + 64]).digest() for n in range(pairs)]
    assert pair_hashes(nodes) == b"".join(plain)


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    tree = CompactRange()
    assert tree.extend(b"") == []
    assert (tree.size, tree.root(), tree.to_hex()) == (0, EMPTY_ROOT, [])


def test_an_edge_that_does_not_fit_its_size_is_refused() -> None:
    tree = CompactRange()
    tree.extend(LEAVES)
    for size in (7, 9):
        with pytest.raises(ValueError, match=f"a tree of {size} leaves"):
            CompactRange.from_hex(size, tree.to_hex())
    with pytest.raises(ValueError, match="on its edge"):
        CompactRange.from_hex(8, ["00"])


def test_a_piece_of_a_leaf_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="33 bytes"):
        CompactRange().extend(b"\x00" * 33)
