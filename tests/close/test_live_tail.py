"""Live figures are the same however the tail behind the edition is kept, and the next build's."""

import shutil
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from orchestration.publish import booking, tail, window
from orchestration.publish import edition as editions
from orchestration.publish.current_file import read_pointer
from orchestration.publish.live_sql import delta_types
from orchestration.publish.showing import refresh_tail
from tests.close.conftest import Copy
from tests.close.house import DAY, House, day

TABLES = ("daily_sales", "real_time_sales", "account_balances")
Rows = list[tuple[object, ...]]


def _read(shop: House, query: str) -> Rows:
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach '{shop.home.current}' as published (read_only)")
        connection.execute("use published")
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(query).fetchall()


def _figures(shop: House, schema: str = "live") -> dict[str, Rows]:
    columns = {
        name: ", ".join(str(row[0]) for row in _read(shop, f"describe main.{name}"))
        for name in TABLES
    }
    return {
        name: _read(shop, f"select {columns[name]} from {schema}.{name} order by all")
        for name in TABLES
    }


def _booked_and_not(shop: House) -> tuple[int, int]:
    """Commits of the tail whose deltas are kept, and the others."""
    found = [row[0] for row in _read(shop, "select is_booked from live.tail_commits")]
    return found.count(True), found.count(False)


def test_live_figures_stay_the_same_when_the_tail_is_booked_and_are_the_next_builds(
    house: Copy,
) -> None:
    shop = house("closed")
    late = shop.late(day(1, 20))
    for number in range(4):
        shop.late(shop.clock - DAY, 3 + number)
    shop.clock += timedelta(hours=1)
    shop.trade(shop.clock - DAY - timedelta(hours=2), 1)
    shop.clock += timedelta(hours=1)
    shop.build()
    routed, commits = _figures(shop), sum(_booked_and_not(shop))
    assert routed["daily_sales"] != _figures(shop, "main")["daily_sales"]

    assert refresh_tail(shop.settings, most_open=1)
    booked, others = _booked_and_not(shop)
    assert (booked, others) == (commits, 0) and booked >= 4
    assert _read(shop, "select count(*) from live.tail_deltas_sales") != [(0,)]
    assert _figures(shop) == routed

    # The late sales lie in a booked run; they are decided behind it.
    shop.decide(late, "next_period", "2026-02")
    decided = _figures(shop)
    assert decided["daily_sales"] != routed["daily_sales"]
    shop.late(shop.clock - DAY)
    more = _figures(shop)
    assert refresh_tail(shop.settings, most_open=1)
    assert _booked_and_not(shop)[0] > booked
    assert _figures(shop) == more

    shop.build()
    shop.publish()
    assert _booked_and_not(shop) == (0, 0)
    assert _figures(shop, "main") == more == _figures(shop)


def test_deltas_that_other_sql_booked_are_not_used(house: Copy) -> None:
    shop = house("open")
    for _ in range(4):
        shop.late(shop.clock - DAY)
    assert refresh_tail(shop.settings, most_open=1)
    assert _booked_and_not(shop) == (4, 0)
    pointer = read_pointer(shop.home)
    assert pointer is not None
    edition = editions.read(shop.home.editions, pointer.number)
    ours = booking.of(shop.home, edition)
    assert ours is not None
    others = booking.LiveBooking(shop.home, "0" * 64)
    assert others.deltas(0, 1 << 40) is None, "the file shown is of other SQL"
    first = edition.commit_seq
    assert tail.shorten(shop.home, after=first, booking=ours).booked == first + 4
    assert tail.shorten(shop.home, after=first, booking=others).booked == first
    assert ours.deltas(first, first + 4) is None, "that commit is in the edition"


def test_kept_deltas_have_the_columns_of_the_live_views(house: Copy) -> None:
    shop = house("open")
    for family, view in booking.VIEWS.items():
        described = _read(shop, f"describe live.{view}")
        given = {row[0]: str(row[1]).lower().replace(",", ", ") for row in described}
        written = {"timestamptz": "timestamp with time zone"}
        assert given == {name: written.get(t, t) for name, t in delta_types(family).items()}
        assert list(given) == list(delta_types(family))


@pytest.mark.parametrize(
    ("view", "family"),
    [("sales_deltas", "sales"), ("account_deltas", "accounts"), ("tail_sales", "sales")],
)
def test_commits_are_listed_before_segments(
    house: Copy, tmp_path: Path, view: str, family: str
) -> None:
    """Of every commit a query lists, all segments are there: DuckDB lists in this order."""
    copy = shutil.copy(house("open").home.current, tmp_path / "copy.duckdb")
    relations = ("tail_commits", f"tail_found_{family}", "tail_found_control")
    with duckdb.connect(str(copy)) as connection:
        for name in relations:
            file = tmp_path / f"{name}.parquet"
            connection.execute(f"copy (from live.{name}) to '{file}'")
            connection.execute(f"create or replace view live.{name} as from '{file}'")
            file.unlink()
        with pytest.raises(duckdb.Error, match=r"No files found.*/tail_commits\.parquet"):
            connection.execute(f"from live.{view}")


def test_commits_a_file_could_not_show_are_booked_once_a_new_one_shows_them(
    house: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "BLOCK_COMMITS", 4)
    shop = house("open")
    shop.build()
    shop.publish()
    for _ in range(12):
        shop.late(shop.clock - DAY)
    with pytest.raises(duckdb.Error, match="does not show them all"):
        _figures(shop)
    assert refresh_tail(shop.settings, most_open=1)
    assert _booked_and_not(shop) == (12, 0)
