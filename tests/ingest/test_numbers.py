"""Numbers of source files become the decimal they were written as, or name their broken rule."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.mapping import numbers

amounts = st.decimals(
    min_value=-(10**13), max_value=10**13, places=4, allow_nan=False, allow_infinity=False
)


def _one(value: object, dtype: pl.DataType | None = None) -> tuple[Decimal | None, str | None]:
    converted = numbers.event_decimal(pl.Series([value], dtype=dtype))
    fault = None if converted.fault is None else converted.fault[0]
    return converted.values[0], fault


@given(st.lists(amounts, min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_every_amount_written_as_text_is_kept_to_the_digit(values: list[Decimal]) -> None:
    converted = numbers.event_decimal(pl.Series([f"{value:f}" for value in values]))
    assert converted.fault is None
    assert converted.values.to_list() == values


@given(st.lists(st.integers(-(2**52) // 10**4, 2**52 // 10**4), min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_floats_become_the_decimal_they_print_as(unscaled: list[int]) -> None:
    values = [Decimal(one).scaleb(-4) for one in unscaled]
    converted = numbers.event_decimal(pl.Series([float(value) for value in values]))
    assert converted.fault is None
    assert converted.values.to_list() == values


@example(274877906944.9863)
@given(st.floats(min_value=-1e13, max_value=1e13, allow_nan=False))
@settings(max_examples=300, deadline=None)
def test_a_float_is_taken_only_if_its_shortest_text_has_four_decimals(value: float) -> None:
    amount, fault = _one(value)
    shortest = Decimal(repr(value))
    if abs(value) < 2**52 / 10**4:
        exact = shortest == round(shortest, 4)
        assert (amount == shortest) if exact else (fault == "must_have_at_most_4_decimals")
    elif amount is not None:
        assert float(amount) == value


def test_prices_that_no_binary_float_holds_multiply_exactly() -> None:
    prices = numbers.column_decimal(pl.Series([2.55, 0.001, 11062.06])).values
    quantities = pl.Series([6, 30, -1])
    product = pl.DataFrame({"p": prices, "q": quantities}).select(pl.col("p") * pl.col("q"))
    amounts = numbers.event_decimal(product.to_series()).values.to_list()
    assert amounts == [Decimal("15.30"), Decimal("0.03"), Decimal("-11062.06")]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("NaN", "must_be_finite"),
        ("-inf", "must_be_finite"),
        ("Infinity", "must_be_finite"),
        ("12.34567", "must_have_at_most_4_decimals"),
        ("0.00001", "must_have_at_most_4_decimals"),
        ("100000000000000", "must_be_within_range"),
        ("-99999999999999999999999999", "must_be_within_range"),
        ("1e3", "must_be_a_number"),
        ("1,234.50", "must_be_a_number"),
        ("12.3 EUR", "must_be_a_number"),
        ("", "must_be_a_number"),
        ("--1", "must_be_a_number"),
        ("\u0661\u0662", "must_be_a_number"),
    ],
)
def test_text_that_is_no_amount_names_its_rule(text: str, fault: str) -> None:
    assert _one(text) == (None, fault)


@pytest.mark.parametrize("text", ["99999999999999.9999", "-99999999999999.9999", "0", "-0", "7."])
def test_text_at_the_edges_is_taken(text: str) -> None:
    amount, fault = _one(text)
    assert fault is None
    assert amount == Decimal(text)


@pytest.mark.parametrize("text", ["1.500000000", "+1.5", "01.5", "1.5000"])
def test_zeros_and_signs_do_not_change_an_amount(text: str) -> None:
    assert _one(text) == (Decimal("1.5"), None)


@pytest.mark.parametrize(
    ("value", "dtype", "fault"),
    [
        (float("nan"), pl.Float64(), "must_be_finite"),
        (float("inf"), pl.Float64(), "must_be_finite"),
        (float("-inf"), pl.Float32(), "must_be_finite"),
        (0.12345, pl.Float64(), "must_have_at_most_4_decimals"),
        (1e15, pl.Float64(), "must_be_within_range"),
        (10**14, pl.Int64(), "must_be_within_range"),
        (2**63, pl.UInt64(), "must_be_within_range"),
        (Decimal("0.00001"), pl.Decimal(38, 5), "must_have_at_most_4_decimals"),
        (Decimal(10**20), pl.Decimal(38, 2), "must_be_within_range"),
    ],
)
def test_typed_values_that_are_no_amount_name_their_rule(
    value: object, dtype: pl.DataType, fault: str
) -> None:
    assert _one(value, dtype) == (None, fault)


def test_missing_values_stay_missing_and_break_nothing() -> None:
    for dtype in (pl.String, pl.Float64, pl.Int32, pl.Null, pl.Decimal(10, 2)):
        converted = numbers.event_decimal(pl.Series([None, None], dtype=dtype))
        assert converted.values.to_list() == [None, None]
        assert converted.fault is None


def test_minor_units_follow_the_currency() -> None:
    codes = pl.Series(["EUR", "JPY", "BHD", "CLF", None, "XXX"])
    scale = numbers.minor_unit_scale(codes)
    given = pl.Series([1234, 1234, 1234, 1234, 1234, 1234])
    converted = numbers.event_decimal(given, scale=scale)
    expected = [Decimal(t) for t in ("12.34", "1234", "1.234", "0.1234")]
    assert converted.values.to_list() == [*expected, None, None]
    assert converted.fault is not None
    assert converted.fault.to_list()[-1] == "must_have_a_currency_with_a_minor_unit"


def test_a_scale_is_applied_exactly_or_not_at_all() -> None:
    given = pl.Series(["1234", "12345"])
    converted = numbers.event_decimal(given, scale=Decimal("0.001"))
    assert converted.values.to_list() == [Decimal("1.234"), Decimal("12.345")]
    finer = numbers.event_decimal(given, scale=Decimal("0.00001"))
    assert finer.values.to_list() == [None, None]
    assert finer.fault is not None
    assert finer.fault.unique().to_list() == ["must_have_at_most_4_decimals"]


def test_integers_may_be_written_with_a_zero_fraction_only() -> None:
    converted = numbers.column_integer(pl.Series(["7", "7.0", "7.5", ".5", "x", None]))
    assert converted.values.to_list() == [7, 7, None, None, None, None]
    assert converted.fault is not None
    faults = [None, None, "must_be_whole", "must_be_whole", "must_be_a_number", None]
    assert converted.fault.to_list() == faults
