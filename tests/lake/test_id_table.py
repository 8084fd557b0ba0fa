"""The compiled table of ids was built here, and does what numpy's way and a plain list do."""

from pathlib import Path

import numpy as np
import pytest

from ingestion.lake import id_table
from ingestion.lake.id_table import IdTable
from tests import sanitized

SLOTS = 256


def _empty() -> IdTable:
    keys, contents = np.zeros(SLOTS, dtype=np.uint64), np.zeros(SLOTS, dtype=np.uint64)
    return IdTable(keys, contents, np.zeros(SLOTS, dtype=np.int64))


def _entries(table: IdTable) -> list[tuple[int, int, int]]:
    at = np.flatnonzero(table.keys)
    columns = (table.keys[at], table.contents[at], table.rows[at])
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def agree_on_random_ids(seed: int) -> bool:
    """Both ways and a plain list, over keys that crowd on few slots and over the table's end."""
    draw = np.random.default_rng(seed)
    ours, numpys = _empty(), _empty()
    spread = int(draw.integers(2, 60))
    keys = draw.integers(2**64 - spread, 2**64, 180, dtype=np.uint64, endpoint=False)
    keys[draw.random(180) < 0.2] = 1
    contents, rows = draw.integers(0, 3, 180).astype(np.uint64), np.arange(180)
    every = list(zip(keys.tolist(), contents.tolist(), rows.tolist(), strict=True))
    held: list[tuple[int, int, int]] = []
    for stop in range(20, 181, 20):
        some = np.unique(draw.integers(0, stop, 30))  # new ones, and ones that are in already
        new = {every[at] for at in some.tolist()} - set(held)
        assert ours.insert(keys[some], contents[some], rows[some]) == len(new)
        assert numpys._insert(keys[some], contents[some], rows[some]) == len(new)
        held += new
        assert _entries(ours) == _entries(numpys) == sorted(held)
    asked = draw.integers(2**64 - 70, 2**64, 300, dtype=np.uint64, endpoint=False)
    wanted = draw.integers(0, 4, 300).astype(np.uint64)
    mine, theirs = ours.find(asked, wanted), numpys._find(asked, wanted)
    there = {(key, content) for key, content, _ in held}
    for i, (key, content) in enumerate(zip(asked.tolist(), wanted.tolist(), strict=True)):
        assert mine.same[i] == theirs.same[i] == ((key, content) in there)
        if not mine.same[i]:
            others = sorted(row for one, _, row in held if one == key)
            assert sorted(mine.row[mine.other == i]) == others
            assert sorted(theirs.row[theirs.other == i]) == others
    return True


def test_the_table_is_compiled_where_there_is_a_compiler() -> None:
    assert id_table.is_compiled()


@pytest.mark.parametrize("seed", range(20))
def test_compiled_numpy_and_a_plain_list_hold_and_find_the_same_ids(seed: int) -> None:
    assert agree_on_random_ids(seed)


def test_an_entry_differs_by_its_content_alone() -> None:
    table, one = _empty(), np.ones(1, dtype=np.uint64)
    assert [table.insert(one, one * n, np.ones(1, dtype=np.int64)) for n in (1, 2, 1)] == [1, 1, 0]


def test_columns_that_lie_apart_in_memory_are_read_as_they_are() -> None:
    many = np.arange(1, 301, dtype=np.uint64).reshape(100, 3)
    table = _empty()
    assert table.insert(many[:, 0], many[:, 1], many[:, 2].astype(np.int64)) == 100
    assert table.find(many[:, 0], many[:, 1]).same.all()
    assert table.find(many[::2, 0], many[::2, 2]).row.tolist() == many[::2, 2].tolist()


def test_the_c_source_is_clean_under_the_compilers_warnings_and_sanitizer(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ingestion.lake import id_table\n"
        "id_table._library = id_table._open(Path(sys.argv[1]))\n"
        "from tests.lake.test_id_table import agree_on_random_ids\n"
        "print(all(agree_on_random_ids(seed) for seed in range(5)))\n"
    )
    assert sanitized.run(code, sanitized.build(id_table.SOURCE, tmp_path)) == "True\n"
