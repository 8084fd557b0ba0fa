"""The id index: exact answers, growth, crash and restart. Real files, no lake around it."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from ingestion.lake import id_file, id_index, id_table
from ingestion.lake.id_index import IdIndex


@pytest.fixture(autouse=True, params=["compiled", "numpy"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "numpy":
        monkeypatch.setattr(id_table, "_library", None)


def _keys(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


def test_ids_put_in_are_found_with_their_content_and_no_others(tmp_path: Path) -> None:
    index = IdIndex(tmp_path / "ids")
    keys, contents = _keys(200_000, 1), _keys(200_000, 2)
    for seq, start in enumerate(range(0, 200_000, 20_000)):
        part = slice(start, start + 20_000)
        index.apply(seq, keys[part], contents[part], np.arange(start, start + 20_000))
    assert index.find(keys, contents).same.all()
    assert len(index.entries()) == 200_000
    strangers = index.find(_keys(50_000, 3), _keys(50_000, 4))
    assert not strangers.same.any() and not len(strangers.other)
    changed = index.find(keys, contents ^ np.uint64(1))
    assert not changed.same.any()
    assert dict(zip(changed.other, changed.row, strict=True)) == {i: i for i in range(200_000)}


def test_ids_whose_hashes_collide_are_told_apart_by_content(tmp_path: Path) -> None:
    index = IdIndex(tmp_path / "ids")
    keys = np.array([7, 7, 7, 0, 1], dtype=np.uint64)
    contents = np.array([1, 2, 3, 4, 5], dtype=np.uint64)
    index.apply(0, keys, contents, np.arange(5))
    assert index.find(keys, contents).same.all()
    found = index.find(np.array([7], dtype=np.uint64), np.array([9], dtype=np.uint64))
    assert sorted(found.row) == [0, 1, 2]


def test_applying_a_commit_twice_changes_nothing(tmp_path: Path) -> None:
    index = IdIndex(tmp_path / "ids")
    keys, contents, rows = _keys(1000, 1), _keys(1000, 2), np.arange(1000)
    index.apply(0, keys, contents, rows)
    before = (tmp_path / "ids").read_bytes()
    index.apply(0, keys, contents, rows)
    assert (tmp_path / "ids").read_bytes() == before


def test_another_process_sees_growth_and_new_ids(tmp_path: Path) -> None:
    writer, reader = IdIndex(tmp_path / "ids"), IdIndex(tmp_path / "ids")
    keys, contents = _keys(300_000, 1), _keys(300_000, 2)
    writer.apply(5, keys, contents, np.arange(300_000))
    reader.refresh()
    assert reader.applied_seq == 5
    assert reader.find(keys, contents).same.all()


def test_after_a_restart_only_what_was_synced_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = IdIndex(tmp_path / "ids")
    keys, contents = _keys(200, 1), _keys(200, 2)
    index.apply(0, keys[:100], contents[:100], np.arange(100))
    index.sync()
    index.apply(1, keys[100:], contents[100:], np.arange(100, 200))
    monkeypatch.setattr(id_file, "_boot_id", lambda: b"another boot id!")
    restarted = IdIndex(tmp_path / "ids")
    assert restarted.applied_seq == 0
    restarted.apply(1, keys[100:], contents[100:], np.arange(100, 200))
    assert len(restarted.entries()) == 200
    assert restarted.find(keys, contents).same.all()


@pytest.mark.parametrize("part_slots", [16, 64, 1 << 20])
@pytest.mark.parametrize("spread", [2**64, 2**9, 40])
def test_ids_survive_growth_however_they_crowd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_slots: int, spread: int
) -> None:
    """Homes spread over the table, over its ends, or on a few slots with runs across all parts."""
    monkeypatch.setattr(id_index, "_FIRST_SLOTS", 256)
    monkeypatch.setattr(id_index, "_REHASH_ROWS", part_slots)
    index = IdIndex(tmp_path / "ids")
    draw = np.random.default_rng(11)
    keys = draw.integers(2**64 - spread, 2**64, 3_000, dtype=np.uint64, endpoint=False)
    contents, done = _keys(3_000, 12), 0
    for seq, count in enumerate((100, 79, 1, 20, 800, 2_000)):
        part = slice(done, done + count)
        index.apply(seq, keys[part], contents[part], np.arange(done, done + count))
        done += count
        assert len(index.entries()) == done
        assert index.find(keys[:done], contents[:done]).same.all()
        assert index.entries()[:, 1].tolist() == contents[:done].tolist()


def test_the_table_is_synced_while_the_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()
    fsync = os.fsync

    def slow(fd: int) -> None:
        assert may_end.wait(20)
        fsync(fd)

    index = IdIndex(tmp_path / "ids")
    keys, contents = _keys(100_000, 1), _keys(100_000, 2)
    index.apply(0, keys[:100], contents[:100], np.arange(100))
    index.sync()
    monkeypatch.setattr(id_index, "_SYNC_ROWS", 1000)
    monkeypatch.setattr(os, "fsync", slow)
    index.apply(1, keys[100:2000], contents[100:2000], np.arange(100, 2000))
    index.apply(2, keys[2000:3000], contents[2000:3000], np.arange(2000, 3000))
    monkeypatch.setattr(id_file, "_boot_id", lambda: b"another boot id!")
    assert IdIndex(tmp_path / "ids").applied_seq == 0, "on disk is what it was"
    may_end.set()
    index.sync()
    assert IdIndex(tmp_path / "ids").applied_seq == 2


def test_a_table_just_grown_is_trusted_after_a_restart_once_it_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = IdIndex(tmp_path / "ids")
    keys, contents = _keys(100_000, 1), _keys(100_000, 2)
    index.apply(3, keys[:100], contents[:100], np.arange(100))
    index.sync()
    monkeypatch.setattr(IdIndex, "_begin_sync", lambda _self: None)
    index.apply(4, keys[100:], contents[100:], np.arange(100, 100_000))
    monkeypatch.undo()
    boot = id_file._boot_id
    monkeypatch.setattr(id_file, "_boot_id", lambda: b"another boot id!")
    restarted = IdIndex(tmp_path / "ids")
    assert restarted.applied_seq == -1, "all is replayed"
    monkeypatch.setattr(id_file, "_boot_id", boot)
    index.sync()
    monkeypatch.setattr(id_file, "_boot_id", lambda: b"another boot id!")
    assert IdIndex(tmp_path / "ids").applied_seq == 4


def test_a_sync_that_failed_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    index = IdIndex(tmp_path / "ids")
    monkeypatch.setattr(os, "fsync", broken)
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output"):
            index.sync()
    monkeypatch.undo()
    with pytest.raises(OSError, match="Input/output"):
        index.sync()
