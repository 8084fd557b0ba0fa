"""An edition shows what the warehouse holds; publishing writes only what changed."""

import json
import os
import shutil
from pathlib import Path

import duckdb
import pytest

from ledger.errors import IncorrectInput, InternalFault
from orchestration.publish import layout
from orchestration.publish.showing import rollback
from tests.publish.shop import Shop, open_shop

TABLES = {
    "sales_versions": "from {} order by all",
    "day_sales": "from {} order by all",
    "freshness": "from {} order by all",
}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path / "home")


def _assert_same_rows(shop: Shop) -> None:
    for table, query in TABLES.items():
        assert shop.read(query.format(table)) == shop.warehouse(query.format(table)), table


def _parts(shop: Shop) -> dict[str, int]:
    """Part files and their inodes."""
    return {
        path.relative_to(shop.home.tables).as_posix(): path.stat().st_ino
        for path in shop.home.tables.rglob("*.parquet")
    }


def test_first_edition_shows_the_warehouse(shop: Shop) -> None:
    shop.sell(5_000)
    shop.build()
    done = shop.publish()
    assert (done.edition, done.previous, done.changed, done.commit_seq) == (1, None, True, 1)
    _assert_same_rows(shop)
    assert shop.read("select number, commit_seq, tree_size from edition") == [(1, 1, 5_000)]


def test_editions_follow_the_warehouse_over_many_publishes(shop: Shop) -> None:
    shop.sell(100_000)
    for round_ in range(10):
        shop.sell(300)
        shop.sell(40, days_back=round_ * 5)
        shop.build()
        assert shop.publish().edition == round_ + 1
        _assert_same_rows(shop)


def test_only_touched_partitions_are_written_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "ONE_FILE_ROWS", 50)
    shop.sell(100_000)
    shop.build()
    shop.publish()
    before = _parts(shop)
    shop.sell(10)
    shop.build()
    done = shop.publish()
    after = _parts(shop)
    assert {name: after[name] for name in before} == before, "old files stay as they are"
    new = {name.rsplit("/", 1)[0] for name in after if name not in before}
    months = shop.read("select max(business_month)::varchar from day_sales")
    assert new == {
        f"day_sales/business_month={months[0][0]}",
        "sales_versions/all",
        "freshness/all",
    }
    assert done.files_written == 3


def test_publishing_unchanged_makes_no_edition(shop: Shop) -> None:
    shop.sell(100)
    shop.build()
    shop.publish()
    pointer = shop.home.current.stat().st_ino
    done = shop.publish()
    assert (done.edition, done.changed, done.files_written) == (1, False, 0)
    assert shop.home.current.stat().st_ino == pointer
    assert not shop.publish(full=True).changed, "the same rows give the same files"


def test_a_new_commit_without_sales_still_moves_the_knowledge_cut(shop: Shop) -> None:
    shop.sell(100)
    shop.build()
    shop.publish()
    shop.sell(0)
    shop.build()
    done = shop.publish()
    assert (done.edition, done.commit_seq, done.files_written) == (2, 2, 0)


def test_many_small_publishes_leave_few_files(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "ONE_FILE_ROWS", 50)
    monkeypatch.setattr(layout, "FOLD_ROWS", 100)
    shop.sell(50_000)
    for _ in range(24):
        shop.sell(20)
        shop.build()
        shop.publish()
    text = shop.read("select sql from duckdb_views() where view_name = 'sales_versions'")[0][0]
    recent = str(text).count("/sales_versions/all/")
    assert recent < 12, f"{recent} recent parts after 24 publishes"
    _assert_same_rows(shop)


def test_equal_warehouses_give_equal_files(tmp_path: Path) -> None:
    names = []
    for threads in (1, 2):
        shop = open_shop(tmp_path / str(threads), duckdb={"threads": threads})
        shop.sell(150_000)
        shop.build()
        shop.publish()
        # Knowledge times differ between the two lakes, so only tables without them can be equal.
        names.append({name for name in _parts(shop) if not name.startswith("sales_versions")})
    assert names[0] == names[1]


def test_tables_made_anew_are_published_whole(shop: Shop) -> None:
    shop.sell(1_000)
    shop.build()
    shop.publish()
    shop.sell(1_000, days_back=60)
    shop.rebuild()
    shop.publish()
    _assert_same_rows(shop)


def test_a_table_made_anew_with_other_rows_behind_the_cut_is_not_mixed_with_old_files(
    shop: Shop,
) -> None:
    shop.sell(1_000)
    shop.build()
    shop.publish()
    with duckdb.connect(str(shop.home.warehouse)) as connection:
        connection.execute(
            "create or replace table sales_versions as select * replace (delta_amount * 2 as"
            " delta_amount) from sales_versions"
        )
    assert shop.publish().changed
    _assert_same_rows(shop)


def test_changed_model_code_is_published_whole(shop: Shop) -> None:
    shop.sell(1_000)
    shop.build()
    shop.publish()
    shop.write_manifest(code="2")
    assert shop.publish().edition == 2


def test_rollback_shows_the_edition_before_and_publishing_goes_on(shop: Shop) -> None:
    for _ in range(3):
        shop.sell(100)
        shop.build()
        shop.publish()
    assert rollback(shop.settings).number == 2
    assert shop.read("select number, highest_number from edition") == [(2, 3)]
    assert shop.read("select sum(delta_amount) from sales_versions") == shop.warehouse(
        "select sum(delta_amount) from sales_versions where commit_seq <= 2"
    )
    assert rollback(shop.settings, to=3).number == 3
    rollback(shop.settings, to=1)
    done = shop.publish()
    assert (done.edition, done.previous) == (4, 1)
    _assert_same_rows(shop)


def test_rollback_to_nowhere_is_refused(shop: Shop) -> None:
    with pytest.raises(IncorrectInput, match="found none"):
        rollback(shop.settings)
    shop.sell(10)
    shop.build()
    shop.publish()
    with pytest.raises(IncorrectInput, match="that it is the first"):
        rollback(shop.settings)
    with pytest.raises(IncorrectInput, match="one of the editions kept: 1"):
        rollback(shop.settings, to=7)


def test_old_editions_go_after_their_time_and_current_ones_stay(tmp_path: Path) -> None:
    shop = open_shop(tmp_path / "home", editions={"keep": 2, "keep_hours": 0})
    for round_ in range(6):
        shop.sell(100)
        shop.build()
        done = shop.publish()
        if round_ >= 2:
            assert done.editions_deleted == [round_ - 1]
    kept = sorted(path.stem for path in shop.home.editions.glob("*.json"))
    assert kept == ["00000005", "00000006"]
    rollback(shop.settings)
    assert shop.read("select number from edition") == [(5,)]
    assert shop.read("select count(*) from sales_versions") > [(0,)]


def test_old_editions_stay_readable_for_their_hours(tmp_path: Path) -> None:
    shop = open_shop(tmp_path / "home", editions={"keep": 1, "keep_hours": 1})
    for _ in range(4):
        shop.sell(100)
        shop.build()
        assert shop.publish().editions_deleted == []
    assert rollback(shop.settings, to=1).number == 1


def test_a_warehouse_that_knows_less_is_refused_unless_full(shop: Shop) -> None:
    shop.sell(100)
    shop.sell(100)
    shop.build()
    shop.publish()
    shop.home.warehouse.unlink()
    shop.build(until=1)
    with pytest.raises(IncorrectInput, match="commit 2 or later"):
        shop.publish()
    done = shop.publish(full=True)
    assert (done.edition, done.commit_seq) == (2, 1)
    _assert_same_rows(shop)


def test_publishing_before_a_build_says_what_to_do(shop: Shop) -> None:
    with pytest.raises(IncorrectInput, match="Run `ledgerlake build` first"):
        shop.publish()
    shop.write_manifest()
    with pytest.raises(IncorrectInput, match="Run `ledgerlake build` first"):
        shop.publish()


def test_a_damaged_part_is_replaced_by_a_full_publish(shop: Shop) -> None:
    shop.sell(1_000)
    shop.build()
    shop.publish()
    part = next(shop.home.tables.rglob("day_sales/**/*.parquet"))
    size = part.stat().st_size
    with part.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"damaged")
    shop.publish(full=True)
    _assert_same_rows(shop)


def test_a_home_whose_path_is_a_pattern_is_refused(tmp_path: Path) -> None:
    shop = open_shop(tmp_path / "home[1]")
    shop.sell(10)
    shop.write_manifest()
    with pytest.raises(IncorrectInput, match="a path without any of"):
        shop.publish()


def test_a_home_that_was_copied_is_published_for_its_new_place(shop: Shop, tmp_path: Path) -> None:
    shop.sell(100)
    shop.build()
    shop.publish()
    shutil.copytree(shop.home.root, tmp_path / "copy", symlinks=True)
    copy = open_shop(tmp_path / "copy")
    done = copy.publish()
    assert (done.edition, done.changed) == (1, False)
    shutil.rmtree(shop.home.root)
    _assert_same_rows(copy)


def test_an_unreadable_current_file_says_how_to_make_it_anew(shop: Shop) -> None:
    shop.sell(100)
    shop.build()
    shop.publish()
    shop.home.current.write_bytes(b"no database" * 1000)
    with pytest.raises(InternalFault, match="Delete it, then run `ledgerlake publish`"):
        shop.publish()
    shop.home.current.unlink()
    assert shop.publish().changed
    _assert_same_rows(shop)


def test_a_log_left_beside_the_current_file_does_not_reach_the_next_edition(shop: Shop) -> None:
    shop.sell(100)
    shop.build()
    shop.publish()
    shop.home.current.with_name("current.duckdb.wal").write_bytes(os.urandom(64))
    shop.sell(100)
    shop.build()
    shop.publish()
    assert shop.read("select number from edition") == [(2,)]


def test_after_a_whole_build_tests_may_run_but_not_some_of_its_models(shop: Shop) -> None:
    """Those may have been made anew as of another commit: `dbt run -s ... --vars ...`."""
    shop.sell(100)
    shop.build()
    record = {"outcome": "passed", "commit_seq": 1}
    shop.home.build_record.write_text(json.dumps(record))
    shop.write_results({"day_sales": "success"})
    with pytest.raises(IncorrectInput) as error:
        shop.publish()
    assert error.value.rule == "last_build_must_cover_what_is_published"
    shop.write_results({"unique_day": "pass"}, kind="test")
    assert shop.publish().commit_seq == 1


def test_a_build_may_leave_views_out_when_a_whole_one_stands(shop: Shop) -> None:
    shop.sell(100)
    shop.build()
    manifest = shop.home.target / "manifest.json"
    said = json.loads(manifest.read_text())
    said["nodes"]["model.shop.freshness"]["config"]["materialized"] = "view"
    manifest.write_text(json.dumps(said))
    shop.write_results({"sales_versions": "success", "day_sales": "success"})
    with pytest.raises(IncorrectInput, match="left out freshness"):
        shop.publish()
    record = {"outcome": "passed", "commit_seq": 1}
    shop.home.build_record.write_text(json.dumps(record))
    assert shop.publish().commit_seq == 1


def test_a_build_may_leave_tables_out_when_the_run_is_its_own(shop: Shop) -> None:
    shop.sell(100)
    shop.build()
    record = {"outcome": "passed", "commit_seq": 1, "dbt_invocation": "ours"}
    shop.home.build_record.write_text(json.dumps(record))
    shop.write_results({"day_sales": "success"}, invocation="another")
    with pytest.raises(IncorrectInput, match="left out"):
        shop.publish()
    shop.write_results({"day_sales": "success"}, invocation="ours")
    assert shop.publish().commit_seq == 1


def test_a_failed_or_partial_build_is_not_published(shop: Shop) -> None:
    shop.sell(100)
    shop.build()
    shop.write_results({"sales_versions": "success", "day_sales": "success", "freshness": "fail"})
    with pytest.raises(IncorrectInput, match=r"1 failing or skipped: model\.shop\.freshness"):
        shop.publish()
    shop.write_results({"sales_versions": "success"})
    with pytest.raises(IncorrectInput, match="left out day_sales, freshness"):
        shop.publish()
    assert not shop.home.current.exists()
