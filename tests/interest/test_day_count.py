"""Day counts and yields as others published them, through both engines where money is made."""

import json
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import IncorrectInput
from ledger.interest.accrual import accrue, period_rates
from ledger.interest.algorithms import Algorithm
from ledger.interest.day_count import CONVENTIONS, NO_TERMS, Terms, _over, year_fraction
from ledger.interest.rates import RateChange, Tier
from tests.interest.computing import in_sql

CASES = json.loads(
    (Path(__file__).parents[1] / "data" / "cases" / "day_count_and_apy.json").read_text("utf-8")
)
FRACTIONS: list[dict[str, Any]] = CASES["day_count_cases"]
YIELDS: list[dict[str, Any]] = CASES["reg_dd_apy_cases"]
DAY = timedelta(days=1)

REGULATION_DD = Algorithm(
    name="regulation_dd",
    says="",
    day_count="Act/365",
    compounding="daily",
    rates={
        "USD": (
            RateChange(
                first_date=date(2000, 1, 1),
                tiers=(
                    Tier(Decimal(0), Decimal("5.25")),
                    Tier(Decimal(2500), Decimal("5.50")),
                    Tier(Decimal(15000), Decimal("5.75")),
                ),
            ),
        )
    },
)


def test_all_published_rows_are_here() -> None:
    assert (len(FRACTIONS), len(YIELDS)) == (169, 3)
    assert Counter(one["convention"] for one in FRACTIONS).keys() <= CONVENTIONS.keys()


@pytest.mark.parametrize("convention", sorted({one["convention"] for one in FRACTIONS}))
def test_fractions_are_those_published(convention: str) -> None:
    wrong = []
    for case in (one for one in FRACTIONS if one["convention"] == convention):
        found = year_fraction(
            convention, _day(case["start"]), _day(case["end"]), terms=_terms(case)
        )
        close = abs(found - Fraction(case["year_fraction"])) <= CASES["tolerance"]["year_fraction"]
        days = found * 360 if "/360" in convention else Fraction(case.get("days", 0))
        if not close or days != case.get("days", days):
            wrong.append((case, found))
    assert not wrong


def _terms(case: dict[str, Any]) -> Terms:
    reference = None
    if "reference_start" in case:
        reference = (_day(case["reference_start"]), _day(case["reference_end"]))
    termination = case.get("termination_date")
    return Terms(reference=reference, termination=termination and _day(termination))


def _day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize("case", YIELDS, ids=lambda case: f"{case['principal']} dollars")
def test_a_year_of_tiered_deposits_earns_what_regulation_dd_publishes(case: dict[str, Any]) -> None:
    first, end = date(2025, 1, 1), date(2026, 1, 1)
    rates = period_rates(REGULATION_DD, "USD", first, end)
    made = accrue(rates, [Decimal(case["principal"])] * case["days"])
    assert made.amount == Decimal(str(case["interest_published"]))
    exact = sum(day.interest for day in made.days)
    assert abs(exact - Decimal(str(case["interest_exact"]))) < Decimal("0.000001")
    apy = made.amount / case["principal"] * 100
    assert round(apy, 2) == Decimal(str(case["apy_published_pct"]))


def test_sql_makes_the_same_of_regulation_dd() -> None:
    balances = [[Decimal(one["principal"])] * 365 for one in YIELDS]
    found = in_sql([REGULATION_DD], "USD", date(2025, 1, 1), balances)
    published = [int(Decimal(str(one["interest_published"])) * 100) for one in YIELDS]
    assert [minor for (minor,) in found] == published


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_fraction_turned_around_is_negative_and_no_days_are_none(convention: str) -> None:
    start, end = date(2024, 1, 15), date(2024, 4, 15)
    terms = Terms(reference=(start, end))
    there = year_fraction(convention, start, end, terms=terms)
    assert there > 0
    assert year_fraction(convention, end, start, terms=terms) == -there
    assert year_fraction(convention, start, start, terms=terms) == 0


@pytest.mark.parametrize(
    ("convention", "parts"), [("Act/360", Fraction(31, 360)), ("Act/365", Fraction(31, 365))]
)
def test_actual_days_over_a_fixed_year(convention: str, parts: Fraction) -> None:
    start, end = date(2026, 1, 1), date(2026, 2, 1)
    assert year_fraction(convention, start, end) == parts
    assert _over(31 / parts)(start, end, NO_TERMS) == parts


def test_coupon_days_beyond_the_reference_lie_in_periods_like_it() -> None:
    terms = Terms(reference=(date(2026, 1, 31), date(2026, 2, 28)))
    found = year_fraction("Act/Act ICMA", date(2026, 1, 31), date(2026, 4, 30), terms=terms)
    assert found == Fraction(3, 12)


@pytest.mark.parametrize(
    ("reference", "start", "end", "expected"),
    [
        (("2026-01-01", "2026-02-01"), "2026-03-01", "2026-04-01", Fraction(1, 12)),
        (("2026-01-01", "2026-02-01"), "2025-11-01", "2025-12-01", Fraction(1, 12)),
        (("2025-10-31", "2025-11-30"), "2025-10-31", "2026-01-31", Fraction(3, 12)),
        (("2026-01-01", "2026-12-17"), "2026-01-01", "2026-12-17", Fraction(1)),
    ],
)
def test_coupon_periods_go_on_before_and_after_the_reference(
    reference: tuple[str, str], start: str, end: str, expected: Fraction
) -> None:
    """Of 350 days are twelve months; the last of a month goes on to the last of the next."""
    terms = Terms(reference=(_day(reference[0]), _day(reference[1])))
    assert year_fraction("Act/Act ICMA", _day(start), _day(end), terms=terms) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2023-03-01", "2026-04-01", 3 + Fraction(31, 365)),
        ("2023-01-15", "2026-01-15", Fraction(3)),
        ("2024-02-29", "2025-02-28", Fraction(1)),
        ("2024-02-29", "2024-03-10", Fraction(10, 366)),
        ("2024-02-01", "2024-02-29", Fraction(28, 365)),
        ("2023-12-15", "2024-03-15", Fraction(91, 366)),
    ],
)
def test_the_french_count_whole_years_back_from_the_end(
    start: str, end: str, expected: Fraction
) -> None:
    assert year_fraction("Act/Act AFB", _day(start), _day(end)) == expected


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2025-01-30", "2025-03-31", 60),
        ("2025-01-31", "2025-03-31", 60),
        ("2025-01-29", "2025-03-31", 62),
        ("2025-02-28", "2025-03-31", 30),
        ("2025-02-28", "2026-02-28", 360),
        ("2024-02-28", "2025-02-28", 360),
        ("2025-01-30", "2025-02-28", 28),
    ],
)
def test_a_31st_and_the_last_of_february_are_30ths_in_america(
    start: str, end: str, days: int
) -> None:
    assert year_fraction("30/360 US", _day(start), _day(end)) == Fraction(days, 360)


def test_a_leap_day_counts_in_a_year_of_366_to_the_french() -> None:
    found = year_fraction("Act/Act AFB", date(2024, 2, 1), date(2024, 3, 1))
    assert found == Fraction(29, 366)
    assert year_fraction("Act/Act AFB", date(2024, 2, 29), date(2028, 2, 29)) == 4


def test_what_is_no_convention_or_period_is_refused() -> None:
    with pytest.raises(IncorrectInput, match="Act/Act ISDA") as refused:
        year_fraction("Act/364", date(2026, 1, 1), date(2026, 2, 1))
    assert refused.value.rule == "day_count_must_be_known"
    terms = Terms(reference=(date(2026, 1, 1), date(2026, 1, 2)))
    with pytest.raises(IncorrectInput) as refused:
        year_fraction("Act/Act ICMA", date(2026, 1, 1), date(2026, 2, 1), terms=terms)
    assert refused.value.rule == "reference_period_must_last_a_month"
