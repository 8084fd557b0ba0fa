"""A changed byte in the derived state is found; an untouched one is not suspected."""

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from ingestion.lake import Lake
from ingestion.lake.derived import check_derived
from ledger.errors import InternalFault
from tests.events import batch, deposits, sales


@pytest.fixture
def home(tmp_path: Path) -> Path:
    lake = Lake.create(tmp_path / "lake", tmp_path / "index")
    for n in range(5):
        lake.append(batch(sales(n * 300, 300), deposits(n * 10, 10)))
    lake.close()
    return tmp_path


def test_derived_state_that_follows_the_lake_has_no_problem(home: Path) -> None:
    assert check_derived(home / "lake", home / "index") == []


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("head", "tree_size = tree_size + 1"),
        ("offsets", "next_offset = next_offset - 1"),
        ("segments", "path = 'other'"),
        ("tiles", "hash = x'00'"),
        ("newest_events", "event_time_us = event_time_us - 1"),
    ],
)
def test_a_changed_row_of_the_state_is_named(home: Path, table: str, change: str) -> None:
    db = sqlite3.connect(home / "index/state.sqlite")
    db.execute(
        f"update {table} set {change} where position = 1"
        if table == "tiles"
        else f"update {table} set {change}"
    )
    db.commit()
    db.close()
    problems = check_derived(home / "lake", home / "index")
    assert [p.what for p in problems] == [f"state.sqlite, table {table}"]
    assert "Delete" in problems[0].remedy


def test_a_state_of_an_older_version_is_filled_again_from_the_lake(home: Path) -> None:
    """One that knows the head and not the newest events would let a calendar move them."""
    db = sqlite3.connect(home / "index/state.sqlite")
    db.executescript("drop table newest_events; pragma user_version = 0;")
    db.close()
    Lake.open(home / "lake", home / "index").close()
    assert check_derived(home / "lake", home / "index") == []


def test_a_flipped_bit_in_an_entry_of_the_id_index_is_found(home: Path) -> None:
    path = home / "index/event_ids.idx"
    data = bytearray(path.read_bytes())
    used = [at for at in range(4096, len(data)) if data[at]]
    at = random.Random(20261122).choice(used)
    data[at] ^= 0x10
    path.write_bytes(data)
    problems = check_derived(home / "lake", home / "index")
    assert [p.what for p in problems] == ["event_ids.idx"], f"flipped byte {at}"


@pytest.mark.parametrize("name", ["state.sqlite", "event_ids.idx"])
def test_derived_state_that_cannot_be_read_says_how_to_get_it_back(home: Path, name: str) -> None:
    for extra in (home / "index").glob("state.sqlite-*"):
        extra.unlink()
    (home / "index" / name).write_bytes(b"not what a writer left" * 500)
    with pytest.raises(InternalFault, match=r"Delete the folder; it is rebuilt"):
        Lake.open(home / "lake", home / "index")
    shutil.rmtree(home / "index")
    assert Lake.open(home / "lake", home / "index").head.tree_size == 1550
