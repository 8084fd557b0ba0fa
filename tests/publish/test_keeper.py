"""Who commits keeps live queries short; who publishes meanwhile waits a moment."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.errors import InternalFault
from orchestration.locks import Busy, exclusive
from orchestration.publish import keeper, tail
from orchestration.publish.keeper import QuietKeeper
from orchestration.publish.showing import REFRESH
from tests.publish.shop import Shop, open_shop
from tests.waiting import until

PATIENCE_S = 30


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(keeper, "QUIET_SECONDS", 0.02)
    monkeypatch.setattr(tail, "OPEN_ROWS", 50)
    made = open_shop(tmp_path / "home", editions={"keep": 5, "keep_hours": 1})
    made.sell(100)
    made.build()
    made.publish()
    return made


def test_many_events_are_compacted_when_nothing_more_comes_and_few_are_left(shop: Shop) -> None:
    with QuietKeeper(shop.settings) as quiet:
        shop.sell(20)
        quiet.committed(20)
        time.sleep(0.2)
        assert tail.shown_until(shop.home) == 1
        shop.sell(40)
        quiet.committed(40)
        until(lambda: tail.shown_until(shop.home) == 3, seconds=PATIENCE_S)


def test_events_that_keep_coming_are_compacted_when_they_are_very_many(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "QUIET_SECONDS", 3600)
    monkeypatch.setattr(keeper, "HURRY_ROWS", 200)
    with QuietKeeper(shop.settings) as quiet:
        shop.sell(200)
        quiet.committed(200)
        until(lambda: tail.shown_until(shop.home) == 2, seconds=PATIENCE_S)


def test_a_tail_that_cannot_be_compacted_stops_who_commits(shop: Shop) -> None:
    def committed() -> bool:
        quiet.committed(60)
        time.sleep(0.1)  # nothing more comes
        return False

    with (
        pytest.raises(InternalFault, match="expected a file this version has written"),
        QuietKeeper(shop.settings) as quiet,
    ):
        shop.home.current.write_bytes(b"no database")
        shop.sell(60)
        until(committed, seconds=PATIENCE_S)


def test_publishing_waits_for_a_tail_refresh_and_for_nothing_else(tmp_path: Path) -> None:
    lock = tmp_path / "publish.lock"
    with ThreadPoolExecutor(1) as other, exclusive(lock, doing=REFRESH):
        taken = other.submit(_take, lock)
        time.sleep(0.1)
        assert not taken.done()
        with pytest.raises(Busy, match="tail refresh"), exclusive(lock, doing="tail refresh"):
            pass
    taken.result()
    with exclusive(lock, doing="publish"), pytest.raises(Busy, match="publish"):
        _take(lock)


def _take(lock: Path) -> None:
    with exclusive(lock, doing="publish", waits_for=REFRESH):
        pass
