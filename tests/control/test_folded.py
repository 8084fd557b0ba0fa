"""Books folded before are gone on from, and only in a lake whose history they are of."""

import shutil
from pathlib import Path

import pytest

from ingestion.control.books import control_segments, load_books
from ingestion.control.fold import fold
from ingestion.control.write import append_control
from ingestion.lake import Lake
from ingestion.lake.segments import SegmentFiles
from ingestion.lake.store import LocalStore
from ledger import control_events as ev
from ledger.books import EMPTY, Books
from tests.control.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "first").open_for_business()


def _from_nothing(lake_dir: Path, until_commit: int) -> Books:
    store = LocalStore(lake_dir)
    files = SegmentFiles(store)
    paths = control_segments(store, until_commit=until_commit)
    return fold(EMPTY, (files.read(path) for path in paths))


def _soft(period_id: str) -> ev.PeriodSoftClosed:
    return ev.PeriodSoftClosed(period_id=period_id, sealed=False, reason="clock")


def test_books_gone_on_from_are_those_folded_from_nothing_at_every_commit(office: Office) -> None:
    lake_dir = office.folder / "lake"
    load_books(lake_dir)
    office.record(_soft("2011-02"))
    load_books(lake_dir)
    office.close("2011-02")
    head = office.lake.head.seq
    assert office.books == load_books(lake_dir) == _from_nothing(lake_dir, head)
    for commit in (*range(head, -1, -1), *range(head + 1)):
        assert load_books(lake_dir, until_commit=commit) == _from_nothing(lake_dir, commit)


def test_lakes_that_went_apart_each_have_their_own_books(office: Office, tmp_path: Path) -> None:
    office.record(_soft("2011-02"))
    shutil.copytree(office.folder, tmp_path / "second")
    first, second = office.folder / "lake", tmp_path / "second" / "lake"
    other = Lake.open(second, tmp_path / "second" / "index", now=office.clock)
    office.record(_soft("2011-03"))
    append_control(other, [_soft("2011-01")], now_us=office.clock.now_us)
    assert other.head.seq == office.lake.head.seq
    for lake_dir in (first, second, first):
        assert load_books(lake_dir) == _from_nothing(lake_dir, other.head.seq)
    assert set(load_books(first).periods) == {"2011-02", "2011-03"}
    assert set(load_books(second).periods) == set(other.books().periods) == {"2011-01", "2011-02"}
    other.close()
