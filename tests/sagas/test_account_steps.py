"""Steps on accounts: done once per key, and not any more once they were taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.books import EMPTY
from ledger.sagas import Action, Refused, Succeeded, key_of
from orchestration.payments.account_steps import AccountSteps
from tests.sagas.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop(tmp_path, "") as made:
        made.open_accounts("A1")
        yield made


def steps(shop: Shop, *names: str, amount: str = "30.00") -> list[object]:
    """What became of the steps, performed at once."""
    details = {"account_id": "A1", "amount": amount, "currency": "EUR"}
    actions = [
        Action(
            saga_id="order-7",
            saga="payment",
            step=name,
            attempt=1,
            key=key_of("order-7", name),
            due_us=0,
            deadline_us=None,
            details=details,
        )
        for name in names
    ]
    performer = AccountSteps(shop.accounts, lambda: EMPTY, shop.now)
    return list(performer.perform(actions))


def stands(shop: Shop) -> tuple[int, int]:
    account = shop.account("A1")
    return int(account.balance), int(account.held)


def test_a_step_performed_twice_is_done_once_and_answered_alike(shop: Shop) -> None:
    [first], [second] = steps(shop, "reserve_funds"), steps(shop, "reserve_funds")
    assert isinstance(first, Succeeded) and first == second
    assert stands(shop) == (1000, 30)
    assert steps(shop, "settle_funds") == steps(shop, "settle_funds")
    assert stands(shop) == (970, 0)
    assert steps(shop, "return_funds") == steps(shop, "return_funds")
    assert stands(shop) == (1000, 0)


def test_what_was_taken_back_before_it_was_done_is_not_done_when_it_comes_late(shop: Shop) -> None:
    """A runner may hang between its decision and its command; another turns the saga back."""
    assert steps(shop, "release_funds") == [Succeeded(reference="nothing to undo")]
    [late] = steps(shop, "reserve_funds")
    assert isinstance(late, Refused) and stands(shop) == (1000, 0)


def test_a_settlement_that_comes_after_its_return_is_refused(shop: Shop) -> None:
    steps(shop, "reserve_funds")
    assert steps(shop, "return_funds") == [Succeeded(reference="nothing to undo")]
    assert isinstance(steps(shop, "settle_funds")[0], Refused) and stands(shop) == (1000, 30)
    assert isinstance(steps(shop, "release_funds")[0], Succeeded) and stands(shop) == (1000, 0)


def test_a_hold_nobody_told_of_is_released(shop: Shop) -> None:
    steps(shop, "reserve_funds")
    assert isinstance(steps(shop, "release_funds")[0], Succeeded)
    assert stands(shop) == (1000, 0)


def test_after_settling_and_returning_nothing_is_held_any_more(shop: Shop) -> None:
    for name in ("reserve_funds", "settle_funds", "return_funds"):
        assert isinstance(steps(shop, name)[0], Succeeded)
    assert steps(shop, "release_funds") == [Succeeded(reference="nothing held any more")]


def test_the_rules_of_the_account_say_why_not(shop: Shop) -> None:
    [answer] = steps(shop, "reserve_funds", amount="1000.01")
    assert isinstance(answer, Refused)
    assert answer.reason.startswith("available_funds_must_cover_the_amount")
