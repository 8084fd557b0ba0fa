"""SQL and Python make the same of any declaration and any balances, to the last minor unit."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import NotSupported
from ledger.interest.accrual import accrue, period_rates
from ledger.interest.algorithms import ALGORITHMS, Algorithm
from ledger.interest.day_count import CONVENTIONS
from ledger.interest.rates import RateChange, Tier
from ledger.interest.rounding import Rounding, divide
from tests.interest.computing import in_sql

FIRST = date(2024, 2, 1)
STARTS = (date(2023, 12, 29), date(2024, 1, 29), date(2024, 2, 26), date(2023, 2, 27))
"""Days before the ends of months, of years and of both Februaries: where conventions differ."""

percents = st.decimals(min_value=-2, max_value=30, places=3)
amounts = st.one_of(
    st.decimals(min_value=-5_000, max_value=50_000, places=2),
    st.decimals(min_value=-(10**13), max_value=10**13, places=4),
    st.sampled_from([Decimal(0), Decimal(1000), Decimal("999.9999"), Decimal("-0.0001")]),
)


@st.composite
def rate_changes(draw: st.DrawFn) -> tuple[RateChange, ...]:
    begins = draw(st.lists(st.dates(STARTS[0], STARTS[2] + timedelta(days=5)), max_size=3))
    found = []
    for start in sorted(set(begins)):
        rises = draw(st.lists(st.sampled_from([100, 1000, 5000]), max_size=2, unique=True))
        tiers = [Tier(Decimal(one), draw(percents)) for one in (0, *sorted(rises))]
        found.append(
            RateChange(
                first_date=start,
                tiers=tuple(tiers),
                overdraft_percent=draw(percents),
            )
        )
    return tuple(found)


@st.composite
def declared(draw: st.DrawFn) -> Algorithm:
    rounding = st.sampled_from(["half_even", "half_away", "toward_zero"])
    return Algorithm(
        name="drawn",
        says="",
        day_count=draw(st.sampled_from(sorted({*CONVENTIONS} - {"Act/Act ICMA"}))),
        rates={"EUR": draw(rate_changes()), "JPY": draw(rate_changes())},
        rate_read=draw(st.sampled_from(["of_each_day", "of_the_first_day"])),
        tiering=draw(st.sampled_from(["whole_balance", "each_part"])),
        compounding=draw(st.sampled_from(["when_posted", "daily"])),
        accrual_digits=draw(st.integers(4, 10)),
        daily_rounding=draw(rounding),
        rounding=draw(rounding),
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(declared(), min_size=1, max_size=2), st.sampled_from(["EUR", "JPY"]), st.data())
def test_both_engines_agree(variants: list[Algorithm], currency: str, data: st.DataObject) -> None:
    first, days = data.draw(st.sampled_from(STARTS)), data.draw(st.integers(1, 9))
    few = st.lists(amounts, min_size=1, max_size=4)
    accounts = data.draw(st.lists(few, min_size=1, max_size=5))
    balances = [[one[day * len(one) // days] for day in range(days)] for one in accounts]
    found = in_sql(variants, currency, first, balances)
    rates = [period_rates(one, currency, first, first + timedelta(days=days)) for one in variants]
    assert found == [[accrue(one, account).minor for one in rates] for account in balances]


@pytest.mark.nightly
@settings(max_examples=3_000, deadline=None)
@given(st.lists(declared(), min_size=1, max_size=2), st.sampled_from(["EUR", "JPY"]), st.data())
def test_both_engines_agree_on_many_more(
    variants: list[Algorithm], currency: str, data: st.DataObject
) -> None:
    test_both_engines_agree.hypothesis.inner_test(variants, currency, data)  # type: ignore[attr-defined]


@settings(deadline=None)
@given(st.integers(-(10**30), 10**30), st.integers(1, 10**12))
def test_rounding_is_to_the_nearest_and_ties_as_declared(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    assert divide(numerator, denominator, "half_even") == round(exact)
    assert divide(numerator, denominator, "toward_zero") == int(exact)
    away = divide(numerator, denominator, "half_away")
    assert abs(away - exact) <= Fraction(1, 2)
    if exact.denominator == 2:
        assert abs(away) > abs(exact)


@pytest.mark.parametrize("currency", ["CLF", "EUR"])
@pytest.mark.parametrize(
    ("mode", "rounded"),
    [
        ("half_even", [0, 2, 2, 0, -2]),
        ("half_away", [1, 2, 3, -1, -2]),
        ("toward_zero", [0, 1, 2, 0, -1]),
    ],
)
def test_ties_fall_as_declared_in_both_engines(
    mode: Rounding, rounded: list[int], currency: str
) -> None:
    """Of a day where the currency has all the accrual's digits, else of the sum."""
    change = RateChange(
        first_date=FIRST,
        tiers=(Tier(Decimal(0), Decimal("1.8")),),
        overdraft_percent=Decimal("1.8"),
    )
    one = Algorithm(
        name="ties",
        says="",
        day_count="Act/360",
        rates={currency: (change,)},
        accrual_digits=4,
        daily_rounding=mode if currency == "CLF" else "toward_zero",
        rounding=mode,
    )
    times = 1 if currency == "CLF" else 100
    balances = [[Decimal(halves * times)] for halves in (1, 3, 5, -1, -3)]
    assert in_sql([one], currency, FIRST, balances) == [[minor] for minor in rounded]
    rates = period_rates(one, currency, FIRST, FIRST + timedelta(days=1))
    assert [accrue(rates, account).minor for account in balances] == rounded


def test_a_balance_beyond_128_bits_is_refused_and_no_wrong_figure() -> None:
    with pytest.raises(NotSupported) as refused:
        in_sql([ALGORITHMS["v2"]], "EUR", FIRST, [[Decimal(10**33)]])
    assert refused.value.rule == "balance_must_fit_128_bits"


@pytest.mark.parametrize("compounding", ["when_posted", "daily"])
def test_they_agree_on_coupon_days_and_over_more_days_than_one_statement_has(
    compounding: str,
) -> None:
    variants = [
        replace(one, day_count="Act/Act ICMA", compounding=compounding)
        for one in list(ALGORITHMS.values())[:2]
    ]
    balances = [[Decimal(1000 * (day % 29) - 900) for day in range(70)] for _ in range(3)]
    found = in_sql(variants, "GBP", date(2025, 12, 15), balances)
    end = date(2025, 12, 15) + timedelta(days=70)
    rates = [period_rates(one, "GBP", date(2025, 12, 15), end) for one in variants]
    assert found == [[accrue(one, account).minor for one in rates] for account in balances]


def test_a_change_in_the_middle_is_missed_by_v1_and_read_by_v2() -> None:
    first, balances = date(2026, 1, 1), [[Decimal(10_000)] * 31]
    ((missed, right),) = in_sql(list(ALGORITHMS.values())[:2], "EUR", first, balances)
    a_day = Decimal(10_000) / 365 / 100
    assert missed == round(a_day * 31 * Decimal("1.75") * 100)
    assert right == round(a_day * (15 * Decimal("1.75") + 16 * Decimal("2.15")) * 100)


def test_another_declaration_has_another_hash_and_another_sentence_about_it_has_not() -> None:
    v2 = ALGORITHMS["v2"]
    assert replace(v2, says="otherwise").sha256 == v2.sha256
    assert replace(v2, rounding="half_away").sha256 != v2.sha256
    assert ALGORITHMS["v1"].sha256 != v2.sha256
