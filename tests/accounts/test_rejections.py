"""What every rejection of accounts says, word for word: people act on these texts."""

from dataclasses import replace

import pytest

from ledger.accounts import (
    ACCOUNTS,
    AccountCommand,
    AccountEvent,
    ApplyCorrection,
    Capture,
    CloseAccount,
    Deposit,
    InterestAccrued,
    OpenAccount,
    Refund,
    Release,
    Reserve,
    Withdraw,
)
from ledger.business_days import DAY_US
from ledger.deciding import Rejection
from tests.accounts.acts import (
    AT,
    NOW_US,
    D,
    ask,
    captured,
    closed,
    deposited,
    money,
    opened,
    reserved,
)
from tests.scenario import given

BOTH = (opened(currency=None), reserved(1), deposited(1, currency="USD"))
HELD = (opened(), deposited(10), reserved("2.50"))
FULL = (opened(), deposited("99999999999999.99"))
PEOPLE = "Date it into an open period, or bring it as a file: people decide on what is late."


def dated(**values: object) -> Deposit:
    return replace(ask(Deposit, 1), at=replace(AT, **values))


SAID: list[tuple[tuple[AccountEvent, ...], AccountCommand, str]] = [
    (
        (opened(),),
        ask(OpenAccount, currency="EUR"),
        "account A1: expected an account nobody opened, found one that is open.",
    ),
    (
        (),
        ask(OpenAccount, currency="eur"),
        "account A1: expected a code of ISO 4217 such as EUR, in capitals, found eur.",
    ),
    (
        (),
        ask(OpenAccount, currency="DEM"),
        "account A1: expected a currency in use, found DEM, withdrawn or no money.",
    ),
    (
        (),
        ask(OpenAccount, currency="EUR", overdraft_limit=D(-1)),
        "account A1: expected 0 or more, found -1.",
    ),
    (
        (),
        ask(OpenAccount, currency="EUR", overdraft_limit=D("0.001")),
        "overdraft_limit: expected at most 2 decimals, as EUR has, found 0.001.",
    ),
    (
        (),
        ask(Deposit, 1),
        "account A1: expected an open account, found no such account."
        " `ledgerlake account open A1` opens it.",
    ),
    (
        (opened(), closed()),
        ask(Deposit, 1),
        "account A1: expected an open account, found a closed one.",
    ),
    (
        (opened(currency=None),),
        ask(Deposit, 1),
        "account A1: expected a currency, as the account was opened without one, found none.",
    ),
    ((opened(),), ask(Deposit, 1, currency="USD"), "account A1: expected EUR, found USD."),
    (
        (opened(currency=None),),
        ask(Deposit, 1, currency="eu"),
        "account A1: expected a code of ISO 4217 such as EUR, in capitals, found eu.",
    ),
    ((opened(),), ask(Deposit, 0), "account A1: expected more than 0, found 0."),
    ((opened(),), ask(Deposit, "NaN"), "amount: expected a number, found NaN."),
    ((opened(),), ask(Deposit, "1E14"), "amount: expected below 10 to the 14th, found 1E+14."),
    (
        (opened(),),
        ask(Deposit, "0.001"),
        "amount: expected at most 2 decimals, as EUR has, found 0.001.",
    ),
    (
        FULL,
        ask(Deposit, "0.01"),
        "account A1: expected a balance below 10 to the 14th, found 100000000000000.00.",
    ),
    ((opened(),), ask(Withdraw, 9), "account A1: expected at most 0.00, found 9."),
    (
        HELD,
        ask(Withdraw, 9),
        "account A1: expected at most 7.50, found 9. Of a balance of 10.00, 2.50 is held.",
    ),
    (
        (opened(event_time_us=0), deposited(5)),
        ask(Withdraw, 3, at=replace(AT, event_time_us=NOW_US - DAY_US)),
        "account A1: expected at most 0.00, available at the end of 2025-12-31, found 3."
        " Date it after 2025-12-31.",
    ),
    (
        HELD,
        ask(Reserve, 1, hold_id=""),
        "hold_id: expected 1 to 512 bytes, found 0.",
    ),
    (
        HELD,
        ask(Reserve, 1, hold_id="h1"),
        "hold h1 of account A1: expected an id not in use, found one that is held.",
    ),
    (
        HELD,
        ask(Capture, 3, hold_id="h1"),
        "hold h1 of account A1: expected at most 2.50, found 3.",
    ),
    (
        HELD,
        ask(Release, hold_id="h2"),
        "hold h2 of account A1: expected an open hold, found no such hold.",
    ),
    (
        (*HELD, captured("2.50")),
        ask(Release, hold_id="h1"),
        "hold h1 of account A1: expected an open hold, found one that was captured.",
    ),
    (BOTH, ask(Release, hold_id="h1"), "account A1: expected one currency, found EUR and USD."),
    (
        (*HELD, captured("2.50")),
        ask(Refund, 3, hold_id="h1"),
        "hold h1 of account A1: expected at most 2.50, what was captured and not given back,"
        " found 3.",
    ),
    (
        (opened(),),
        ask(ApplyCorrection, 0, reason="r"),
        "account A1: expected an amount other than 0, found 0.",
    ),
    (
        (opened(),),
        ask(ApplyCorrection, 1, reason=""),
        "account A1: expected why the balance was wrong, found no reason.",
    ),
    (
        HELD,
        ask(CloseAccount),
        "account A1: expected no open hold, found 1 open, such as h1."
        " Capture or release them first.",
    ),
    (
        (opened(), deposited(1), money(InterestAccrued, "0.5", currency="USD")),
        ask(CloseAccount),
        "account A1: expected a balance of 0, found 1.00 EUR and 0.50 USD. Withdraw it first.",
    ),
    (
        (opened(),),
        dated(event_time_us=NOW_US + 1_000_000),
        "account A1: expected at most 2026-01-01T00:00:00Z, found 2026-01-01T00:00:01Z.",
    ),
    (
        (opened(),),
        dated(event_time_us=NOW_US - 1_000_000),
        "account A1: expected 2026-01-01T00:00:00Z or later, found 2025-12-31T23:59:59Z.",
    ),
    (
        (opened(),),
        dated(exception="too_late"),
        "account A1: expected a day that may still change,"
        f" found period 2026-01: too_late. {PEOPLE}",
    ),
    (
        (opened(),),
        dated(exception="over_amount_cap"),
        "account A1: expected an amount people need not look at,"
        f" found period 2026-01: over_amount_cap. {PEOPLE}",
    ),
    (
        (opened(),),
        dated(exception="period_closed"),
        "account A1: expected a date in an open period,"
        f" found period 2026-01: period_closed. {PEOPLE}",
    ),
]


@pytest.mark.parametrize(("before", "command", "text"), SAID, ids=[text for *_, text in SAID])
def test_a_rejection_says_what_was_wrong_and_what_to_do(
    before: tuple[AccountEvent, ...], command: AccountCommand, text: str
) -> None:
    outcome = given(ACCOUNTS, *before).when(command).outcome
    assert isinstance(outcome, Rejection), outcome
    assert str(outcome.error()) == text
