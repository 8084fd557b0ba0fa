"""Numbers of source files as exact decimals, or the rule a value breaks.

Holds conversion of text, integers, floats and decimals to fixed point without rounding, and the
scaling of amounts. Does not know columns or contracts. Called by `mapping.apply`.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from audit.canonical import DECIMAL_SCALE, Kind
from ledger import currency

EVENT_DECIMAL: Final = Kind.DECIMAL.polars_type
WORK_SCALE: Final = 12
WORK: Final = pl.Decimal(38, WORK_SCALE)
"""Where values are computed: 26 digits before the point, so a product of two columns fits."""

COLUMN_DECIMALS_MAX: Final = WORK_SCALE // 2
"""Decimals of a column typed `decimal`: the product of two such columns is exact in WORK."""
COLUMN_DIGITS_MAX: Final = 13
AMOUNT_BELOW: Final = Decimal(10) ** 14
"""DECIMAL(18,4) ends here."""

_PLAIN = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)$"
_NOT_FINITE = r"(?i)^[+-]?(?:nan|inf|infinity)$"
# Above 2^52 a product of a float and a power of ten may round to a neighbouring integer.
_EXACT_BELOW = float(2**52)


@dataclass(frozen=True)
class Converted:
    """`values`, null where `fault` names the broken rule (without the column's name) or is given
    as null. `fault` is None when no value broke one."""

    values: pl.Series
    fault: pl.Series | None


def is_number_like(dtype: pl.DataType) -> bool:
    """Types that can stand for a number: numbers, text, and a column of nulls only."""
    return dtype.is_numeric() or dtype in (pl.String, pl.Null)


def column_decimal(given: pl.Series) -> Converted:
    """A column typed `decimal`: at most 13 digits before and 6 after the point."""
    values = _within(_exact(given, COLUMN_DECIMALS_MAX), Decimal(10) ** COLUMN_DIGITS_MAX)
    return _with_faults(given, values, COLUMN_DECIMALS_MAX, Decimal(10) ** COLUMN_DIGITS_MAX)


def column_integer(given: pl.Series) -> Converted:
    """A column typed `integer`: whole, at most 13 digits (text such as 7 or 7.0 too)."""
    values = _within(_exact(given, 0), Decimal(10) ** COLUMN_DIGITS_MAX)
    converted = _with_faults(given, values, 0, Decimal(10) ** COLUMN_DIGITS_MAX)
    return Converted(converted.values.cast(pl.Int64), converted.fault)


def event_decimal(given: pl.Series, *, scale: pl.Series | Decimal | None = None) -> Converted:
    """An amount or quantity as DECIMAL(18,4), times `scale` (per row or for all), unrounded."""
    worked = _exact(given, WORK_SCALE if scale is not None else DECIMAL_SCALE)
    if scale is not None:
        worked = _scaled(worked, scale)
    worked = _within(worked, AMOUNT_BELOW)
    narrow = worked.cast(pl.Decimal(38, DECIMAL_SCALE))
    values = _null_where(narrow, narrow != worked).cast(EVENT_DECIMAL)
    if values.null_count() == given.null_count():
        return Converted(values, None)
    return _with_faults(given, values, DECIMAL_SCALE, AMOUNT_BELOW, scale)


def minor_unit_scale(codes: pl.Series) -> pl.Series:
    """Per row the factor of an amount in minor units; null where the currency has no such unit."""
    scales = {
        code: Decimal(1).scaleb(-digits)
        for code, digits in currency.MINOR_DIGITS.items()
        if digits is not None
    }
    distinct = codes.unique()
    table = pl.DataFrame(
        {"code": distinct, "scale": [scales.get(code) for code in distinct.to_list()]},
        schema={"code": pl.String, "scale": WORK},
    )
    return codes.to_frame("code").join(table, on="code", how="left", maintain_order="left")["scale"]


def _exact(given: pl.Series, decimals: int) -> pl.Series:
    """As WORK where the value has at most `decimals` decimals and fits, else null."""
    if given.dtype == pl.Null:
        return given.cast(WORK)
    if given.dtype == pl.String:
        return _from_text(given, decimals)
    if given.dtype.is_float():
        return _from_float(given.cast(pl.Float64), decimals)
    if isinstance(given.dtype, pl.Decimal):
        wide = _within(given.cast(pl.Decimal(38, given.dtype.scale)), Decimal(10) ** 20)
        return _exact_decimals(wide, decimals)
    bounded = given.cast(pl.Int64, strict=False)
    return _within(bounded, Decimal(10) ** 18).cast(WORK)


def _exact_decimals(wide: pl.Series, decimals: int) -> pl.Series:
    """Decimals of any scale as WORK; those with more than `decimals` decimals as null."""
    narrow = wide.cast(pl.Decimal(38, min(decimals, WORK_SCALE)))
    return _null_where(narrow, narrow != wide).cast(WORK)


def _from_text(given: pl.Series, decimals: int) -> pl.Series:
    fraction = rf"[0-9]{{1,{decimals}}}0*" if decimals else "0+"
    whole = rf"[0-9]{{1,20}}(?:\.[0-9]{{0,{decimals}}}0*)?"
    fits = given.str.contains(rf"^[+-]?(?:{whole}|\.{fraction})$")
    return _null_where(given, ~fits).cast(WORK, strict=False)


def _from_float(given: pl.Series, decimals: int) -> pl.Series:
    """Exactly the decimal a float was written as: q / 10^s is the float again, q below 2^52.

    For a size of value where `decimals` decimals cannot be told apart, fewer are tried. NumPy,
    because Polars divides by a constant by multiplying with its reciprocal, which rounds twice.
    """
    x = given.to_numpy()
    size = np.where(np.isfinite(x), np.abs(x), np.inf)
    largest = float(np.max(size, where=np.isfinite(size), initial=0.0))
    values = pl.Series([None], dtype=WORK).new_from_index(0, len(x))
    done_to = -1.0
    for scale in range(min(decimals, COLUMN_DECIMALS_MAX), -1, -1):
        if done_to >= largest:
            break
        limit = _EXACT_BELOW / 10**scale
        here = (size > done_to) & (size <= limit)
        nearest = np.rint(np.where(here, x, 0.0) * 10.0**scale)
        # Near 2^52 the product may round past its integer, so the neighbours are tried too; at
        # most one of the three gives the float back, as the decimals lie further apart than floats.
        for q in (nearest, nearest - 1, nearest + 1):
            exact = here & (q / 10.0**scale == x)
            values = _filled(values, q.astype(np.int64), exact, scale)
            here &= ~exact
            if not here.any():
                break
        done_to = limit
    return values


def _filled(
    values: pl.Series, q: NDArray[np.int64], where: NDArray[np.bool_], scale: int
) -> pl.Series:
    """`values` with q / 10^scale put where `where`."""
    frame = pl.DataFrame({"v": values, "q": q, "here": where})
    unit = pl.lit(Decimal(1).scaleb(-scale), dtype=WORK)
    exact = pl.when("here").then(pl.col("q").cast(WORK) * unit)
    return frame.select(pl.coalesce(exact, "v")).to_series()


def _scaled(worked: pl.Series, scale: pl.Series | Decimal) -> pl.Series:
    """worked x scale where that is exact (x / scale gives the value back), else null."""
    factor = scale if isinstance(scale, pl.Series) else pl.Series([scale], dtype=WORK)
    frame = pl.DataFrame({"x": _within(worked, Decimal(10) ** 19)})
    frame = frame.with_columns(
        scale=factor if len(factor) == frame.height else pl.lit(factor.item(), dtype=WORK)
    )
    product = frame.select(pl.col("x") * pl.col("scale")).to_series()
    back = frame.with_columns(p=_within(product, AMOUNT_BELOW)).select(
        pl.col("p") / pl.col("scale")
    )
    return _null_where(product, back.to_series() != frame["x"])


def _within(values: pl.Series, below: Decimal) -> pl.Series:
    limit = pl.lit(below)
    return values.to_frame("v").select(pl.when(pl.col("v").abs() < limit).then("v")).to_series()


def _null_where(values: pl.Series, mask: pl.Series) -> pl.Series:
    if not mask.any():
        return values
    return (
        pl.DataFrame({"v": values, "m": mask}).select(pl.when(~pl.col("m")).then("v")).to_series()
    )


def _with_faults(
    given: pl.Series,
    values: pl.Series,
    decimals: int,
    below: Decimal,
    scale: pl.Series | Decimal | None = None,
) -> Converted:
    """Name, for every value given but not converted, what is wrong with it."""
    bad = given.is_not_null() & values.is_null()
    if not bad.any():
        return Converted(values, None)
    text = given.cast(pl.String)
    approximate = text.cast(pl.Float64, strict=False).abs()
    if scale is not None:
        factor = scale.cast(pl.Float64) if isinstance(scale, pl.Series) else float(scale)
        approximate = approximate * factor
    precision = f"must_have_at_most_{decimals}_decimals" if decimals else "must_be_whole"
    frame = pl.DataFrame({"text": text, "bad": bad, "size": approximate})
    fault = (
        pl.when(~pl.col("bad"))
        .then(None)
        .when(pl.col("text").str.contains(_NOT_FINITE))
        .then(pl.lit("must_be_finite"))
        .when((given.dtype == pl.String) & ~pl.col("text").str.contains(_PLAIN))
        .then(pl.lit("must_be_a_number"))
        .when(pl.col("size").is_null())
        .then(pl.lit("must_have_a_currency_with_a_minor_unit"))
        .when(pl.col("size") >= float(below))
        .then(pl.lit("must_be_within_range"))
        .otherwise(pl.lit(precision))
    )
    return Converted(values, frame.select(fault.alias("fault")).to_series())
