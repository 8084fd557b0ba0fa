"""dbt's own tests: all pass on a rich history, and each law's test fails where the law is broken.

The history ends with a close, and late events decided in every way. The damage is done to the
warehouse behind dbt's back, one law at a time.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.control.office import Clock
from tests.models.closing import WarehouseOffice
from tests.models.event_frames import instant
from tests.models.histories import RICH_HISTORY, Expected, replay
from tests.models.warehouse import PROJECT, Warehouse, microseconds, open_warehouse

APRIL = instant("2025-04-02T00:00:00+00:00")
"""After all of the history, which goes to 30 March."""

LATE_SALES = """
    select event_id from late_event_exceptions
    where event_type in ('SaleRecorded', 'SaleRefunded') and amount > 0 order by row_index
"""
LATE_MOVES = """
    select event_id from late_event_exceptions
    where event_type in ('FundsDeposited', 'FundsWithdrawn') and amount > 0 order by row_index
"""

DAMAGE = {
    "assert_accepted_equals_sum_of_routes": """
        update event_outcomes set event_count = event_count + 1
        where commit_seq = 1 and event_type = 'SaleRecorded' and route = 'exception'
    """,
    "assert_balances_are_sums_of_movements": """
        update account_balances set balance = balance + 0.0001 where account_id = 'anna'
    """,
    "assert_balances_roll_forward": """
        update intermediate.int_accounts__postings set amount = amount + 0.0001
        where posting_period = '2025-03' and charge_class = 'original'
    """,
    "assert_commits_follow_each_other": """
        delete from staging.stg_lake__commits where commit_seq = 2
    """,
    "assert_corrections_are_gap_free": """
        update sales_corrections set correction_seq = 1_000_000 where correction_seq = 3
    """,
    "assert_corrections_carry_on_from_each_other": """
        update sales_corrections set amount_before = amount_before + 1 where correction_seq = 3
    """,
    "assert_daily_sales_are_sums_of_deltas": """
        update daily_sales set quantity = quantity + 1, reported_quantity = reported_quantity + 1
        where (store_id, business_date) = (select min((store_id, business_date)) from daily_sales)
    """,
    "assert_decisions_agree_with_deltas": """
        update intermediate.int_sales__deltas set posting_period = '2025-05'
        where route = 'next_period' and not is_reversal
    """,
    "assert_every_event_has_one_outcome": """
        update late_event_exceptions set status = 'next_period' where status = 'rejected'
    """,
    "assert_exceptions_agree_with_deltas": """
        delete from late_event_exceptions
        where row_index = (select max(row_index) from late_event_exceptions)
    """,
    "assert_last_version_is_daily_sales": """
        delete from intermediate.int_sales__versions where commit_seq = 5
    """,
    "assert_period_sales_add_up_to_daily_sales": """
        update period_sales set quantity = quantity + 1
        where (store_id, category) = (select min((store_id, category)) from period_sales)
    """,
    "assert_real_time_sales_hold_every_event": """
        delete from real_time_sales
        where last_commit_seq = (select max(last_commit_seq) from real_time_sales)
    """,
    "assert_received_equals_sum_of_outcomes": """
        delete from event_outcomes where outcome = 'quarantined'
    """,
    "assert_reported_plus_corrections_is_current": """
        update daily_sales set is_adjusted = not is_adjusted
        where (store_id, business_date) = (select min((store_id, business_date)) from daily_sales)
    """,
    "assert_versions_are_running_totals": """
        update intermediate.int_sales__versions set event_count = event_count + 1
        where commit_seq = 2
    """,
}

_ROLLED_OTHERWISE = """
    alter view balance_rollforward rename to as_rolled;
    create view balance_rollforward as select * replace ({}) from as_rolled
"""

OTHER_DAMAGE = (
    (
        "assert_balances_roll_forward",
        _ROLLED_OTHERWISE.format("original_movement + 1 as original_movement"),
    ),
    (
        "assert_balances_roll_forward",
        _ROLLED_OTHERWISE.format(
            "opening_balance + 1 as opening_balance, original_movement - 1 as original_movement"
        ),
    ),
    (
        "assert_balances_roll_forward",
        "update account_balances set balance = balance + 0.0001 where account_id = 'anna'",
    ),
    (
        "assert_decisions_agree_with_deltas",
        "delete from intermediate.int_accounts__deltas where route = 'restated'",
    ),
    (
        "assert_decisions_agree_with_deltas",
        "delete from intermediate.int_sales__deltas where is_reversal",
    ),
    (
        "assert_decisions_agree_with_deltas",
        "update late_event_exceptions set status = 'pending' where status = 'rejected'",
    ),
    (
        "assert_decisions_agree_with_deltas",
        "insert into intermediate.int_sales__deltas"
        " select * replace ('restated' as route) from intermediate.int_sales__deltas"
        " where route = 'exception' limit 1",
    ),
    (
        "assert_every_event_has_one_outcome",
        "delete from late_event_exceptions where status = 'pending'",
    ),
    (
        "assert_every_event_has_one_outcome",
        "insert into late_event_exceptions select * replace ('pending' as status)"
        " from late_event_exceptions where status = 'rejected'",
    ),
    (
        "assert_every_event_has_one_outcome",
        "update intermediate.int_accounts__deltas set event_count = event_count + 1"
        " where route = 'in_window' and commit_seq = 1",
    ),
    (
        "assert_period_sales_add_up_to_daily_sales",
        "delete from daily_sales where store_id = (select min(store_id) from daily_sales)",
    ),
)
"""More ways to break the laws of the close: each part of such a test fails by itself."""

CALENDAR = """
    insert into staging.stg_control__events (commit_seq, row_index, event_type, payload)
    values (1, 0, 'CalendarDefined', '{"calendar_version": 1, "kind": "table", "periods": [
        {"period_id": "FY2025-P03", "first_date": "2025-03-01", "end_date": "2025-04-05"}]}')
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The rich history, built in steps; the last one runs every model and test."""
    clock = Clock(microseconds(APRIL))
    made = open_warehouse(tmp_path_factory.mktemp("rich"), now=clock)
    for arrival in replay(RICH_HISTORY, made, Expected()):
        if arrival.build:
            made.build(select=arrival.build)
    made.build(select=("+late_event_exceptions",))
    _decide_in_every_way(made, clock)
    made.build(command="build", select=("*",))
    return made


def _decide_in_every_way(made: Warehouse, clock: Clock) -> None:
    """March is closed and reopened; two late events, a sale and a movement, go each way."""
    office = WarehouseOffice(made, clock).open_for_business()
    pairs = [
        [str(sale), str(move)]
        for (sale,), (move,) in zip(made.rows(LATE_SALES), made.rows(LATE_MOVES), strict=False)
    ]
    office.close("2025-03")
    office.decide(pairs[0], "next_period", "2025-04")
    office.decide(pairs[1], "next_period", "2025-04")
    office.decide(pairs[2], "rejected", None)
    office.decide(pairs[1], "pending", None)
    office.reopen("2025-03")
    office.decide(pairs[3], "restated", "2025-03")


@pytest.fixture
def damaged(built: Warehouse, tmp_path: Path) -> Iterator[Warehouse]:
    """The same warehouse, put back as it was when the test is over."""
    copy = tmp_path / "warehouse.duckdb"
    shutil.copyfile(built.home.warehouse, copy)
    yield built
    shutil.copyfile(copy, built.home.warehouse)


def _execute(damaged: Warehouse, statement: str) -> None:
    with duckdb.connect(str(damaged.home.warehouse)) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        assert warehouse.execute(statement).fetchall() != [(0,)], "nothing there to break"


def test_every_test_passes_on_a_history_with_something_of_everything(built: Warehouse) -> None:
    ((sales, corrections, late_types, balances, duplicates, rejects),) = built.rows(
        """
        select (select count(*) from daily_sales), (select count(*) from sales_corrections),
            (select count(distinct event_type) from late_event_exceptions),
            (select count(*) from account_balances),
            (select sum(event_count) from event_outcomes where outcome = 'duplicate'),
            (select sum(event_count) from event_outcomes where outcome = 'quarantined')
        """
    )
    assert all((sales, corrections, balances, duplicates, rejects))
    assert late_types == 6, "sales, refunds and four kinds of movement"
    decided = built.rows("select status, count(*) from late_event_exceptions group by all")
    found = {str(status): count for status, count in decided}
    assert found.pop("pending") > 2  # type: ignore[operator]
    assert found == {"next_period": 2, "rejected": 2, "restated": 2}


def test_every_law_among_dbts_tests_has_a_damage_here() -> None:
    written = {file.stem for file in (PROJECT / "dbt_project" / "tests").glob("*.sql")}
    assert written == set(DAMAGE), "say in DAMAGE how to break the new law"


@pytest.mark.parametrize(
    ("law", "damage"),
    [pytest.param(*one, id=one[0]) for one in (*DAMAGE.items(), *OTHER_DAMAGE)],
)
def test_a_broken_law_fails_its_test(damaged: Warehouse, law: str, damage: str) -> None:
    _execute(damaged, damage)
    assert damaged.failing_tests(law) == [law]


def test_books_add_up_to_days_by_month_and_with_a_calendar_in_all(damaged: Warehouse) -> None:
    law = "assert_period_sales_add_up_to_daily_sales"
    _execute(damaged, "update period_sales set charge_period = 'FY2025-P03' where quantity > 0")
    assert damaged.failing_tests(law) == [law]
    _execute(damaged, CALENDAR)
    assert damaged.failing_tests(law) == []
    _execute(damaged, DAMAGE[law])
    assert damaged.failing_tests(law) == [law]


def test_a_live_view_that_says_more_than_its_mart_fails_its_test(damaged: Warehouse) -> None:
    """A tail behind the build stands for any difference: in a build there is none."""
    assert damaged.failing_tests("test_name:same_rows_as") == []
    _execute(
        damaged,
        """
        insert into live.tail_commits values (99, timestamptz '2025-04-11 00:00:00Z', [], false);
        insert into live.tail_found_sales
            (commit_seq, event_type, event_time, store_id, currency, amount)
        values (99, 'SaleRecorded', timestamptz '2025-04-10 00:00:00Z', 'harbour', 'EUR', 1)
        """,
    )
    assert damaged.failing_tests("test_name:same_rows_as") == [
        "live_daily_sales_without_a_tail_is_the_mart",
        "live_real_time_sales_without_a_tail_is_the_mart",
    ]
