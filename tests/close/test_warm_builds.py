"""A process that has built before leaves out what stands, and never trusts what others wrote."""

from orchestration.build import Builder, Built
from tests.close.conftest import Copy
from tests.close.house import PROJECT
from tests.models.warehouse import parsed_project

ONE_OF_A_WHOLE_CHECK = "one_row_per_int_sales__deltas"
ONE_OF_A_TICK = "assert_accepted_equals_sum_of_routes"
VIEW, TABLE = "accounting_periods", "daily_sales"


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

    shop.tamper("comment on table main.daily_sales is 'somebody was here'")
    tick = builder.build(unit_tests=False)
    assert _ran(tick, VIEW) and not _ran(tick, ONE_OF_A_WHOLE_CHECK)
    builder.check_everything()
    whole = builder.build(unit_tests=False)
    assert _ran(whole, VIEW) and _ran(whole, ONE_OF_A_WHOLE_CHECK)
