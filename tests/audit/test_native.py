"""The compiled hasher was built here, and gives what hashlib and plain Python give."""

import hashlib
import random
import subprocess
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from audit import canonical, merkle, native
from tests import sanitized
from tests.audit.canonical_rows import odd_rows


def _plain(texts: list[str]) -> bytes:
    return b"".join(hashlib.sha256(b"p" + text.encode()).digest() for text in texts)


def test_the_hasher_is_built_where_there_is_a_compiler() -> None:
    assert native.is_there()


@pytest.mark.parametrize("plain", [False, True], ids=["own instructions", "any processor"])
def test_texts_of_every_length_hash_as_hashlib_does(plain: bool) -> None:
    texts = ["é" * (n // 2) + "x" * (n % 2) for n in range(300)] + ["y" * 1_000_003]
    column = native.Columns.of([("text", native.BARE_TEXT)])
    frame = pl.DataFrame({"text": texts})
    assert native.hash_rows(frame, column, b"p", plain=plain) == _plain(texts)


@pytest.mark.parametrize("plain", [False, True], ids=["own instructions", "any processor"])
def test_pairs_hash_as_hashlib_does(plain: bool) -> None:
    nodes = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(64))
    pairs = [nodes[at : at + 64] for at in range(0, len(nodes), 64)]
    expected = b"".join(hashlib.sha256(b"\x01" + pair).digest() for pair in pairs)
    assert native.hash_pairs(nodes, 1, plain=plain) == expected


@pytest.mark.parametrize(
    "frame",
    [pl.DataFrame({"other": ["a"]}), pl.DataFrame({"text": [1]}), pl.DataFrame({"text": [b"a"]})],
    ids=["another name", "another type", "a type that lies in memory alike"],
)
def test_a_column_that_is_not_the_one_wanted_is_not_hashed(frame: pl.DataFrame) -> None:
    assert native.hash_rows(frame, native.Columns.of([("text", native.BARE_TEXT)]), b"") is None


def test_rows_in_several_pieces_hash_as_one() -> None:
    texts = ["a", "longer than a view holds", "", "b", "c" * 200]
    pieces = [
        pa.RecordBatch.from_pydict({"text": pa.array(p, pa.string_view())})
        for p in (texts[:2], [], texts[2:])
    ]
    assert len(list(pa.RecordBatchReader.from_stream(pa.Table.from_batches(pieces)))) == 3
    column = native.Columns.of([("text", native.BARE_TEXT)])
    assert native.hash_rows(pa.Table.from_batches(pieces), column, b"p") == _plain(texts)


def test_a_library_of_an_older_source_is_as_none(tmp_path: Path) -> None:
    source, library = tmp_path / "old.c", tmp_path / "old.so"
    source.write_text("int ledgerlake_hash_rows(void) { return 0; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    assert native._open(library) is None


@pytest.mark.parametrize("plain", [False, True], ids=["own instructions", "any processor"])
def test_a_tree_grows_as_it_does_leaf_by_leaf_in_python(plain: bool) -> None:
    draw = random.Random(5)
    tree = merkle.CompactRange()
    for added in (1, 0, 254, 1, 3, 2_000, 256, 40):
        leaves = draw.randbytes(32 * added)
        edge, tiles = native.extend_tree(tree.size, tree._edge, leaves, 1, 8, plain=plain)
        singly = [leaves[at : at + 32] for at in range(0, len(leaves), 32)]
        assert tiles == b"".join(tile for leaf in singly for tile in tree._append(leaf))
        assert edge == tree._edge


def test_without_the_hasher_every_hash_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    df = odd_rows(200, seed=7)
    leaves = canonical.leaf_hashes(df)

    def hashed() -> tuple[bytes, ...]:
        return (
            canonical.leaf_hashes(df),
            canonical.content_hashes(df),
            canonical.text_hashes(df["payload"].fill_null("")),
            merkle.pair_hashes(leaves),
            merkle.root_of(leaves),
        )

    with_it = hashed()
    monkeypatch.setattr(native, "_library", None)
    assert hashed() == with_it


def test_the_c_source_is_clean_under_the_compilers_warnings_and_sanitizer(tmp_path: Path) -> None:
    """Built again with the undefined-behaviour sanitizer and run over odd rows."""
    code = (
        "import sys, audit.native as n\n"
        "from pathlib import Path\n"
        "n._library = n._open(Path(sys.argv[1]))\n"
        "from audit import canonical, merkle\n"
        "from tests.audit.canonical_rows import odd_rows\n"
        "df = odd_rows(2_000, seed=11)\n"
        "merkle.root_of(canonical.leaf_hashes(df))\n"
        "print(canonical.leaf_hashes(df) == b''.join("
        "canonical.leaf_hash(row) for row in df.iter_rows(named=True)))\n"
    )
    assert sanitized.run(code, sanitized.build(native.SOURCE, tmp_path)) == "True\n"
