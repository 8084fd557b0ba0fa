"""Interest of a closed month, put right: booked in the first open one, the closed figures stay."""

from decimal import Decimal
from pathlib import Path

from orchestration.interest.accrue import accrue
from orchestration.interest.apply import apply
from orchestration.interest.plan import Asking, plan
from tests.close.conftest import FEBRUARY, JANUARY
from tests.close.house import House, day

BOOKED = """
select posting_period, charge_class, amount from intermediate.int_accounts__postings
where currency = 'EUR' and charge_class = 'correction'
"""
JANUARY_BOOKS = f"""
select opening_balance, original_movement, correction_movement, closing_balance
from balance_rollforward where posting_period = '{JANUARY}'
"""


def _closed_with_interest(root: Path) -> House:
    """January was accrued by v1 in time, then closed."""
    made = House(root).open()
    made.trade(day(1, 1), 31, a_day=3)
    made.build()
    made.publish()
    done = accrue(made.settings, JANUARY, "v1", when=made.when)
    assert done.posted
    assert done.goes_to_people is None
    made.trade(day(2, 1), 8, a_day=3)
    made.build()
    made.publish()
    made.close(JANUARY)
    return made


def test_a_correction_of_a_closed_month_is_a_prior_period_adjustment(tmp_path: Path) -> None:
    house = _closed_with_interest(tmp_path / "home")
    books, kept = house.read(JANUARY_BOOKS), house.closed_bytes()
    asking = Asking(signer=house.signer("ana"), reason="rate change missed")
    made = plan(house.settings, JANUARY, before="v1", after="v2", asking=asking, when=house.when)
    assert made.token is not None
    assert made.plan.goes_to_people == "period_closed"
    assert made.plan.decides == made.plan.corrections > 0
    done = apply(house.settings, made.token, signer=house.signer("ben"), when=house.when)
    assert done.posted == done.decided == made.plan.corrections
    house.build()
    house.publish()
    delta = Decimal(made.plan.sums[0]["delta"])
    assert house.read(BOOKED) == [(FEBRUARY, "correction", delta)]
    assert house.read(JANUARY_BOOKS) == books
    assert house.closed_bytes() == kept
    waited = "select distinct status, exception_reason, posting_period from late_event_exceptions"
    assert house.read(waited) == [("next_period", "period_closed", FEBRUARY)]
    again = plan(house.settings, JANUARY, before="v1", after="v2", when=house.when)
    assert again.plan.affected == 0
