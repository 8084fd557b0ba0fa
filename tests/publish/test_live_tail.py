"""The lake's tail in the published file: every commit once, at once, for old and new readers."""

import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from audit.verify_lake import verify_lake
from ingestion.lake import layout
from orchestration.publish import live_sql, tail, window
from orchestration.publish.keeper import TailKeeper
from orchestration.publish.showing import refresh_tail, rollback
from tests.events import batch, deposits
from tests.publish.shop import Shop, open_shop

SEEN = "select count(*), count(distinct event_id), max(commit_seq) from live.tail_sales"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = open_shop(tmp_path / "home", editions={"keep": 5, "keep_hours": 1})
    made.sell(100)
    made.build()
    made.publish()
    return made


@pytest.fixture
def reader(shop: Shop) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection opened before anything else happens."""
    with _opened(shop) as connection:
        yield connection


def _opened(shop: Shop) -> duckdb.DuckDBPyConnection:
    """A new instance each time, as in a process of its own."""
    connection = duckdb.connect(":memory:")
    connection.execute(f"attach '{shop.home.current}' as published (read_only)")
    connection.execute("use published")
    return connection


def _seen(connection: duckdb.DuckDBPyConnection) -> tuple[int, int, int | None]:
    row = connection.execute(SEEN).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def test_a_commit_is_seen_on_a_connection_opened_before_it(
    shop: Shop, reader: duckdb.DuckDBPyConnection
) -> None:
    assert _seen(reader) == (0, 0, None)
    shop.sell(30)
    assert _seen(reader) == (30, 30, 2)
    shop.sell(12)
    assert _seen(reader) == (42, 42, 3)


def test_tail_rows_are_the_lake_rows(shop: Shop, reader: duckdb.DuckDBPyConnection) -> None:
    shop.sell(500)
    segment = next((shop.home.lake / "family=sales").rglob(f"{2:020d}-*.parquet"))
    columns = [name for name in live_sql.column_types() if name != "family"]
    wanted = duckdb.sql(f"select {', '.join(columns)} from '{segment}' order by row_index")
    found = reader.execute("select * exclude (family) from live.tail_sales order by row_index")
    assert found.fetchall() == wanted.fetchall()
    types = reader.execute("describe live.tail_sales").fetchall()
    given = {row[0]: row[1].lower().replace(", ", ",") for row in types}
    assert given == {
        name: kind.replace("timestamptz", "timestamp with time zone").replace(", ", ",")
        for name, kind in live_sql.column_types().items()
    }


def test_a_segment_without_its_commit_is_not_counted(
    shop: Shop, reader: duckdb.DuckDBPyConnection
) -> None:
    """A writer that died after its segment leaves one; the number goes to the next commit."""
    shop.sell(10)
    segment = next((shop.home.lake / "family=sales").rglob(f"{2:020d}-*.parquet"))
    orphan = segment.with_name(f"{3:020d}-{'0' * 64}.parquet")
    shutil.copy(segment, orphan)
    assert _seen(reader) == (10, 10, 2)
    shop.sell(5)
    assert _seen(reader) == (15, 15, 3)
    _commit_until_compacted(shop)
    assert _seen(reader)[0] == shop.sold - 100
    with _opened(shop) as later:
        assert _seen(later)[0] == shop.sold - 100


def _commit_until_compacted(shop: Shop) -> None:
    while not refresh_tail(shop.settings, most_open=12):
        shop.sell(3)


def test_compacting_counts_every_commit_once_for_readers_of_every_age(shop: Shop) -> None:
    readers = [_opened(shop)]
    for _ in range(3):
        _commit_until_compacted(shop)
        readers.append(_opened(shop))
        shop.sell(7)
        for one in readers:
            assert _seen(one) == (shop.sold - 100, shop.sold - 100, shop.lake.head.seq)
            commits = one.execute(
                "select count(*), count(distinct commit_seq) from live.tail_commits"
            ).fetchone()
            assert commits == (shop.lake.head.seq - 1,) * 2
    for one in readers:
        one.close()


def test_publishing_moves_the_tail_and_old_readers_keep_theirs(
    shop: Shop, reader: duckdb.DuckDBPyConnection
) -> None:
    _commit_until_compacted(shop)
    shop.build()
    shop.publish()
    shop.sell(9)
    with _opened(shop) as fresh:
        assert _seen(fresh)[0] == 9
    assert _seen(reader)[0] == shop.sold - 100


def test_rollback_reads_the_commits_since_the_older_edition(shop: Shop) -> None:
    for _ in range(5):
        shop.sell(10)
    shop.build()
    shop.publish()
    _commit_until_compacted(shop)
    rollback(shop.settings, to=1)
    with _opened(shop) as connection:
        assert _seen(connection)[0] == shop.sold - 100
        rows = connection.execute("select sum(delta_amount) from sales_versions").fetchall()
    assert rows == shop.warehouse(
        "select sum(delta_amount) from sales_versions where commit_seq < 2"
    )


def test_a_family_that_never_had_an_event_is_empty_until_its_first(
    shop: Shop, reader: duckdb.DuckDBPyConnection
) -> None:
    count = "select count(*) from live.tail_accounts"
    assert reader.execute(count).fetchall() == [(0,)]
    shop.lake.append(batch(deposits(0, 8)))
    assert reader.execute(count).fetchall() == [(8,)]
    assert _seen(reader) == (0, 0, None)


def test_runs_merge_so_that_many_commits_are_few_files(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "AT_ONCE_COMMITS", 4)
    for number in range(60):
        shop.sell(2)
        if number % 7 == 0:
            tail.shorten(shop.home, after=1)
    coverage = tail.shorten(shop.home, after=1)
    sizes = [run.commits for run in coverage.runs]
    assert (coverage.until, sum(sizes)) == (61, 60)
    assert all(one >= tail.GROWTH * other for one, other in pairwise(sizes)), sizes
    assert len(coverage.files("sales")) == len(sizes) <= 3
    refresh_tail(shop.settings, most_open=0)
    with _opened(shop) as connection:
        assert _seen(connection) == (120, 120, 61)


def test_large_segments_are_read_where_they_are(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "LARGE_SEGMENT_ROWS", 50)
    for count in (10, 60, 10, 10):
        shop.sell(count)
    files = tail.shorten(shop.home, after=1).files("sales")
    assert [("family=sales" in path) for path in files] == [True, False]
    refresh_tail(shop.settings, most_open=1)
    with _opened(shop) as connection:
        assert _seen(connection) == (90, 90, 5)


@pytest.fixture
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two blocks of four commits each, segments of two commits a folder."""
    monkeypatch.setattr(layout, "COMMITS_PER_FOLDER", 2)
    monkeypatch.setattr(window, "COMMITS_PER_FOLDER", 2)
    monkeypatch.setattr(window, "BLOCK_COMMITS", 4)


@pytest.mark.usefixtures("small_window")
def test_a_window_shows_what_comes_in_all_its_blocks_and_says_when_it_is_used_up(
    tmp_path: Path,
) -> None:
    shop = open_shop(tmp_path / "home", editions={"keep": 5, "keep_hours": 1})
    shop.sell(100)
    shop.build()
    shop.publish()
    with _opened(shop) as reader:
        for last in range(2, 7):
            shop.sell(10)
            assert _seen(reader) == (10 * (last - 1), 10 * (last - 1), last)
        shop.sell(10)
        with pytest.raises(duckdb.Error, match="does not show them all"):
            _seen(reader)
    rollback(shop.settings, to=1)
    with _opened(shop) as later:
        assert later.execute("select max(commit_seq) from live.tail_commits").fetchall() == [(7,)]
        assert _seen(later) == (60, 60, 7)


def test_a_query_lists_no_more_names_however_long_the_lake(
    shop: Shop, reader: duckdb.DuckDBPyConnection
) -> None:
    """What makes a live query cheap: every pattern it asks for lies in the window."""
    patterns = [
        pattern
        for (sql,) in reader.execute(
            "select sql from duckdb_views() where sql like '%*%'"
        ).fetchall()
        for pattern in re.findall(r"'([^']*\*[^']*)'", sql)
        if pattern.startswith("/")
    ]
    assert patterns
    assert {Path(one).is_relative_to(shop.home.tail / "window") for one in patterns} == {True}


def test_commits_of_an_older_lake_format_are_shown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their segments lie where no window looks: publishing copies them into a run."""
    with monkeypatch.context() as older, _opened(shop) as reader:
        older.setattr(layout, "FORMAT_VERSION", 1)
        older.setattr(
            layout, "segment_path", lambda f, seq, sha: f"family={f}/{seq:020d}-{sha}.parquet"
        )
        shop.sell(10)
        with pytest.raises(duckdb.Error, match="older version of Ledgerlake"):
            _seen(reader)
    rollback(shop.settings, to=1)
    shop.sell(5)
    with _opened(shop) as later:
        assert _seen(later) == (15, 15, 3)
    assert verify_lake(shop.home.lake).ok


def test_windows_nobody_needs_go_after_their_time(shop: Shop) -> None:
    no_events = tail.empty_file(shop.home, "events")
    made = window.opened(shop.home, after=5 * window.BLOCK_COMMITS, no_events=no_events)
    window.prune(shop.home, after=made.after, older_than_us=0)
    folder = made.folders[0].parent
    assert len(list(folder.iterdir())) == 2 * window.BLOCKS, "readers may still look through them"
    window.prune(shop.home, after=made.after, older_than_us=tail.now_us() + 1)
    assert sorted(folder.iterdir()) == sorted(made.folders)


def test_lost_runs_are_made_again(shop: Shop) -> None:
    _commit_until_compacted(shop)
    shutil.rmtree(shop.home.tail)
    rollback(shop.settings, to=1)
    with _opened(shop) as connection:
        assert _seen(connection)[0] == shop.sold - 100


def test_the_next_commit_heals_what_views_read_when_the_index_folder_was_deleted(
    shop: Shop,
) -> None:
    """The same after an upgrade: a file that an older version wrote looks elsewhere."""
    shutil.rmtree(shop.home.tail)
    shop.sell(5)
    with pytest.raises(duckdb.Error), _opened(shop) as broken:
        _seen(broken)
    TailKeeper(shop.settings).committed(shop.lake.head.seq)
    with _opened(shop) as healed:
        assert _seen(healed) == (5, 5, 2)
    assert not refresh_tail(shop.settings), "once is enough"


def test_runs_of_another_lake_are_not_believed(shop: Shop) -> None:
    _commit_until_compacted(shop)
    state = shop.home.tail / "runs.json"
    text = state.read_text()
    lake_id = shop.lake.head.lake_id
    state.write_text(text.replace(lake_id, "0" * len(lake_id)))
    coverage = tail.shorten(shop.home, after=1)
    assert coverage.runs and lake_id in state.read_text()


def test_runs_no_edition_needs_go_after_their_time(shop: Shop) -> None:
    _commit_until_compacted(shop)
    named = set(shop.home.tail.glob("sales/*.parquet"))
    after = tail.shorten(shop.home, after=1).until
    assert tail.prune(shop.home, after=after, older_than_us=0) == 0
    assert set(shop.home.tail.glob("sales/*.parquet")) == named, "readers may still name them"
    assert tail.prune(shop.home, after=after, older_than_us=tail.now_us() + 1) > 0
    assert not set(shop.home.tail.glob("sales/*.parquet"))
