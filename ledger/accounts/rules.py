"""The rules of accounts, each a rejection by its name, in the order they are asked.

Holds one function per command that yields the rejections; the first one counts. Holds no event
(`ledger.accounts.decide`). What each rule is for: docs/accounts.md. Called by the decider.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, TypeAlias

from ledger.accounts import commands as co
from ledger.accounts.state import Account
from ledger.business_days import DAY_US
from ledger.currency import MINOR_DIGITS, as_written, minor_digits
from ledger.deciding import Rejection, no
from ledger.instants import utc

Rejections: TypeAlias = Iterator[Rejection]

MONEY_BELOW: Final = Decimal(10) ** 14
"""The lake keeps 14 digits before the point; a larger amount would have no form there."""
ID_BYTES_MAX: Final = 512
"""Longest id the contracts take: a longer one would be quarantined on its way into the lake."""


def open_account(state: Account, command: co.OpenAccount) -> Rejections:
    thing = f"account {state.account_id}"
    yield from _id("account_id", state.account_id)
    if state.status != "unopened":
        rule = "account_must_be_new"
        yield no(rule, thing, "an account nobody opened", f"one that is {state.status}")
    yield from _currency(command.currency, thing)
    limit = command.overdraft_limit
    yield from _money(limit, command.currency, "overdraft_limit")
    if limit < 0:
        yield no("overdraft_limit_must_not_be_negative", thing, "0 or more", f"{limit}")
    yield from _time(state, command)


def deposit(state: Account, command: co.Deposit) -> Rejections:
    yield from _movement(state, command)
    yield from _fits(state, command.amount)


def withdraw(state: Account, command: co.Withdraw) -> Rejections:
    yield from _movement(state, command)
    yield from _covered(state, command)
    yield from _fits(state, -command.amount)


def reserve(state: Account, command: co.Reserve) -> Rejections:
    yield from _id("hold_id", command.hold_id)
    yield from _movement(state, command)
    if command.hold_id in state.holds or command.hold_id in state.refundable:
        what = "held" if command.hold_id in state.holds else "captured"
        rule = "hold_id_must_be_new"
        yield no(rule, _hold(state, command.hold_id), "an id not in use", f"one that is {what}")
    yield from _covered(state, command)


def release(state: Account, command: co.Release) -> Rejections:
    yield from _open(state)
    yield from _held(state, command.hold_id)
    if state.currency is None:
        rule = "account_must_be_kept_in_one_currency"
        found = " and ".join(sorted(state.balances))
        yield no(rule, f"account {state.account_id}", "one currency", found)
    yield from _time(state, command)


def capture(state: Account, command: co.Capture) -> Rejections:
    yield from _movement(state, command)
    yield from _held(state, command.hold_id)
    held = state.holds[command.hold_id]
    if command.amount > held:
        rule = "capture_must_not_exceed_the_hold"
        yield no(
            rule, _hold(state, command.hold_id), f"at most {_of(state, held)}", f"{command.amount}"
        )
    yield from _fits(state, -command.amount)


def refund(state: Account, command: co.Refund) -> Rejections:
    yield from _movement(state, command)
    left = state.refundable.get(command.hold_id, Decimal(0))
    if command.amount > left:
        yield no(
            "refund_must_not_exceed_what_was_captured",
            _hold(state, command.hold_id),
            f"at most {_of(state, left)}, what was captured and not given back",
            f"{command.amount}",
        )
    yield from _fits(state, command.amount)


def correct(state: Account, command: co.ApplyCorrection) -> Rejections:
    thing = f"account {state.account_id}"
    yield from _kept_in(state, command)
    if not command.amount:
        yield no("amount_must_not_be_zero", thing, "an amount other than 0", f"{command.amount}")
    if not command.reason.strip():
        yield no("reason_must_be_given", thing, "why the balance was wrong", "no reason")
    yield from _fits(state, command.amount)


def close(state: Account, command: co.CloseAccount) -> Rejections:
    thing = f"account {state.account_id}"
    yield from _open(state)
    if state.holds:
        found = f"{len(state.holds)} open, such as {min(state.holds)}"
        remedy = "Capture or release them first."
        yield no("holds_must_be_settled", thing, "no open hold", found, remedy)
    left = [
        f"{as_written(amount, code)} {code}"
        for code, amount in sorted(state.balances.items())
        if amount
    ]
    if left:
        remedy = "Withdraw it first."
        yield no("balance_must_be_zero", thing, "a balance of 0", " and ".join(left), remedy)
    yield from _time(state, command)


def _movement(state: Account, command: co.MoneyCommand) -> Rejections:
    yield from _kept_in(state, command)
    if command.amount <= 0:
        thing = f"account {state.account_id}"
        yield no("amount_must_be_positive", thing, "more than 0", f"{command.amount}")


def _kept_in(state: Account, command: co.MoneyCommand) -> Rejections:
    """An open account, and an amount in its currency."""
    thing = f"account {state.account_id}"
    yield from _open(state)
    currency = command.currency or state.currency
    if currency is None:
        expected = "a currency, as the account was opened without one"
        yield no("currency_must_be_given", thing, expected, "none")
    else:
        if state.currency not in (None, currency):
            rule = "currency_must_be_that_of_the_account"
            yield no(rule, thing, f"{state.currency}", currency)
        yield from _currency(currency, thing)
        yield from _money(command.amount, currency, "amount")
        yield from _time(state, command)


def _open(state: Account) -> Rejections:
    if state.status != "open":
        yield no(
            "account_must_be_open",
            f"account {state.account_id}",
            "an open account",
            "no such account" if state.status == "unopened" else "a closed one",
            f"`ledgerlake account open {state.account_id}` opens it."
            if state.status == "unopened"
            else "",
        )


def _id(name: str, value: str) -> Rejections:
    size = len(value.encode())
    if not 1 <= size <= ID_BYTES_MAX:
        rule = f"{name}_must_have_1_to_{ID_BYTES_MAX}_bytes"
        yield no(rule, name, f"1 to {ID_BYTES_MAX} bytes", f"{size}")


def _currency(code: str, thing: str) -> Rejections:
    if code not in MINOR_DIGITS:
        expected = "a code of ISO 4217 such as EUR, in capitals"
        yield no("currency_must_be_iso_4217", thing, expected, code)
    elif minor_digits(code) is None:
        rule = "currency_must_have_a_minor_unit"
        yield no(rule, thing, "a currency in use", f"{code}, withdrawn or no money")


def _money(amount: Decimal, currency: str, name: str) -> Rejections:
    """A finite number the currency has coins for and the lake has room for."""
    digits = minor_digits(currency) or 0
    if not amount.is_finite():
        yield no(f"{name}_must_be_finite", name, "a number", f"{amount}")
    elif abs(amount) >= MONEY_BELOW:
        yield no(f"{name}_must_be_within_range", name, "below 10 to the 14th", f"{amount}")
    elif amount != round(amount, digits):
        rule = f"{name}_must_be_whole_minor_units"
        yield no(rule, name, f"at most {digits} decimals, as {currency} has", f"{amount}")


def _covered(state: Account, command: co.MoneyCommand) -> Rejections:
    """Now, and at the end of every day since the one it is dated back to."""
    amount = command.amount
    if amount > state.available:
        yield no(
            "available_funds_must_cover_the_amount",
            f"account {state.account_id}",
            f"at most {_of(state, state.available)}",
            f"{amount}",
            f"Of a balance of {_of(state, state.balance)}, {_of(state, state.held)} is held."
            if state.holds
            else "",
        )
    least, day = state.least_available(command.at.event_time_us)
    if day is not None and amount > least:
        date = utc(day * DAY_US)[:10]
        yield no(
            "available_funds_must_cover_the_amount_on_each_day_since",
            f"account {state.account_id}",
            f"at most {_of(state, least)}, available at the end of {date}",
            f"{amount}",
            f"Date it after {date}.",
        )


def _fits(state: Account, change: Decimal) -> Rejections:
    after = state.balance + change
    if abs(after) >= MONEY_BELOW:
        rule = "balance_must_be_within_range"
        found = _of(state, after)
        yield no(rule, f"account {state.account_id}", "a balance below 10 to the 14th", found)


def _held(state: Account, hold_id: str) -> Rejections:
    if state.holds.get(hold_id, Decimal(0)) <= 0:
        captured = hold_id in state.refundable
        found = "one that was captured" if captured else "no such hold"
        yield no("hold_must_be_open", _hold(state, hold_id), "an open hold", found)


def _hold(state: Account, hold_id: str) -> str:
    return f"hold {hold_id} of account {state.account_id}"


def _time(state: Account, command: co.AccountCommand) -> Rejections:
    """It has happened, not before the account was there, and the books would still take it."""
    at = command.at
    thing = f"account {state.account_id}"
    if at.event_time_us > at.now_us:
        rule = "event_time_must_not_be_in_the_future"
        yield no(rule, thing, f"at most {utc(at.now_us)}", utc(at.event_time_us))
    if state.opening is not None and at.event_time_us < state.opening.opened_us:
        rule = "event_time_must_not_be_before_the_opening"
        opened = utc(state.opening.opened_us)
        yield no(rule, thing, f"{opened} or later", utc(at.event_time_us))
    match at.exception:
        case None:
            return
        case "too_late":
            rule, expected = "event_time_must_be_inside_the_window", "a day that may still change"
        case "over_amount_cap":
            rule, expected = "amount_must_be_within_the_cap", "an amount people need not look at"
        case _:
            rule, expected = "posting_date_must_be_in_an_open_period", "a date in an open period"
    yield no(
        rule,
        thing,
        expected,
        f"period {at.period_id}: {at.exception}",
        "Date it into an open period, or bring it as a file: people decide on what is late.",
    )


def _of(state: Account, amount: Decimal) -> str:
    """As amounts of the account's currency are written."""
    return f"{as_written(amount, state.currency)}"
