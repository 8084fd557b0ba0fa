"""Back-dated commands obey what the books would do with them: periods, windows, caps."""

from decimal import Decimal

from ledger import control_events as ev
from ledger.accounts import ACCOUNTS, Deposit, Moment, moment_of
from tests.accounts.acts import D, deposited, opened
from tests.control.office import DAY_US, NOW_US
from tests.ledger.paper_office import PaperOffice
from tests.scenario import given

MARCH = "2011-03"


def office() -> PaperOffice:
    made = PaperOffice().open_for_business()
    made.record(
        ev.LatenessPolicySet(
            max_delay_days=5,
            initial_grace_hours=6,
            amount_cap=Decimal(100),
            soft_close_sources=("journal",),
        )
    )
    return made


def moment(made: PaperOffice, days_ago: int, amount: int = 1) -> Moment:
    return moment_of(
        made.books, now_us=NOW_US, event_time_us=NOW_US - days_ago * DAY_US, amount=D(amount)
    )


def test_the_books_say_why_they_would_not_book_a_command() -> None:
    made = office()
    assert moment(made, 1) == Moment(
        now_us=NOW_US, event_time_us=NOW_US - DAY_US, period_id=MARCH, exception=None
    )
    assert moment(made, 15).exception == "too_late"
    assert moment(made, 1, amount=101).exception == "over_amount_cap"
    made.record(ev.PeriodSoftClosed(period_id=MARCH, sealed=False, reason=""))
    assert moment(made, 1).exception is None, "commands are a source a policy can name"
    made.close(MARCH)
    assert moment(made, 1).exception == "period_closed"


def test_a_deposit_is_not_dated_into_a_closed_period() -> None:
    made = office()
    account = given(ACCOUNTS, opened(event_time_us=0))
    at = moment(made, 1)
    account.when(Deposit(at=at, amount=D(5))).then(deposited(5, event_time_us=NOW_US - DAY_US))
    made.close(MARCH)
    account.when(Deposit(at=moment(made, 1), amount=D(5))).then_rejected(
        "posting_date_must_be_in_an_open_period", found="period 2011-03: period_closed"
    )
