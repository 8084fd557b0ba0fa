"""Sally's salary, Martin Fowler's worked example: when it was so, and when we came to know it.

The salary is a balance: the first amount, then a raise recorded a month after it took effect.
Source: tests/data/cases.
"""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from tests.models.event_frames import from_rows
from tests.models.warehouse import CREATED, Warehouse, open_warehouse

(CASE,) = json.loads(
    (Path(__file__).parents[1] / "data" / "cases" / "bitemporal_fowler.json").read_text()
)["cases"]

SALARY = "select balance from account_balance_as_of('sally', $actual, $known_as_of)"


def _noon(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(12), UTC)


@pytest.fixture(scope="module")
def payroll(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    made = open_warehouse(tmp_path_factory.mktemp("payroll"))
    made.set_policy(max_delay_days=60, initial_grace_hours=6, at=CREATED + timedelta(days=1))
    first, *later = CASE["facts"]
    raises = [(first, first["salary"])] + [
        (fact, fact["salary"] - before["salary"]) for before, fact in pairwise([first, *later])
    ]
    for fact, amount in raises:
        row = {
            "event_type": "FundsDeposited",
            "event_time": _noon(fact["actual_from"]),
            "account_id": "sally",
            "currency": "USD",
            "amount": amount,
        }
        made.commit(from_rows([row]), _noon(fact["record_date"]), source="payroll")
    made.build()
    return made


def _salary(made: Warehouse, *, actual: str, record: str) -> Decimal:
    """As recorded by the end of the record date."""
    known = datetime.combine(date.fromisoformat(record), time.max, UTC)
    ((found,),) = made.rows(SALARY, actual=date.fromisoformat(actual), known_as_of=known)
    assert isinstance(found, Decimal)
    return found


def test_every_question_has_the_articles_answer(payroll: Warehouse) -> None:
    questions = CASE["queries"]
    assert len(questions) == 6
    answers = [
        _salary(payroll, actual=one["actual_date"], record=one["record_date"]) for one in questions
    ]
    assert answers == [one["expect"] for one in questions]


def test_the_history_as_known_at_last_is_the_articles(payroll: Warehouse) -> None:
    history = CASE["actual_history_as_known_on_2021_03_25"]
    found = [_salary(payroll, actual=day, record="2021-03-25") for day, _ in history]
    assert found == [salary for _, salary in history]


def test_the_raise_is_a_correction_of_a_day_reported_before(payroll: Warehouse) -> None:
    found = payroll.rows(
        "select business_date, is_correction, delta_amount, balance"
        " from account_balance_versions order by commit_seq"
    )
    assert found == [
        (date(2021, 1, 1), False, Decimal(6000), Decimal(6000)),
        (date(2021, 2, 15), True, Decimal(500), Decimal(6500)),
    ]
    assert payroll.rows("select balance from account_balances") == [(Decimal(6500),)]
