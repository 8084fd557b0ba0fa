"""What events add up to: in any order, to the last digit, with one digest."""

import hashlib
from decimal import Decimal
from functools import reduce
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.accounts import (
    ACCOUNTS,
    Account,
    AccountClosed,
    AccountEvent,
    AccountOpened,
    CorrectionApplied,
    FundsCaptured,
    FundsDeposited,
    FundsRefunded,
    FundsReleased,
    FundsReserved,
    FundsWithdrawn,
    InterestAccrued,
    Moved,
)
from ledger.accounts import fold as fold_many
from ledger.business_days import DAY_US
from tests.accounts.acts import (
    NOW_US,
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

MONEY = (
    *(FundsDeposited, FundsWithdrawn, FundsReserved, FundsReleased, FundsCaptured),
    *(FundsRefunded, InterestAccrued, CorrectionApplied),
)
AMOUNT = st.decimals(min_value=0, max_value=3, places=4)


@st.composite
def events(draw: st.DrawFn) -> AccountEvent:
    """Any event other sources could bring, sensible or not."""
    values: dict[str, Any] = {
        "account_id": "A1",
        "event_time_us": draw(st.integers(0, 3)),
        "currency": draw(st.sampled_from(("EUR", "USD"))),
    }
    kind = draw(st.sampled_from((*MONEY, AccountOpened, AccountClosed)))
    if kind is AccountClosed:
        del values["currency"]
    elif kind is AccountOpened:
        values |= {"currency": draw(st.sampled_from(("EUR", "USD", None)))}
        values |= {"overdraft_limit": draw(AMOUNT)}
    else:
        values["amount"] = draw(AMOUNT)
    if "hold_id" in kind.__dataclass_fields__:
        values["hold_id"] = draw(st.sampled_from("hi"))
    if kind is FundsCaptured:
        values["released"] = draw(AMOUNT)
    return kind(**values)


def fold(known: list[AccountEvent]) -> Account:
    return reduce(ACCOUNTS.evolve, known, ACCOUNTS.initial("A1"))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), known=st.lists(events(), max_size=12))
def test_events_give_the_same_account_in_whatever_order_they_are_known(
    data: st.DataObject, known: list[AccountEvent]
) -> None:
    shuffled = data.draw(st.permutations(known))
    assert fold(shuffled) == fold(known)
    assert fold(shuffled).digest == fold(known).digest


def test_many_events_at_once_are_as_one_by_one() -> None:
    known = [
        opened(),
        deposited(9),
        deposited("0.5"),
        deposited(4, currency="USD"),
        withdrawn(2),
        withdrawn(1),
        money(InterestAccrued, "-0.25"),
        money(CorrectionApplied, 3),
        reserved(5, "b"),
        reserved(2, "a"),
        captured(1, 1, "a"),
        refunded(1, "a"),
        released(5, "b"),
    ]
    wanted = fold(known)
    start = fold(known[:3])
    assert fold_many(start, known[3:]) == wanted
    moved = [
        Moved(kind=FundsDeposited, currency="USD", amount=Decimal(4), events=1),
        Moved(kind=FundsWithdrawn, currency="EUR", amount=Decimal(3), events=2),
        Moved(kind=InterestAccrued, currency="EUR", amount=Decimal("-0.25"), events=1),
        Moved(kind=CorrectionApplied, currency="EUR", amount=Decimal(3), events=1),
    ]
    assert fold_many(start, known[8:], moved) == wanted
    assert start == fold(known[:3]), "what was folded on is as it was"


@settings(max_examples=60, deadline=None)
@given(
    moves=st.lists(
        st.tuples(st.integers(0, 80), st.sampled_from(MONEY), AMOUNT), min_size=1, max_size=9
    ),
    since=st.integers(0, 80),
)
def test_the_least_that_was_available_is_that_of_the_days_replayed_one_by_one(
    moves: list[tuple[int, type[AccountEvent], Decimal]], since: int
) -> None:
    known: list[AccountEvent] = [opened(event_time_us=0, overdraft_limit=Decimal(1))]
    for day, kind, amount in moves:
        more = {"hold_id": "h"} if "hold_id" in kind.__dataclass_fields__ else {}
        if kind is FundsCaptured:
            more["released"] = Decimal(1)  # type: ignore[assignment]
        known.append(money(kind, amount, event_time_us=day * DAY_US + day, **more))
    state = fold(known)
    newest = max(day for day, *_ in moves)
    assert state.recent == fold(known[::-1]).recent
    assert all(newest - day < 62 for day in state.recent["EUR"])
    first = max(since, min(state.recent["EUR"]) - 1)
    then = {
        day: fold([one for one in known if one.event_time_us < (day + 1) * DAY_US]).available
        for day in range(first, newest + 1)
    }
    least, day = state.least_available(since * DAY_US + DAY_US - 1)
    assert least == min(then.values(), default=state.available)
    assert then.get(newest if day is None else day, least) == least


def test_what_is_held_back_and_what_else_a_day_brought_was_not_available_before() -> None:
    def at(day: int) -> int:
        return day * DAY_US + 5

    known = [
        opened(event_time_us=0),
        deposited(10, event_time_us=at(1)),
        deposited(5, event_time_us=at(1) + 1),
        reserved(4, event_time_us=at(3)),
    ]
    state = fold(known)
    assert state.least_available(at(0)) == (0, 0)
    assert state.least_available(at(1)) == (11, None)
    assert state.least_available(at(3)) == (11, None)
    later = fold([*known, deposited(1, event_time_us=at(63))])
    assert list(later.recent["EUR"]) == [3, 63], "62 days are kept"


def test_the_first_of_several_openings_and_closings_counts() -> None:
    later = opened(event_time_us=NOW_US + 1, currency="USD")
    state = fold([later, opened(overdraft_limit=Decimal(2)), opened(overdraft_limit=Decimal(3))])
    assert state.opening is not None
    assert (state.currency, state.opening.overdraft_limit) == ("EUR", 2)
    assert fold([closed(event_time_us=7), closed(event_time_us=5)]).closed_us == 5
    assert fold([closed(event_time_us=5), closed(event_time_us=7)]).closed_us == 5
    assert fold([closed(event_time_us=5), deposited(1)]).status == "closed"
    dollars, euros = opened(currency="USD"), opened(overdraft_limit=Decimal(9))
    assert fold([dollars, euros]).currency == fold([euros, dollars]).currency == "EUR"
    bare = opened(currency=None, overdraft_limit=Decimal(1))
    found = {
        one.opening and one.opening.currency for one in (fold([bare, euros]), fold([euros, bare]))
    }
    assert found == {None}


def test_the_digest_is_that_of_the_lines_of_the_state() -> None:
    """Written out once, as every snapshot ever kept is checked by it."""
    known = [
        opened(overdraft_limit=Decimal("1.5")),
        deposited(10),
        reserved(2, "b"),
        reserved(3, "a"),
        captured(1, 2, "a"),
        closed(event_time_us=9),
    ]
    lines = (
        f"account/1\naccount 4131\nopened {NOW_US} EUR 1.5000\nclosed 9\n"
        "balance 455552 9.0000\nhold 62 2.0000\nrefundable 61 1.0000\nevents 6"
    )
    assert fold(known).digest == hashlib.sha256(lines.encode()).hexdigest()
    bare = f"account/1\naccount 4131\nopened {NOW_US} - 0.0000\nevents 1"
    assert fold([opened(currency=None)]).digest == hashlib.sha256(bare.encode()).hexdigest()
    none = "account/1\naccount 4131\nevents 0"
    assert fold([]).digest == hashlib.sha256(none.encode()).hexdigest()
