"""What every rejection of sagas says, word for word: people act on these texts."""

import pytest

from ledger.deciding import Rejection
from ledger.payments import PAYMENT
from ledger.sagas import SagaCommand, SagaDecider, SagaEvent
from tests.sagas.acts import (
    DEADLINE_US,
    DECIDER,
    DETAILS,
    DONE,
    STREAM,
    begin,
    begun,
    ended,
    expire,
    report,
    says,
    turned_back,
    waits,
)
from tests.scenario import given

UNDOING = (begun(), turned_back("release_funds", reason="x"), waits("release_funds", "no"))


def order(**values: str) -> SagaCommand:
    return begin(details=DETAILS | values)


SAID: list[tuple[tuple[SagaEvent, ...], SagaCommand, str]] = [
    ((begun(),), begin(), "saga order-7: expected an id not in use, found running."),
    ((), begin(saga="parcel"), "saga order-7: expected payment, found 'parcel'."),
    ((), expire(), "saga order-7: expected a saga that was begun, found none."),
    (
        (),
        order(colour="red"),
        "saga order-7: expected account_id, amount, currency,"
        " found account_id, amount, colour, currency.",
    ),
    (
        (),
        begin(details={}),
        "saga order-7: expected account_id, amount, currency, found none.",
    ),
    ((), order(account_id=""), "account_id: expected 1 to 512 bytes, found 0."),
    ((), order(currency="XAU"), "currency: expected a currency in use, as EUR, found XAU."),
    (
        (),
        order(amount="0.001"),
        "amount: expected a number of at most 2 decimals, as EUR has, found 0.001.",
    ),
    ((), order(amount="0.00"), "amount: expected more than 0, found 0.00."),
    (
        (begun(),),
        report("send_receipt", DONE, 3),
        "saga order-7: expected reserve_funds, try 1, found send_receipt, try 3.",
    ),
    (
        (begun(), ended("completed")),
        report("send_receipt", DONE),
        "saga order-7: expected none, found send_receipt, try 1.",
    ),
    (
        (begun(), ended("completed")),
        expire(DEADLINE_US + 5),
        "saga order-7: expected running, at or after its deadline, found completed, 5 us after it.",
    ),
    ((begun(),), says("retry"), "saga order-7: expected waiting, found running."),
    (UNDOING, says("retry", by=""), "saga order-7: expected a person, found nothing."),
    (UNDOING, says("retry", why=" "), "saga order-7: expected a reason, found nothing."),
    (
        UNDOING,
        says("turn_back"),
        "saga order-7: expected one on its way forward, found undoing.",
    ),
]


@pytest.mark.parametrize(("events", "command", "text"), SAID, ids=[text for *_, text in SAID])
def test_a_rejection_says_what_is_expected_and_what_was_found(
    events: tuple[SagaEvent, ...], command: SagaCommand, text: str
) -> None:
    outcome = given(DECIDER, *events, stream_id=STREAM).when(command).outcome
    assert isinstance(outcome, Rejection) and str(outcome.error()) == text


def test_an_id_that_cannot_travel_is_told_what_may_be_in_one() -> None:
    outcome = given(DECIDER, stream_id="saga/a b").when(begin()).outcome
    assert isinstance(outcome, Rejection)
    assert str(outcome.error()) == (
        "saga: expected 1 to 100 letters, digits, dots, colons, - and _, found 'a b'."
    )


def test_of_an_unknown_kind_all_kinds_there_are_are_told() -> None:
    both = SagaDecider({"refund": PAYMENT, "payment": PAYMENT})
    outcome = given(both, stream_id=STREAM).when(begin(saga="parcel")).outcome
    assert isinstance(outcome, Rejection) and outcome.expected == "payment, refund"
