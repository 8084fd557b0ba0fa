"""Events and states of accounts survive the journal and the lake, whoever wrote them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import contracts
from ingestion.account_codec import ACCOUNT_CODEC
from ingestion.journal import rows
from ingestion.journal.drain import as_batch
from ledger.accounts import AccountEvent, AccountOpened, CorrectionApplied
from tests.accounts.acts import NOW_US, D, captured, money, opened, reserved
from tests.accounts.journaled import journaled
from tests.accounts.test_state import events, fold

YEAR_US = 365 * 86_400_000_000


def through_the_lake(known: list[AccountEvent]) -> list[AccountEvent]:
    """As batch rows give them back; none may break its contract."""
    batch = as_batch(journaled(known), contracts.load(), latest_event_us=NOW_US + YEAR_US)
    assert batch.quarantine.is_empty(), batch.quarantine
    return [ACCOUNT_CODEC.from_row(row) for row in rows.as_rows(batch.events)]


@settings(max_examples=40, deadline=None)
@given(known=st.lists(events(), min_size=1, max_size=8))
def test_events_come_back_from_the_lake_as_they_were(known: list[AccountEvent]) -> None:
    assert through_the_lake(known) == known


@settings(max_examples=60, deadline=None)
@given(known=st.lists(events(), max_size=12))
def test_a_state_has_one_form_and_comes_back_from_it(known: list[AccountEvent]) -> None:
    state = fold(known)
    data = ACCOUNT_CODEC.state_to_bytes(state)
    assert ACCOUNT_CODEC.state_from_bytes(data) == state
    assert ACCOUNT_CODEC.state_to_bytes(fold(known[::-1])) == data


def test_amounts_written_differently_give_the_same_state() -> None:
    short = fold([opened(overdraft_limit=D("5")), reserved("1E+1"), captured("2.5", "7.5")])
    long = fold([opened(overdraft_limit=D("5.00")), reserved("10.0"), captured("2.50", "7.500")])
    assert ACCOUNT_CODEC.state_to_bytes(short) == ACCOUNT_CODEC.state_to_bytes(long)


@pytest.mark.parametrize(
    ("payload", "limit"),
    [
        ('{"overdraft_limit":"12.5"}', "12.5"),
        ('{"overdraft_limit":12.50005}', "12.5001"),
        ('{"overdraft_limit":"much"}', "0"),
        ('{"overdraft_limit":null}', "0"),
        ("[1]", "0"),
        ("A1;EUR", "0"),
        ("{}", "0"),
    ],
)
def test_openings_of_other_sources_are_read_for_what_they_say(payload: str, limit: str) -> None:
    read = ACCOUNT_CODEC.from_row(row("AccountOpened", payload=payload))
    assert read == AccountOpened(
        account_id="A1", event_time_us=NOW_US, currency=None, overdraft_limit=Decimal(limit)
    )


def test_a_correction_of_another_source_needs_no_reason() -> None:
    read = ACCOUNT_CODEC.from_row(row("CorrectionApplied", currency="EUR", amount=D(-1)))
    assert read == money(CorrectionApplied, -1)
    bare = ACCOUNT_CODEC.from_row(row("FundsDeposited", amount=D(1)))
    assert bare.currency == "XXX"  # type: ignore[attr-defined]


def row(event_type: str, **values: Any) -> dict[str, Any]:
    at = datetime.fromtimestamp(NOW_US / 1_000_000, UTC)
    bare = {"account_id": "A1", "event_time": at, "currency": None, "amount": None, "payload": "{}"}
    return {"event_type": event_type, **bare, **values}
