"""The steps of a payment, what undoes each, and what an order must be.

Holds `PAYMENT` and `Order`. Decides nothing (`ledger.sagas`). Called by the codec of sagas and by
whoever performs the steps.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ledger.currency import MINOR_DIGITS
from ledger.deciding import Rejection, no
from ledger.sagas import Retry, SagaDefinition, Step
from ledger.sagas.definition import SECOND_US

_MONEY: Final = re.compile(r"[0-9]{1,14}(\.[0-9]+)?")


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be paid, from which account."""

    account_id: str
    currency: str
    amount: Decimal

    @classmethod
    def of(cls, details: Mapping[str, str]) -> "Order":
        return cls(
            account_id=details["account_id"],
            currency=details["currency"],
            amount=Decimal(details["amount"]),
        )


def check_order(details: Mapping[str, str]) -> Rejection | None:
    """The first rule an order breaks. Whether the account can pay is for its own rules."""
    account, currency, amount = (details[name] for name in ("account_id", "currency", "amount"))
    if not 1 <= len(account.encode()) <= 512:
        rule, found = "account_id_must_have_1_to_512_bytes", f"{len(account.encode())}"
        return no(rule, "account_id", "1 to 512 bytes", found)
    digits = MINOR_DIGITS.get(currency)
    if digits is None:
        expected = "a currency in use, as EUR"
        return no("currency_must_have_a_minor_unit", "currency", expected, currency)
    if not _MONEY.fullmatch(amount) or Decimal(amount) != round(Decimal(amount), digits):
        expected = f"a number of at most {digits} decimals, as {currency} has"
        return no("amount_must_be_whole_minor_units", "amount", expected, amount)
    if Decimal(amount) <= 0:
        return no("amount_must_be_positive", "amount", "more than 0", amount)
    return None


_OURS: Final = Retry(tries=10, first_wait_us=SECOND_US // 20, longest_wait_us=10 * SECOND_US)
"""Steps in the own ledger fail for moments only: another writer was faster ten times."""
_THEIRS: Final = Retry(tries=8)
"""1, 2, 4, ... seconds: two minutes in all, longer than a web service takes to start again."""
_UNDOING: Final = Retry(tries=20)
"""Money lies in the wrong place: 70 minutes before a person is asked."""

PAYMENT: Final = SagaDefinition(
    name="payment",
    begun_by="OrderPlaced",
    details=("account_id", "currency", "amount"),
    check=check_order,
    deadline_us=3600 * SECOND_US,
    steps=(
        Step(
            name="reserve_funds",
            retry=_OURS,
            undone_by=Step(name="release_funds", retry=_OURS),
        ),
        Step(
            name="capture_payment",
            retry=_THEIRS,
            undone_by=Step(name="refund_payment", retry=_UNDOING),
        ),
        Step(
            name="settle_funds",
            retry=_OURS,
            undone_by=Step(name="return_funds", retry=_OURS),
        ),
        # A customer whose receipt may be under way is not refunded by a machine.
        Step(name="send_receipt", retry=_THEIRS, else_="ask_a_person"),
    ),
)
