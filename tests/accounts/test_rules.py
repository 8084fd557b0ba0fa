"""Every rule of accounts, obeyed and broken, given what had happened before."""

from dataclasses import replace
from decimal import Decimal

import pytest

from ledger.accounts import (
    ACCOUNTS,
    AccountClosed,
    AccountCommand,
    AccountEvent,
    ApplyCorrection,
    Capture,
    CloseAccount,
    CorrectionApplied,
    Deposit,
    InterestAccrued,
    OpenAccount,
    Refund,
    Release,
    Reserve,
    Withdraw,
)
from ledger.business_days import DAY_US
from ledger.routing import Reason
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
    refunded,
    released,
    reserved,
    withdrawn,
)
from tests.scenario import Given, given

Scenario = Given[object, AccountCommand, AccountEvent]


def account(*events: AccountEvent):  # type: ignore[no-untyped-def]
    """An account opened in EUR, and what happened to it since."""
    return given(ACCOUNTS, opened(), *events)


def test_an_account_is_opened_in_a_currency_with_an_overdraft() -> None:
    command = ask(OpenAccount, currency="EUR", overdraft_limit=D("50.00"))
    then = given(ACCOUNTS).when(command).then(opened(overdraft_limit=D(50)))
    then.then_state(status="open", currency="EUR", balance=0, available=50)
    then.when(command).then_rejected("account_must_be_new", found="one that is open")
    account(closed()).when(command).then_rejected("account_must_be_new")


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"currency": "eur"}, "currency_must_be_iso_4217"),
        ({"currency": "DEM"}, "currency_must_have_a_minor_unit"),
        ({"overdraft_limit": D(-1)}, "overdraft_limit_must_not_be_negative"),
        ({"overdraft_limit": D("0.001")}, "overdraft_limit_must_be_whole_minor_units"),
        ({"overdraft_limit": D("Infinity")}, "overdraft_limit_must_be_finite"),
        ({"overdraft_limit": D(10) ** 14}, "overdraft_limit_must_be_within_range"),
    ],
)
def test_an_account_is_not_opened_on_wrong_terms(values: dict[str, object], rule: str) -> None:
    given(ACCOUNTS).when(ask(OpenAccount, **{"currency": "EUR"} | values)).then_rejected(rule)


@pytest.mark.parametrize(
    ("name", "taken"), [("", 0), ("x", 1), ("ä" * 256, 1), ("ä" * 256 + "x", 0)]
)
def test_ids_have_1_to_512_bytes(name: str, taken: bool) -> None:
    opening = given(ACCOUNTS, stream_id=name).when(ask(OpenAccount, currency="EUR"))
    holding = account(deposited(1)).when(ask(Reserve, 1, hold_id=name))
    if taken:
        opening.then(opened(account_id=name))
        holding.then(reserved(1, hold_id=name))
    else:
        opening.then_rejected("account_id_must_have_1_to_512_bytes")
        holding.then_rejected("hold_id_must_have_1_to_512_bytes")


def test_deposits_and_withdrawals_move_the_balance() -> None:
    then = account().when(ask(Deposit, "100.00")).then(deposited(100))
    then = then.when(ask(Withdraw, 40, currency="EUR")).then(withdrawn(40))
    then.then_state(balance=60, available=60, held=0)
    then.when(ask(Withdraw, 60)).then(withdrawn(60)).then_state(balance=0)
    then.when(ask(Withdraw, "60.01")).then_rejected(
        "available_funds_must_cover_the_amount", found="60.01"
    )


MONEY: list[AccountCommand] = [
    ask(Deposit, 1),
    ask(Withdraw, 1),
    ask(Reserve, 1, hold_id="h2"),
    ask(Capture, 1, hold_id="h1"),
    ask(Refund, 1, hold_id="h0"),
    ask(ApplyCorrection, 1, reason="typing error"),
]
BUSY = (deposited(10), reserved(2, "h0"), captured(2, 0, "h0"), reserved(2))


@pytest.mark.parametrize("command", MONEY, ids=lambda one: type(one).__name__)
def test_money_is_a_possible_amount_of_an_open_account_in_its_currency(
    command: Deposit,
) -> None:
    busy = account(*BUSY)
    assert isinstance(busy.when(command).outcome, tuple)
    for amount, rule in (
        ("NaN", "amount_must_be_finite"),
        ("1E14", "amount_must_be_within_range"),
        ("-1E14", "amount_must_be_within_range"),
        ("1.001", "amount_must_be_whole_minor_units"),
    ):
        busy.when(replace(command, amount=D(amount))).then_rejected(rule)
    zero = "zero" if isinstance(command, ApplyCorrection) else "positive"
    wanted = "amount_must_not_be_zero" if zero == "zero" else "amount_must_be_positive"
    busy.when(replace(command, amount=D(0))).then_rejected(wanted)
    if zero == "positive":
        busy.when(replace(command, amount=D(-1))).then_rejected(wanted)
    busy.when(replace(command, currency="USD")).then_rejected(
        "currency_must_be_that_of_the_account", found="USD"
    )
    unopened, gone = given(ACCOUNTS), account(closed())
    unopened.when(command).then_rejected("account_must_be_open", found="no such account")
    gone.when(command).then_rejected("account_must_be_open", found="a closed one")


@pytest.mark.parametrize(
    ("currency", "smallest", "too_small"),
    [("JPY", "1", "0.5"), ("EUR", "0.01", "0.005"), ("KWD", "0.001", "0.0005")],
)
def test_amounts_are_whole_minor_units(currency: str, smallest: str, too_small: str) -> None:
    then = given(ACCOUNTS, opened(currency=currency))
    then.when(ask(Deposit, smallest)).then(deposited(smallest, currency=currency))
    then.when(ask(Deposit, too_small)).then_rejected("amount_must_be_whole_minor_units")


def test_a_balance_stays_within_what_the_lake_can_keep() -> None:
    most = D("99999999999999.99")
    full = account(deposited(str(most)), reserved(1, "h0"), captured(1, 0, "h0"), deposited(1))
    for command in (
        ask(Deposit, "0.01"),
        ask(Refund, "0.01", hold_id="h0"),
        ask(ApplyCorrection, "0.01", reason="r"),
    ):
        full.when(command).then_rejected("balance_must_be_within_range", found="100000000000000.00")
    given(ACCOUNTS).when(ask(OpenAccount, currency="EUR", overdraft_limit=most)).then(
        opened(overdraft_limit=most)
    )
    empty = given(ACCOUNTS, opened(overdraft_limit=most), reserved(1, "h1"))
    empty = given(
        ACCOUNTS, opened(overdraft_limit=most), reserved(1, "h1"), withdrawn(str(most - 1))
    )
    empty.when(ask(Capture, 1, hold_id="h1")).then(captured(1))
    charged = money(InterestAccrued, "-1.50")
    low = given(
        ACCOUNTS, opened(overdraft_limit=most), reserved(1), charged, withdrawn(str(most - 1))
    )
    low.when(ask(Capture, 1, hold_id="h1")).then_rejected("balance_must_be_within_range")
    loan = given(ACCOUNTS, opened(overdraft_limit=D("1E14")), withdrawn(str(most)))
    loan.when(ask(Withdraw, "0.01")).then_rejected("balance_must_be_within_range")


def test_an_overdraft_is_used_up_to_its_limit() -> None:
    overdrawn = given(ACCOUNTS, opened(overdraft_limit=D(50)), deposited(10))
    overdrawn.when(ask(Withdraw, 60)).then(withdrawn(60)).then_state(balance=-50, available=0)
    overdrawn.when(ask(Withdraw, "60.01")).then_rejected("available_funds_must_cover_the_amount")
    overdrawn.when(ask(Reserve, 60, hold_id="h1")).then(reserved(60)).then_state(
        balance=10, held=60, available=0
    )


def test_a_withdrawal_dated_back_leaves_no_day_since_below_the_limit() -> None:
    """10 on day 0, 2 left after day 1, 8 back on day 3; it is day 4. Overdraft 1."""
    day = [NOW_US - (4 - number) * DAY_US for number in range(5)]
    before = given(
        ACCOUNTS,
        opened(event_time_us=day[0], overdraft_limit=D(1)),
        deposited(10, event_time_us=day[0]),
        withdrawn(8, event_time_us=day[1]),
        deposited(8, event_time_us=day[3]),
    )

    def asked(amount: int, at_us: int) -> Withdraw:
        return ask(Withdraw, amount, at=replace(AT, event_time_us=at_us))

    rule = "available_funds_must_cover_the_amount_on_each_day_since"
    for at_us in (day[0], day[1], day[2]):
        before.when(asked(4, at_us)).then_rejected(rule, found="4")
        before.when(asked(3, at_us)).then(withdrawn(3, event_time_us=at_us))
    for at_us in (day[3], day[4]):
        before.when(asked(11, at_us)).then(withdrawn(11, event_time_us=at_us))
        before.when(asked(12, at_us)).then_rejected("available_funds_must_cover_the_amount")
    hold = ask(Reserve, 4, hold_id="h1", at=replace(AT, event_time_us=day[2]))
    before.when(hold).then_rejected(rule)


def test_a_hold_lowers_what_is_available_and_not_the_balance() -> None:
    held = account(deposited(100)).when(ask(Reserve, 70, hold_id="h1")).then(reserved(70))
    held.then_state(balance=100, held=70, available=30)
    held.when(ask(Withdraw, 31)).then_rejected("available_funds_must_cover_the_amount")
    held.when(ask(Reserve, 31, hold_id="h2")).then_rejected("available_funds_must_cover_the_amount")
    held.when(ask(Reserve, 1, hold_id="h1")).then_rejected(
        "hold_id_must_be_new", found="one that is held"
    )


def test_a_released_hold_is_free_again_and_gone() -> None:
    held = account(deposited(100), reserved(70))
    free = held.when(ask(Release, hold_id="h1")).then(released(70))
    free.then_state(balance=100, held=0, available=100, holds={}, refundable={})
    free.when(ask(Release, hold_id="h1")).then_rejected("hold_must_be_open", found="no such hold")
    free.when(ask(Capture, 1, hold_id="h1")).then_rejected("hold_must_be_open")


def test_a_capture_takes_all_or_part_and_frees_the_rest() -> None:
    held = account(deposited(100), reserved(70))
    paid = held.when(ask(Capture, 50, hold_id="h1")).then(captured(50, rest=20))
    paid.then_state(balance=50, held=0, available=50, holds={}, refundable={"h1": 50})
    held.when(ask(Capture, 70, hold_id="h1")).then(captured(70)).then_state(balance=30)
    held.when(ask(Capture, "70.01", hold_id="h1")).then_rejected("capture_must_not_exceed_the_hold")
    for again in (ask(Capture, 1, hold_id="h1"), ask(Release, hold_id="h1")):
        paid.when(again).then_rejected("hold_must_be_open", found="one that was captured")
    paid.when(ask(Reserve, 1, hold_id="h1")).then_rejected(
        "hold_id_must_be_new", found="one that is captured"
    )


def test_a_refund_gives_back_at_most_what_was_captured() -> None:
    paid = account(deposited(100), reserved(70), captured(70))
    part = paid.when(ask(Refund, 30, hold_id="h1")).then(refunded(30))
    part.then_state(balance=60, available=60, refundable={"h1": 40})
    part.when(ask(Refund, "40.01", hold_id="h1")).then_rejected(
        "refund_must_not_exceed_what_was_captured", found="40.01"
    )
    part.when(ask(Refund, 40, hold_id="h1")).then(refunded(40)).then_state(
        balance=100, refundable={}
    )
    account(deposited(1), reserved(1)).when(ask(Refund, 1, hold_id="h1")).then_rejected(
        "refund_must_not_exceed_what_was_captured"
    )


def test_a_correction_has_a_reason_and_may_overdraw() -> None:
    then = account(deposited(1)).when(ask(ApplyCorrection, "-5.00", reason="booked twice"))
    then.then(money(CorrectionApplied, -5, reason="booked twice")).then_state(balance=-4)
    command = ask(ApplyCorrection, 1, reason=" ")
    account().when(command).then_rejected("reason_must_be_given")


def test_an_account_is_closed_when_nothing_is_in_it() -> None:
    command = ask(CloseAccount)
    account(deposited(1), withdrawn(1)).when(command).then(
        AccountClosed(account_id="A1", event_time_us=NOW_US)
    ).then_state(status="closed")
    account(deposited(1)).when(command).then_rejected("balance_must_be_zero", found="1.00 EUR")
    account(money(InterestAccrued, 2, currency="USD")).when(command).then_rejected(
        "balance_must_be_zero", found="2.00 USD"
    )
    both = account(deposited(1), reserved(1, "b"), withdrawn(1), reserved(1, "a"))
    both.when(command).then_rejected("holds_must_be_settled", found="2 open, such as a")
    given(ACCOUNTS).when(command).then_rejected("account_must_be_open")
    account(closed()).when(command).then_rejected("account_must_be_open")
    account().when(ask(Release, hold_id="h1")).then_rejected("hold_must_be_open")


EVERY: list[tuple[AccountCommand, tuple[AccountEvent, ...]]] = [
    (ask(OpenAccount, currency="EUR"), ()),
    *((one, (opened(event_time_us=NOW_US - 5), *BUSY)) for one in MONEY),
    (ask(Release, hold_id="h1"), (opened(event_time_us=NOW_US - 5), *BUSY)),
    (ask(CloseAccount), (opened(event_time_us=NOW_US - 5),)),
]
LOCKS: list[tuple[Reason, str]] = [
    ("too_late", "event_time_must_be_inside_the_window"),
    ("over_amount_cap", "amount_must_be_within_the_cap"),
    ("period_closed", "posting_date_must_be_in_an_open_period"),
    ("period_soft_closed", "posting_date_must_be_in_an_open_period"),
    ("period_reopened", "posting_date_must_be_in_an_open_period"),
]


@pytest.mark.parametrize(("command", "before"), EVERY, ids=lambda one: type(one).__name__)
def test_every_command_obeys_time_and_the_locks_of_the_books(
    command: AccountCommand, before: tuple[AccountEvent, ...]
) -> None:
    then = given(ACCOUNTS, *(replace(one, event_time_us=NOW_US - 5) for one in before))
    assert isinstance(then.when(command).outcome, tuple)
    for reason, rule in LOCKS:
        at = replace(AT, exception=reason)
        then.when(replace(command, at=at)).then_rejected(rule, found=f"period 2026-01: {reason}")
    ahead = replace(AT, event_time_us=NOW_US + 1)
    then.when(replace(command, at=ahead)).then_rejected(
        "event_time_must_not_be_in_the_future", found="2026-01-01T00:00:00.000001Z"
    )
    if before:
        at = replace(AT, event_time_us=NOW_US - 5)
        (event,) = then.when(replace(command, at=at)).outcome
        assert isinstance(event, AccountEvent)
        assert event.event_time_us == NOW_US - 5
        early = replace(AT, event_time_us=NOW_US - 6)
        then.when(replace(command, at=early)).then_rejected(
            "event_time_must_not_be_before_the_opening", found="2025-12-31T23:59:59.999994Z"
        )


def test_an_account_others_opened_without_a_currency_takes_the_one_it_was_used_in() -> None:
    bare = given(ACCOUNTS, opened(currency=None))
    bare.when(ask(Deposit, 1)).then_rejected("currency_must_be_given")
    bare.when(ask(Deposit, 1, currency="XAU")).then_rejected("currency_must_have_a_minor_unit")
    used = bare.when(ask(Deposit, 1, currency="USD")).then(deposited(1, currency="USD"))
    used.then_state(currency="USD", balance=1)
    used.when(ask(Withdraw, 1)).then(withdrawn(1, currency="USD"))
    used.when(ask(Withdraw, 1, currency="EUR")).then_rejected(
        "currency_must_be_that_of_the_account"
    )
    mixed = given(ACCOUNTS, opened(currency=None), reserved(1), deposited(1, currency="USD"))
    mixed.then_state(currency=None, balance=0)
    mixed.when(ask(Release, hold_id="h1")).then_rejected(
        "account_must_be_kept_in_one_currency", found="EUR and USD"
    )


def test_whatever_names_a_currency_says_what_the_account_is_kept_in() -> None:
    for event in (deposited(1), withdrawn(1), reserved(1), released(1), captured(1), refunded(1)):
        given(ACCOUNTS, event).then_state(currency="EUR", balances={"EUR": event_sum(event)})


def event_sum(event: AccountEvent) -> Decimal:
    signs = {"FundsDeposited": 1, "FundsRefunded": 1, "FundsWithdrawn": -1, "FundsCaptured": -1}
    return Decimal(signs.get(type(event).__name__, 0))
