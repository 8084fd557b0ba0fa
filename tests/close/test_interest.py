"""Interest of a closed month, put right: booked in the first open one, the closed figures stay.

With all that a close does, four builds in all: a minute, so every night. What is asked and decided
is tried on every change by tests/interest/test_replay.py.
"""

from decimal import Decimal

import pytest

from ledger.control_events import LatenessPolicySet
from orchestration.interest.accrue import accrue
from orchestration.interest.apply import apply
from orchestration.interest.plan import Asking, plan
from tests.close.conftest import FEBRUARY, JANUARY, Copy
from tests.close.house import House

BOOKED = """
select posting_period, charge_class, amount from intermediate.int_accounts__postings
where currency = 'EUR' and charge_class = 'correction'
"""
JANUARY_BOOKS = f"""
select opening_balance, original_movement, correction_movement, closing_balance
from balance_rollforward where posting_period = '{JANUARY}'
"""


def _closed_with_interest(made: House) -> House:
    """January was accrued by v1 in the time that its source has, then closed."""
    made.record(
        LatenessPolicySet(
            source="interest",
            period_id=None,
            effective_from=None,
            initial_grace_hours=6,
            max_delay_days=30,
            amount_cap=None,
            soft_close_sources=(),
        )
    )
    done = accrue(made.settings, JANUARY, "v1", when=made.when)
    assert done.posted
    assert done.goes_to_people is None
    made.build()
    made.close(JANUARY)
    return made


@pytest.mark.nightly
def test_a_correction_of_a_closed_month_is_a_prior_period_adjustment(
    house: Copy,
) -> None:
    bank = _closed_with_interest(house("open"))
    books, kept = bank.read(JANUARY_BOOKS), bank.closed_bytes()
    asking = Asking(signer=bank.signer("ana"), reason="rate change missed")
    made = plan(bank.settings, JANUARY, before="v1", after="v2", asking=asking, when=bank.when)
    assert made.token is not None
    assert made.plan.goes_to_people == "period_closed"
    assert made.plan.decides == made.plan.corrections > 0
    done = apply(bank.settings, made.token, signer=bank.signer("ben"), when=bank.when)
    assert done.posted == done.decided == made.plan.corrections
    bank.build()
    bank.publish()
    delta = Decimal(made.plan.sums[0]["delta"])
    assert bank.read(BOOKED) == [(FEBRUARY, "correction", delta)]
    assert bank.read(JANUARY_BOOKS) == books
    assert bank.closed_bytes() == kept
    waited = "select distinct status, exception_reason, posting_period from late_event_exceptions"
    assert bank.read(waited) == [("next_period", "period_closed", FEBRUARY)]
    again = plan(bank.settings, JANUARY, before="v1", after="v2", when=bank.when)
    assert again.plan.affected == 0
