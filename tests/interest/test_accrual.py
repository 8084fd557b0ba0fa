"""What a balance earns, worked out by hand; and what each refusal says, word for word."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger.errors import IncorrectInput
from ledger.interest import algorithms
from ledger.interest.accrual import Accrual, DayInterest, DayRates, accrue, period_rates
from ledger.interest.algorithms import ALGORITHMS, Algorithm
from ledger.interest.day_count import Terms, year_fraction
from ledger.interest.rates import RateChange, Tier, in_force
from ledger.interest.rounding import divide

FIRST = date(2026, 3, 1)
D = Decimal


def change(*tiers: tuple[int, str], first: date = FIRST, overdraft: str = "0") -> RateChange:
    return RateChange(
        first_date=first,
        tiers=tuple(Tier(D(balance), D(percent)) for balance, percent in tiers),
        overdraft_percent=D(overdraft),
    )


TIERED = change((0, "3.6"), (1000, "7.2"), overdraft="10.8")
"""A day of Act/360 earns 0.0001 of a balance, from 1000 on 0.0002; below 0 it costs 0.0003."""


def algorithm(*changes: RateChange, currency: str = "EUR", **values: Any) -> Algorithm:
    said = {"name": "a", "says": "", "day_count": "Act/360", "rates": {currency: changes}}
    return Algorithm(**said | values)


def earned(one: Algorithm, *balances: str, currency: str = "EUR") -> Accrual:
    rates = period_rates(one, currency, FIRST, FIRST + timedelta(days=len(balances)))
    return accrue(rates, [D(balance) for balance in balances])


def test_each_day_earns_on_the_balance_it_begins_with() -> None:
    assert earned(algorithm(TIERED), "2000", "100.5") == Accrual(
        minor=41,
        amount=D("0.41"),
        days=(
            DayInterest(day=FIRST, basis=D("2000.0000"), interest=D("0.40000000")),
            DayInterest(
                day=FIRST + timedelta(days=1), basis=D("100.5000"), interest=D("0.01005000")
            ),
        ),
    )


@pytest.mark.parametrize(
    ("balance", "whole", "parts"),
    [
        ("-1000", "-0.3", "-0.3"),
        ("-0.0001", "-0.00000003", "-0.00000003"),
        ("0", "0", "0"),
        ("500", "0.05", "0.05"),
        ("999.9999", "0.09999999", "0.09999999"),
        ("1000", "0.2", "0.1"),
        ("1001", "0.2002", "0.1002"),
        ("3000", "0.6", "0.5"),
    ],
)
def test_the_whole_balance_or_each_part_of_it_earns_the_rate_of_its_tier(
    balance: str, whole: str, parts: str
) -> None:
    for tiering, expected in (("whole_balance", whole), ("each_part", parts)):
        [day] = earned(algorithm(TIERED, tiering=tiering), balance).days
        assert day.interest == D(expected), tiering


def test_of_three_tiers_each_part_is_counted_once() -> None:
    three = change((0, "3.6"), (1000, "7.2"), (5000, "10.8"))
    [day] = earned(algorithm(three, tiering="each_part"), "6000").days
    assert day.interest == D("0.1") + D("0.8") + D("0.3")


def test_what_was_earned_earns_too_where_it_compounds_daily() -> None:
    one = change((0, "3.6"))
    daily = earned(algorithm(one, compounding="daily"), "10000", "10000", "10000").days
    assert [day.basis for day in daily] == [D("10000"), D("10001"), D("10002.0001")]
    assert [day.interest for day in daily] == [D("1"), D("1.0001"), D("1.00020001")]
    posted = earned(algorithm(one), "10000", "10000").days
    assert [day.interest for day in posted] == [D("1"), D("1")]


def test_before_its_first_rate_and_in_other_currencies_a_balance_earns_nothing() -> None:
    later = change((0, "3.6"), first=FIRST + timedelta(days=1))
    assert [day.interest for day in earned(algorithm(later), "10000", "10000").days] == [0, 1]
    assert earned(algorithm(later), "10000", "10000", currency="GBP").minor == 0
    assert earned(algorithm(TIERED), "-1000", currency="GBP").minor == 0


def test_a_rate_is_read_of_each_day_or_of_the_first_one() -> None:
    rates = change((0, "3.6")), change((0, "7.2"), first=FIRST + timedelta(days=1))
    assert earned(algorithm(*rates), "10000", "10000").minor == 300
    assert earned(algorithm(*rates, rate_read="of_the_first_day"), "10000", "10000").minor == 200
    assert in_force(rates, FIRST - timedelta(days=1)) is None
    assert in_force(rates[::-1], FIRST + timedelta(days=9)) == rates[1]


@pytest.mark.parametrize(
    ("currency", "rounding", "minor", "amount"),
    [
        ("JPY", "half_away", 2, "2"),
        ("JPY", "toward_zero", 1, "1"),
        ("EUR", "toward_zero", 153, "1.53"),
        ("EUR", "half_even", 154, "1.54"),
        ("KWD", "half_even", 1535, "1.535"),
    ],
)
def test_the_sum_is_rounded_to_the_minor_unit_of_its_currency(
    currency: str, rounding: str, minor: int, amount: str
) -> None:
    one = algorithm(change((0, "3.6")), currency=currency, rounding=rounding)
    made = earned(one, "15350", currency=currency)
    assert (made.minor, str(made.amount)) == (minor, amount)


@pytest.mark.parametrize(
    ("mode", "halves"),
    [
        ("half_even", [0, 0, 1, 2, 2, 0, -2]),
        ("half_away", [0, 1, 1, 2, 3, -1, -2]),
        ("toward_zero", [0, 0, 1, 1, 2, 0, -1]),
    ],
)
def test_halves_are_rounded_as_declared(mode: Any, halves: list[int]) -> None:
    assert [divide(one, 2, mode) for one in (0, 1, 2, 3, 5, -1, -3)] == halves
    assert [divide(one, 3, mode) for one in (-6, 7)] == [-2, 2]
    assert divide(8, 3, mode) == (2 if mode == "toward_zero" else 3)


def test_digits_kept_of_a_day_are_those_declared_and_rounded_as_declared() -> None:
    one = algorithm(change((0, "3.6")), accrual_digits=4, daily_rounding="toward_zero")
    [day] = earned(one, "12345.6789").days
    assert str(day.interest) == "1.2345"
    [day] = earned(replace(one, daily_rounding="half_even"), "12345.6789").days
    assert str(day.interest) == "1.2346"
    [day] = earned(replace(one, accrual_digits=10), "12345.6789").days
    assert str(day.interest) == "1.2345678900"


def test_the_days_of_a_period_are_whole_numbers_over_one_denominator() -> None:
    one = algorithm(TIERED, accrual_digits=4)
    rates = period_rates(one, "EUR", FIRST, FIRST + timedelta(days=2))
    assert (rates.algorithm, rates.currency, rates.denominator) == (one, "EUR", 10_000)
    tiers = ((0, 1), (10_000_000, 2))
    assert rates.days == tuple(
        DayRates(day=FIRST + timedelta(days=number), tiers=tiers, overdraft=3)
        for number in range(2)
    )
    assert (rates.basis_digits, rates.minor_unit) == (4, 100)


def test_a_period_is_its_own_coupon_period() -> None:
    one = algorithm(change((0, "12")), day_count="Act/Act ICMA")
    made = period_rates(one, "EUR", FIRST, date(2026, 4, 1))
    assert accrue(made, [D(3100)] * 31).minor == 3100, "a month is a twelfth of a year"


def test_steps_lead_from_one_algorithm_to_the_other_aspect_by_aspect() -> None:
    before = ALGORITHMS["v1"]
    after = replace(ALGORITHMS["v2"], day_count="Act/360", rounding="toward_zero")
    first = replace(before, day_count="Act/360")
    second = replace(first, rate_read="of_each_day")
    assert algorithms.steps(before, after) == (
        ("day_count", first),
        ("rate_read", second),
        ("rounding", replace(second, rounding="toward_zero")),
    )
    assert algorithms.steps(after, after) == ()


V2 = ALGORITHMS["v2"]
CONVENTIONS = (
    "30/360 Bond Basis, 30/360 US, 30E/360 Eurobond Basis, 30E/360 ISDA, Act/360, Act/365,"
    " Act/365.25, Act/366, Act/Act ISDA, Act/Act ICMA, Act/Act AFB"
)
SAID: list[tuple[Callable[[], object], str, str]] = [
    (
        lambda: replace(V2, day_count="Act/364"),
        "day_count_must_be_known",
        f"day count 'Act/364': expected one of {CONVENTIONS}, found none of that name.",
    ),
    (
        lambda: year_fraction(
            "Act/Act ICMA",
            FIRST,
            date(2026, 4, 1),
            terms=Terms(reference=(FIRST, date(2026, 3, 11))),
        ),
        "reference_period_must_last_a_month",
        "coupon period 2026-03-01 to 2026-03-11: expected about a month or more, found 10 days.",
    ),
    (
        lambda: replace(V2, accrual_digits=3),
        "accrual_digits_must_fit",
        "algorithm v2: expected 4 to 10, found 3.",
    ),
    (
        lambda: replace(V2, accrual_digits=11),
        "accrual_digits_must_fit",
        "algorithm v2: expected 4 to 10, found 11.",
    ),
    (
        lambda: replace(V2, rates={"XXX": ()}),
        "currency_must_have_a_minor_unit",
        "algorithm v2: expected rates of currencies whose amounts can be rounded, found XXX.",
    ),
    (
        lambda: change((5, "1"), (7, "1")),
        "tiers_must_rise_from_zero",
        "rates from 2026-03-01: expected tiers whose balances start at 0 and rise, found 5, 7.",
    ),
    (
        lambda: change((0, "1"), (7, "1"), (7, "2")),
        "tiers_must_rise_from_zero",
        "rates from 2026-03-01: expected tiers whose balances start at 0 and rise, found 0, 7, 7.",
    ),
    (
        change,
        "tiers_must_rise_from_zero",
        "rates from 2026-03-01: expected tiers whose balances start at 0 and rise, found no tier.",
    ),
    (
        lambda: period_rates(V2, "EUR", FIRST, FIRST),
        "period_must_have_a_day",
        "period of an accrual: expected an end after 2026-03-01, found 2026-03-01.",
    ),
    (
        lambda: algorithms.get("v0"),
        "algorithm_must_be_known",
        "interest algorithm 'v0': expected one of v1, v2, found none of that name."
        " `ledgerlake interest algorithms` shows them.",
    ),
    (
        lambda: earned(V2, "0.00001"),
        "balance_must_have_the_lakes_digits",
        "balance of a day or tier: expected at most 4 decimals, found 0.00001.",
    ),
]


@pytest.mark.parametrize(("do", "rule", "text"), SAID, ids=[text for *_, text in SAID])
def test_what_is_wrong_is_refused_in_these_words(
    do: Callable[[], object], rule: str, text: str
) -> None:
    with pytest.raises(IncorrectInput) as refused:
        do()
    assert (refused.value.rule, str(refused.value)) == (rule, text)


def test_rates_are_declared_as_text() -> None:
    said = algorithms._change(FIRST, ("0", "3.6"), ("1000", "7.2"), overdraft="10.8")
    assert said == TIERED
    assert algorithms._change(FIRST, ("0", "1")) == change((0, "1"))


def test_every_currency_of_the_declared_rates_is_looked_at() -> None:
    assert algorithms.get("v1") is ALGORITHMS["v1"]
    with pytest.raises(IncorrectInput, match="XAU"):
        replace(V2, rates={"EUR": (), "XAU": ()})
