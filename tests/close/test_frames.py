"""Control frames of a real lake and a warehouse built by dbt, and what they show when it is wrong.

Each damage is done to a copy of the warehouse or of the lake, and the gate's blockers are read.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from expectations.gate import foresee
from expectations.suites import SUITES
from expectations.verdict import Verdict
from ledger.calendar import Period
from ledger.errors import InternalFault
from orchestration.close.frames import arrivals, control_frames
from orchestration.close.lateness import expected_residual
from tests.close.trading import FEBRUARY, MARCH, sell_past_the_window, traded
from tests.models.warehouse import open_warehouse

Frames = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Traded:
    home: Path
    warehouse: Path
    lake: Path

    @contextmanager
    def copy(self, folder: Path, *damage: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to a copy of the warehouse, after these statements."""
        target = folder / "warehouse.duckdb"
        shutil.copy2(self.warehouse, target)
        with duckdb.connect(str(target)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            for statement in damage:
                connection.execute(statement)
            yield connection

    def frames(self, period: Period = MARCH) -> Frames:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return control_frames(connection, self.lake, period)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traded]:
    """The quarter without exceptions."""
    made = traded(tmp_path_factory.mktemp("whole"))
    yield Traded(made.home.root, made.home.warehouse, made.home.lake)
    made.lake.close()


@pytest.fixture(scope="module")
def pending(whole: Traded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traded]:
    """The same with an event that came past its window."""
    folder = tmp_path_factory.mktemp("pending") / "home"
    shutil.copytree(whole.home, folder, symlinks=True)
    made = open_warehouse(folder)
    sell_past_the_window(made)
    yield Traded(made.home.root, made.home.warehouse, made.home.lake)
    made.lake.close()


def judged(frames: Frames) -> Verdict:
    """As the gate will; that it does is `tests.expectations.test_gate`'s to show."""
    return foresee(frames)


def failed(verdict: Verdict) -> list[str]:
    return [one.name for one in verdict.controls if not one.success]


def test_a_period_in_order_passes_with_the_documented_columns(whole: Traded) -> None:
    frames = whole.frames()
    assert list(frames) == [suite.name for suite in SUITES]
    for suite in SUITES:
        assert list(frames[suite.name].columns) == list(suite.columns), suite.name
    verdict = judged(frames)
    assert failed(verdict) == []
    assert verdict.passed


def test_money_is_decimal_and_the_totals_are_those_of_the_shops(whole: Traded) -> None:
    totals = whole.frames()["control_totals"]
    march = [Decimal(10) + Decimal(day) / 100 for day in range(1, 32)]
    leeds = 3 * sum(march) - Decimal("10.10")  # less the late refund of the tenth
    (row,) = totals[
        (totals["comparison"] == "lake_and_deltas") & (totals["store_id"] == "leeds")
    ].to_dict("records")
    assert type(row["found_amount"]) is Decimal
    assert row["expected_amount"] == row["found_amount"] == leeds
    assert row["expected_count"] == row["found_count"] == 94


def test_the_same_warehouse_gives_the_same_frames(whole: Traded) -> None:
    first, second = whole.frames(), whole.frames()
    for name, frame in first.items():
        pd.testing.assert_frame_equal(frame, second[name])


def test_accounts_roll_from_period_to_period(whole: Traded) -> None:
    rows = whole.frames()["roll_forward"].set_index("ledger")
    # 4 Mondays in March, after 9 before (27 December to 28 February: 10).
    assert rows.loc["accounts", "movements"] == 4 * Decimal("200.26")
    assert rows.loc["accounts", "opening"] == 10 * Decimal("200.26")
    assert rows.loc["sales", "movements"] == Decimal("-10.10")


DAMAGES: list[tuple[str, str, set[str]]] = [
    (
        "a cent on a delta",
        "update intermediate.int_sales__deltas set amount = amount + 0.01"
        " where business_date = '2011-03-08' and store_id = 'soho'",
        {
            "delta_amounts_are_those_of_the_lake",
            "delta_days_are_those_of_the_lake",
            "daily_sales_amounts_are_those_of_the_deltas",
            "daily_sales_days_are_those_of_the_deltas",
            "period_books_amounts_are_those_of_the_deltas",
            "period_books_days_are_those_of_the_deltas",
        },
    ),
    (
        "a day's sales moved to the next day",
        "update intermediate.int_sales__deltas set business_date = '2011-03-09'"
        " where business_date = '2011-03-08' and store_id = 'leeds'",
        {
            "delta_days_are_those_of_the_lake",
            "daily_sales_days_are_those_of_the_deltas",
            "no_expected_store_day_is_silent",
        },
    ),
    (
        "a cent on daily_sales",
        "update main.daily_sales set amount = amount + 0.01"
        " where business_date = '2011-03-08' and store_id = 'soho'",
        {
            "daily_sales_amounts_are_those_of_the_deltas",
            "daily_sales_days_are_those_of_the_deltas",
            "opening_plus_movements_is_closing",
        },
    ),
    (
        "a cent on period_sales",
        "update main.period_sales set amount = amount + 0.01"
        " where posting_period = '2011-03' and store_id = 'soho'",
        {
            "period_books_amounts_are_those_of_the_deltas",
            "period_books_days_are_those_of_the_deltas",
        },
    ),
    (
        "a cent on the store's own total",
        "update staging.stg_control__events set amount = amount + 0.01"
        " where event_type = 'StoreDayUploaded' and (payload ->> '$.business_date') = '2011-03-08'",
        {
            "event_amounts_are_those_the_stores_uploaded",
            "event_days_are_those_the_stores_uploaded",
        },
    ),
    (
        "an upload missing",
        "delete from staging.stg_control__events"
        " where event_type = 'StoreDayUploaded' and (payload ->> '$.business_date') = '2011-03-08'",
        {"every_store_day_is_uploaded"},
    ),
    (
        "a correction gone",
        "delete from main.sales_corrections where business_date = '2011-03-10'",
        {"opening_plus_movements_is_closing", "movements_are_those_of_the_deltas"},
    ),
    (
        "an account movement doubled",
        "update intermediate.int_accounts__deltas set amount = amount + 0.01"
        " where business_date = '2011-03-07'",
        {
            "delta_amounts_are_those_of_the_lake",
            "delta_days_are_those_of_the_lake",
            "period_books_amounts_are_those_of_the_deltas",
            "period_books_days_are_those_of_the_deltas",
            "movements_are_those_of_the_deltas",
        },
    ),
    (
        "an outcome lost",
        "update main.event_outcomes set event_count = event_count - 1"
        " where route = 'in_window' and commit_seq = 5",
        {"lake_events_are_the_sum_of_their_routes"},
    ),
    (
        "a commit that received more than it tells of",
        "update staging.stg_lake__commits set received_count = received_count + 1"
        " where commit_seq = 5",
        {"received_rows_are_accepted_duplicate_or_quarantined"},
    ),
    (
        "a row in quarantine",
        "update staging.stg_lake__commits set received_count = received_count + 1,"
        " quarantined_count = 1 where ingest_time::date = '2011-03-08'",
        {"no_row_of_the_period_is_quarantined"},
    ),
]


@pytest.mark.parametrize(
    ("damage", "expected"), [one[1:] for one in DAMAGES], ids=[one[0] for one in DAMAGES]
)
def test_damage_to_the_warehouse_fails_the_controls_that_ask_for_it(
    whole: Traded, tmp_path: Path, damage: str, expected: set[str]
) -> None:
    with whole.copy(tmp_path, damage) as connection:
        assert set(failed(judged(control_frames(connection, whole.lake, MARCH)))) == expected


def test_a_silent_store_and_a_small_week_are_warnings(whole: Traded, tmp_path: Path) -> None:
    quiet = "delete from intermediate.int_sales__deltas where store_id = 'leeds'"
    with whole.copy(tmp_path, f"{quiet} and business_date >= '2011-03-09'") as connection:
        verdict = judged(control_frames(connection, whole.lake, MARCH))
    assert {one.name for one in verdict.warnings} == {
        "no_expected_store_day_is_silent",
        "no_store_is_silent_longer_than_usual",
        "no_store_sent_far_less_than_usual",
    }
    assert not verdict.passed  # for the lake still holds what the deltas do not


def test_events_announced_and_not_there_block(whole: Traded, tmp_path: Path) -> None:
    gone = "where store_id = 'soho' and business_date = '2011-03-08'"
    with whole.copy(tmp_path, f"delete from intermediate.int_sales__deltas {gone}") as connection:
        verdict = judged(control_frames(connection, whole.lake, MARCH))
    assert "every_uploaded_day_has_arrived" in {one.name for one in verdict.blockers}


def test_a_source_that_stopped_before_the_period_ended_is_a_warning(
    whole: Traded, tmp_path: Path
) -> None:
    with whole.copy(
        tmp_path, "delete from main.event_outcomes where ingest_time >= '2011-03-31'"
    ) as connection:
        frame = control_frames(connection, whole.lake, MARCH)["freshness"]
    (till,) = frame[frame["kind"] == "source"].to_dict("records")
    assert (till["name"], till["state"], till["last_heard"]) == ("till", "stale", "2011-03-30")


def test_a_pending_exception_blocks_its_period_and_warns_the_next(pending: Traded) -> None:
    verdict = judged(pending.frames())
    (blocker,) = verdict.blockers
    assert blocker.name == "no_exception_of_the_period_is_pending"
    assert blocker.rows[0]["store_id"] == "leeds"
    april = Period(period_id="2011-04", first_date=MARCH.end_date, end_date=date(2011, 5, 1))
    assert "no_exception_of_an_earlier_period_is_pending" in {
        one.name for one in judged(pending.frames(april)).warnings
    }
    assert judged(pending.frames(FEBRUARY)).passed


def test_a_segment_with_other_events_than_the_deltas_blocks(whole: Traded, tmp_path: Path) -> None:
    """The lake itself is asked: a segment cut short is seen, whatever the marts say."""
    lake = tmp_path / "lake"
    shutil.copytree(whole.lake, lake)
    segment = _segment(whole, "2011-03-08")
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * from read_parquet('{lake / segment}') limit 2)"
            f" to '{tmp_path / 'short.parquet'}' (format parquet)"
        )
    (lake / segment).unlink()
    (tmp_path / "short.parquet").rename(lake / segment)
    with duckdb.connect(str(whole.warehouse), read_only=True) as connection:
        verdict = judged(control_frames(connection, lake, MARCH))
    assert "delta_counts_are_those_of_the_lake" in {one.name for one in verdict.blockers}


def test_a_missing_segment_or_table_is_a_fault_and_no_pass(whole: Traded, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(whole.lake, lake)
    (lake / _segment(whole, "2011-03-08")).unlink()
    with (
        duckdb.connect(str(whole.warehouse), read_only=True) as connection,
        pytest.raises(InternalFault, match="all segments of its lake"),
    ):
        control_frames(connection, lake, MARCH)
    with (
        whole.copy(tmp_path, "drop table main.sales_corrections") as connection,
        pytest.raises(InternalFault, match="sales_corrections"),
    ):
        control_frames(connection, whole.lake, MARCH)


def _segment(traded: Traded, arrived: str) -> str:
    with duckdb.connect(str(traded.warehouse), read_only=True) as connection:
        row = connection.execute(
            "select path from staging.stg_lake__segments"
            f" where family = 'sales' and ingest_time::date = '{arrived}'"
        ).fetchone()
    assert row is not None
    return str(row[0])


def _close_february(verdict: Verdict) -> str:
    """SQL that books February as closed with what its gate stated."""
    payload = json.dumps(
        {
            "period_id": "2011-02",
            "closed_edition": 1,
            "cut_off_commit": 100,
            "controls": [one.as_json() for one in verdict.controls],
        }
    ).replace("'", "''")
    return (
        "insert into staging.stg_control__events by name select commit_seq, ingest_time,"
        " 1000000 as row_index, 'close-2011-02' as event_id, 'PeriodClosed' as event_type,"
        f" ingest_time as event_time, 'ledgerlake' as source, '{payload}' as payload"
        " from staging.stg_lake__commits order by commit_seq desc limit 1"
    )


CHANGES: list[tuple[str, Callable[[str], str], set[str]]] = [
    ("nothing", lambda _: "select 1", set()),
    (
        "a cent more in sales",
        lambda period: f"update main.period_sales set amount = amount + 0.01 where {period}",
        {"closed_amounts_have_not_changed"},
    ),
    (
        "an event more",
        lambda period: f"update main.period_sales set event_count = event_count + 1 where {period}",
        {"closed_counts_have_not_changed"},
    ),
    (
        "its figures gone",
        lambda period: f"delete from main.period_sales where {period}",
        {"closed_amounts_have_not_changed", "closed_counts_have_not_changed"},
    ),
]


@pytest.mark.parametrize(
    ("change", "expected"), [one[1:] for one in CHANGES], ids=[one[0] for one in CHANGES]
)
def test_a_change_of_an_earlier_closed_figure_blocks(
    whole: Traded, tmp_path: Path, change: Callable[[str], str], expected: set[str]
) -> None:
    closing = _close_february(judged(whole.frames(FEBRUARY)))
    damage = change("posting_period = '2011-02' and store_id = 'soho'")
    with whole.copy(tmp_path, closing, damage) as connection:
        frames = control_frames(connection, whole.lake, MARCH)
        verdict = judged(frames)
    assert {one.name for one in verdict.blockers} == expected
    stated = frames["earlier_closes"].set_index(["period_id", "ledger"])
    assert stated.loc[("2011-02", "accounts"), "closed_amount"] == 4 * Decimal("200.26")
    assert stated.loc[("(all)", "(all)"), "closed_count"] == 1


def test_a_close_that_states_no_figures_blocks_the_next(whole: Traded, tmp_path: Path) -> None:
    closing = _close_february(Verdict(passed=True, controls=(), docs_sha256=None, docs_path=None))
    with whole.copy(tmp_path, closing) as connection:
        verdict = judged(control_frames(connection, whole.lake, MARCH))
    assert {one.name for one in verdict.blockers} == {
        "closed_amounts_have_not_changed",
        "closed_counts_have_not_changed",
    }


def test_arrivals_are_those_of_the_lake_up_to_the_cut(whole: Traded) -> None:
    with duckdb.connect(str(whole.warehouse), read_only=True) as connection:
        found, known_at = arrivals(connection, MARCH)
    assert known_at == datetime(2011, 4, 4, 2, tzinfo=UTC)
    leeds = found.filter(store_id="leeds")
    assert leeds["age_hours"].value_counts(sort=True)["age_hours"].to_list()[0] in (1, 2)
    assert leeds.filter(business_date=date(2011, 3, 10))["event_count"].to_list() == [3, 1]
    every, *_ = expected_residual(
        found, first_date=MARCH.first_date, end_date=MARCH.end_date, known_at=known_at
    )
    assert every.known_events == 94 + 27 * 3
    assert every.complete > 0.99
