"""Accruing: every account that earns, once, at the balances of its own days."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ledger.errors import IncorrectInput
from orchestration.interest.accrue import accrue
from orchestration.interest.explain import explain
from tests.interest.bank import Bank
from tests.interest.conftest import JANUARY

FIRST_OF_JANUARY_LATE = date(2026, 1, 1)


def test_each_account_and_currency_gets_one_accrual_on_the_last_day(bank: Bank) -> None:
    done = accrue(bank.settings, "2026-01", "v2", when=bank.when)
    events = bank.events("InterestAccrued")
    assert (done.posted, done.posted_before, done.without_rates) == (4, 0, 1)
    assert sorted((one["account_id"], one["currency"]) for one in events) == [
        ("debtor", "EUR"),
        ("poor", "EUR"),
        ("poor", "JPY"),
        ("rich", "EUR"),
    ]
    assert {one["event_time"] for one in events} == {
        datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)
    }
    sums = bank.sums("InterestAccrued")
    assert sums["poor", "JPY"] == 129  # yen have no decimals
    assert sums["debtor", "EUR"] == Decimal("-0.78")  # an overdraft is charged
    assert sums["rich", "EUR"] == Decimal("19.94")


def test_a_second_run_posts_nothing(accrued: Bank) -> None:
    before = accrued.events("InterestAccrued")
    again = accrue(accrued.settings, "2026-01", "v1", when=accrued.when)
    assert (again.posted, again.posted_before, again.last_commit) == (0, 4, None)
    assert accrued.events("InterestAccrued") == before


def test_an_account_that_became_known_since_gets_its_own_only(accrued: Bank) -> None:
    accrued.move(("late", "EUR", JANUARY, "10000"))
    accrued.publish()
    again = accrue(accrued.settings, "2026-01", "v1", when=accrued.when)
    assert (again.posted, again.posted_before) == (1, 4)
    assert len(accrued.events("InterestAccrued")) == len(accrued.sums("InterestAccrued")) == 5


def test_a_deposit_dated_back_earns_from_the_day_after_it(bank: Bank) -> None:
    bank.move(("rich", "EUR", FIRST_OF_JANUARY_LATE, "3650"))
    bank.publish()
    accrue(bank.settings, "2026-01", "v1", when=bank.when)
    # 31 days of 12,000 and 30 of 3,650 at 1.75 %.
    assert bank.sums("InterestAccrued")["rich", "EUR"] == Decimal("23.09")


def test_interest_of_a_month_earns_in_the_next(bank: Bank) -> None:
    accrue(bank.settings, "2026-01", "v2", when=bank.when)
    bank.clock = datetime(2026, 3, 1, 3, tzinfo=UTC)
    bank.publish()
    found = explain(bank.settings, "2026-02", "rich", ["v2"])
    assert {one["balance"] for one in found.days} == {Decimal("12019.94")}
    assert {one["balance"] for one in explain(bank.settings, "2026-01", "rich", ["v2"]).days} == {
        Decimal(12000)
    }


def test_one_account_is_explained_day_by_day_by_the_other_engine(accrued: Bank) -> None:
    found = explain(accrued.settings, "2026-01", "poor", ["v1", "v2"])
    by_currency = {one["currency"]: one for one in found.totals}
    for currency in ("EUR", "JPY"):
        posted = accrued.sums("InterestAccrued")["poor", currency]
        assert by_currency[currency]["amount_v1"] == posted
        assert by_currency[currency]["posted_amount"] == posted
    assert len(found.days) == 62
    with pytest.raises(IncorrectInput) as refused:
        explain(accrued.settings, "2026-01", "nobody", ["v1"])
    assert refused.value.rule == "account_must_have_a_balance"


def test_balances_that_the_edition_does_not_know_are_not_left_out(bank: Bank) -> None:
    bank.move(("rich", "EUR", JANUARY, "1"))
    with pytest.raises(IncorrectInput) as refused:
        accrue(bank.settings, "2026-01", "v1", when=bank.when)
    assert refused.value.rule == "edition_must_know_all_movements"
    assert not bank.events("InterestAccrued")


def test_a_month_that_still_runs_is_refused(bank: Bank) -> None:
    with pytest.raises(IncorrectInput) as refused:
        accrue(bank.settings, "2026-02", "v1", when=bank.when)
    assert refused.value.rule == "period_must_be_over"


def test_another_algorithm_needs_a_replay(accrued: Bank) -> None:
    with pytest.raises(IncorrectInput, match="replay interest --from v1 --to v2") as refused:
        accrue(accrued.settings, "2026-01", "v2", when=accrued.when)
    assert refused.value.rule == "period_must_be_accrued_by_one_algorithm"


def test_who_comes_after_the_window_is_told_that_people_must_decide(bank: Bank) -> None:
    bank.clock = datetime(2026, 2, 20, tzinfo=UTC)
    assert accrue(bank.settings, "2026-01", "v1", when=bank.when).goes_to_people == "too_late"


def test_a_closed_month_is_not_accrued(bank: Bank) -> None:
    bank.close("2026-01")
    with pytest.raises(IncorrectInput, match="2026-01 Closed") as refused:
        accrue(bank.settings, "2026-01", "v1", when=bank.when)
    assert refused.value.rule == "posting_date_must_be_in_an_open_period"
