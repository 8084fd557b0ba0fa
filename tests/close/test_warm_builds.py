"""A process that has built before leaves out what stands, and never trusts what others wrote."""

from orchestration.build import Builder, Built
from tests.close.conftest import JANUARY, Copy
from tests.close.house import PROJECT, House
from tests.models.warehouse import parsed_project

ONE_OF_A_WHOLE_CHECK = "one_row_per_int_sales__deltas"
ONE_OF_A_TICK = "assert_accepted_equals_sum_of_routes"
VIEW, TABLE, CONTROL = "accounting_periods", "daily_sales", "stg_control__events"


def _ran(built: Built, name: str) -> bool:
    return any(one.name.startswith(name) for one in built.nodes)


def test_a_warm_build_leaves_out_what_stands_until_somebody_else_writes(house: Copy) -> None:
    shop = house("open")
    builder = Builder(shop.settings, project=PROJECT, manifest=parsed_project())
    first = builder.build(unit_tests=False)
    assert all(_ran(first, name) for name in (VIEW, TABLE, ONE_OF_A_TICK, ONE_OF_A_WHOLE_CHECK))
    builder.check_everything()
    shop.late(shop.clock)
    warm = builder.build(unit_tests=False)
    assert (warm.outcome, warm.commit_seq) == ("passed", (first.commit_seq or 0) + 1)
    assert _ran(warm, TABLE) and _ran(warm, ONE_OF_A_TICK)
    assert not _ran(warm, VIEW) and not _ran(warm, ONE_OF_A_WHOLE_CHECK)
    shop.publish()
    assert shop.read("select sum(event_count) from daily_sales") == [(shop.sold,)]

    shop.soft_close(JANUARY)
    moves_no_figure = builder.build(unit_tests=False)
    assert _ran(moves_no_figure, CONTROL) and _ran(moves_no_figure, ONE_OF_A_TICK)
    assert not _ran(moves_no_figure, TABLE) and not _ran(moves_no_figure, VIEW)
    shop.publish()
    state = f"select state from accounting_periods where period_id = '{JANUARY}'"
    assert shop.read(state) == [("SoftClosed",)]
    left_out = _tables(shop)

    shop.tamper("comment on table main.daily_sales is 'somebody was here'")
    tick = builder.build(unit_tests=False)
    assert _ran(tick, VIEW) and _ran(tick, TABLE) and not _ran(tick, ONE_OF_A_WHOLE_CHECK)
    assert _tables(shop) == left_out, "what was left out would have stayed as it was"
    builder.check_everything()
    whole = builder.build(unit_tests=False)
    assert _ran(whole, VIEW) and _ran(whole, ONE_OF_A_WHOLE_CHECK)


def test_publishing_is_no_change_of_the_warehouse(house: Copy) -> None:
    shop = house("open")
    builder = Builder(shop.settings, project=PROJECT, manifest=parsed_project())
    made_anew = builder.build(full_refresh=True, unit_tests=False)
    assert _ran(made_anew, ONE_OF_A_WHOLE_CHECK)
    shop.publish()
    builder.check_everything()
    assert not _ran(builder.build(unit_tests=False), ONE_OF_A_WHOLE_CHECK)


def _tables(shop: House) -> dict[str, list[tuple[object, ...]]]:
    names = "select schema_name || '.' || table_name from duckdb_tables() where not internal"
    return {
        str(name): shop.warehouse(f"select * from {name} order by all")
        for (name,) in shop.warehouse(names)
    }
