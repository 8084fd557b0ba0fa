"""Corrections of a closed month follow FOCUS in the warehouse's rows: each rule by its name.

One house: February closed, then of four late sales one decided into the next period, one into it
and undone, one rejected, and one restated. Each sale has a store of its own, so that a row of
deltas is a row of charges; the rules are those of `ledger.corrections`, which knows no SQL.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from ledger.corrections import Charge, violations
from tests.models.closing import FEBRUARY, MARCH, Shop, open_shop

MODELS = ("+period_sales", "+late_event_exceptions", "+int_periods__versions")
CLOSED, OPEN = "2025-02", "2025-03"

CHARGES = """
    select store_id, commit_seq, posting_period, charge_period,
        coalesce(charge_class, 'original'), deltas.amount,
        case route when 'restated' then state = 'Reopened' else coalesce(state, 'Open') = 'Open' end
    from intermediate.int_sales__deltas as deltas
    left join period_sales using (posting_period, charge_period, store_id)
    left join intermediate.int_periods__versions as periods
        on posting_period = period_id and commit_seq >= commit_from
        and (commit_to is null or commit_seq < commit_to)
    where posting_period is not null
    order by commit_seq, store_id, is_reversal desc
"""


@dataclass(frozen=True)
class Seen:
    """What the warehouse held after a build: all charges, and the books of the closed month."""

    charges: tuple[Charge, ...]
    closed: list[tuple[object, ...]]

    @classmethod
    def of(cls, shop: Shop) -> "Seen":
        charges = (
            Charge(
                event_id=str(event_id),
                commit_seq=int(str(commit)),
                billing_period=str(billing),
                charge_period=str(charged),
                charge_class="correction" if kind == "correction" else "original",
                amount=Decimal(str(amount)),
                is_open=bool(is_open),
            )
            for event_id, commit, billing, charged, kind, amount, is_open in shop.rows(CHARGES)
        )
        query = f"select * from period_sales where posting_period = '{CLOSED}' order by all"
        return cls(tuple(charges), shop.rows(query))


@dataclass(frozen=True)
class Prepared:
    shop: Shop
    closed: Seen
    decided: Seen
    restated: Seen

    @property
    def rows(self) -> dict[str, list[Charge]]:
        """The last charges, by store."""
        found: dict[str, list[Charge]] = {}
        for one in self.restated.charges:
            found.setdefault(one.event_id, []).append(one)
        return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    shop = open_shop(tmp_path_factory.mktemp("focus"))
    office = shop.office

    def seen() -> Seen:
        shop.made.build(select=MODELS)
        return Seen.of(shop)

    shop.at(FEBRUARY).sell(FEBRUARY, 100, store="kept")
    shop.at(MARCH).sell(MARCH, 7, store="of march")
    office.close(CLOSED)
    closed = seen()
    late = {
        store: shop.sell(FEBRUARY, amount, store=store)
        for store, amount in (("next", 20), ("undone", 40), ("rejected", 50), ("restated", 30))
    }
    office.decide([late["next"], late["undone"]], "next_period", OPEN)
    office.decide([late["rejected"]], "rejected", None)
    decided = seen()
    office.decide([late["undone"]], "pending", None)
    office.reopen(CLOSED)
    office.decide([late["restated"]], "restated", CLOSED)
    office.close(CLOSED, edition=2)
    return Prepared(shop, closed, decided, seen())


def test_correction_is_a_new_row_and_replaces_none(house: Prepared) -> None:
    before, between, after = (one.charges for one in (house.closed, house.decided, house.restated))
    assert between[: len(before)] == before
    assert after[: len(between)] == between
    assert [len(before), len(between), len(after)] == [2, 4, 6]


def test_correction_has_class_correction_and_what_came_in_time_has_not(house: Prepared) -> None:
    classes = {store: {one.charge_class for one in rows} for store, rows in house.rows.items()}
    assert classes == {
        "kept": {"original"},
        "of march": {"original"},
        "next": {"correction"},
        "undone": {"correction"},
        "restated": {"correction"},
    }


def test_correction_is_booked_in_a_period_that_is_open(house: Prepared) -> None:
    assert all(one.is_open for one in house.restated.charges)
    booked = {store: {one.billing_period for one in rows} for store, rows in house.rows.items()}
    assert (booked["next"], booked["undone"], booked["restated"]) == ({OPEN}, {OPEN}, {CLOSED})


def test_charge_period_stays_the_original(house: Prepared) -> None:
    charged = {one.charge_period for one in house.restated.charges if one.event_id != "of march"}
    assert charged == {CLOSED}


def test_nothing_is_counted_twice_and_what_is_rejected_or_undone_is_not_at_all(
    house: Prepared,
) -> None:
    sums = {
        store: sum((one.amount for one in rows), Decimal()) for store, rows in house.rows.items()
    }
    wanted = {"kept": 100, "of march": 7, "next": 20, "undone": 0, "restated": 30}
    assert sums == wanted
    by_period = house.shop.rows("select store_id, sum(amount) from period_sales group by all")
    assert dict(by_period) == wanted  # type: ignore[arg-type]


def test_rows_of_the_closed_period_stay_and_a_restatement_adds_to_them(house: Prepared) -> None:
    assert house.closed.closed == house.decided.closed
    assert [row for row in house.restated.closed if "original" in row] == house.closed.closed
    assert len(house.restated.closed) == len(house.closed.closed) + 1


def test_every_build_obeys_the_rules_of_the_books(house: Prepared) -> None:
    builds = ([], house.closed.charges, house.decided.charges, house.restated.charges)
    for before, after in pairwise(builds):
        assert list(violations(before, after)) == []


DAMAGE = {
    "earlier_charges_must_not_be_replaced": """
        update intermediate.int_sales__deltas set amount = amount + 20 where store_id = 'kept'
    """,
    "correction_must_be_booked_in_an_open_period": """
        update intermediate.int_sales__deltas
        set commit_seq = (select max(commit_seq) from staging.stg_lake__commits)
        where store_id = 'restated' and route = 'restated'
    """,
    "charge_of_another_period_must_be_a_correction": """
        update period_sales set charge_class = 'original' where store_id = 'next'
    """,
    "charge_period_must_stay_the_original": """
        update intermediate.int_sales__deltas set charge_period = posting_period
        where store_id = 'undone' and is_reversal
    """,
    "charge_must_be_counted_once_or_not_at_all": """
        insert into intermediate.int_sales__deltas
        select * from intermediate.int_sales__deltas where store_id = 'next'
    """,
}


@pytest.fixture
def damaged(house: Prepared, tmp_path: Path) -> Iterator[Prepared]:
    """The same house, its warehouse put back as it was when the test is over."""
    warehouse = house.shop.made.home.warehouse
    shutil.copyfile(warehouse, tmp_path / "warehouse.duckdb")
    yield house
    shutil.copyfile(tmp_path / "warehouse.duckdb", warehouse)


@pytest.mark.parametrize("rule", DAMAGE)
def test_rows_that_break_a_rule_are_named_by_it(damaged: Prepared, rule: str) -> None:
    with duckdb.connect(str(damaged.shop.made.home.warehouse)) as warehouse:
        warehouse.execute(DAMAGE[rule])
    found = Seen.of(damaged.shop).charges
    assert list(violations(damaged.closed.charges, found)) == [rule]
