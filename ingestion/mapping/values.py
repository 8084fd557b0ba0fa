"""Values of a chunk on their way from source columns to event columns.

Holds `Values` (a mapping's column, constant or expression, converted) and `Mapped`, which collects
event columns and a rule for each conversion that failed. Does not know which key goes where.
Called by `mapping.apply`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import polars as pl

from ingestion.contracts import Rule
from ingestion.mapping import numbers
from ingestion.mapping.expressions import Expression, evaluate
from ingestion.mapping.numbers import Converted
from ingestion.mapping.spec import AmountValue, Value
from ledger.errors import IncorrectInput

_EXPECTED: Final[Mapping[str, str]] = {
    "must_be_finite": "a finite number",
    "must_be_a_number": "a plain decimal number such as 12.34",
    "must_be_within_range": "a number of at most 14 digits before the point",
    "must_be_whole": "a whole number",
    "must_have_a_time_zone": "a time with its zone, such as 2026-01-31T10:00:00Z",
    "must_be_a_time": "a time in the mapping's format",
    "must_not_be_ambiguous": "a local time that occurs once in its zone",
    "must_exist_in_its_time_zone": "a local time that occurs in its zone",
    "must_have_a_currency_with_a_minor_unit": "a currency that has a minor unit",
}


@dataclass
class Mapped:
    """Event columns of a chunk's rows (no `family`, no source columns), and conversion rules.

    The rules read columns `given:*` and `fault:*` that stand beside the event columns.
    """

    columns: dict[str, pl.Series] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)

    def add(self, name: str, given: pl.Series, converted: Converted) -> None:
        self.columns[name] = converted.values
        self.add_fault(name, given, converted.fault)

    def add_fault(self, name: str, given: pl.Series, fault: pl.Series | None) -> None:
        if fault is None or fault.null_count() == len(fault):
            return
        position = len(self.rules)
        fault_name, given_name = f"fault:{position}", f"given:{position}"
        self.columns[fault_name], self.columns[given_name] = fault, given
        self.rules.append(_fault_rule(name, pl.col(fault_name), pl.col(given_name)))

    @property
    def rows(self) -> pl.DataFrame:
        return pl.DataFrame(self.columns)


@dataclass
class Values:
    """The values of one chunk: `typed` are its columns, `mapped` takes what comes out.

    `mapping` and `thing` name the mapping and the file in errors.
    """

    expressions: Mapping[str, Expression]
    typed: pl.DataFrame
    mapped: Mapped
    mapping: str
    thing: str

    def value(self, key: str, value: Value | None) -> pl.Series:
        rows = self.typed.height
        if value is None:
            return pl.Series([None], dtype=pl.String).new_from_index(0, rows)
        if value.column is not None:
            return self.typed.get_column(value.column)
        expression = self.expressions.get(key)
        if expression is None:
            return pl.Series([value.constant]).new_from_index(0, rows)
        return self._evaluated(key, expression)

    def text(self, key: str, value: Value | None) -> pl.Series:
        return as_text(self.value(key, value), f"key {key}", self.thing)

    def integer(self, key: str, value: Value | None) -> pl.Series:
        given = self.value(key, value)
        require_number(given, f"key {key}", self.thing)
        converted = numbers.column_integer(given)
        self.mapped.add_fault(key.removeprefix("event."), given, converted.fault)
        return converted.values

    def small_integer(self, key: str, value: Value) -> pl.Series:
        return self.integer(key, value).cast(pl.Int32, strict=False)

    def decimal(
        self, name: str, value: Value | None, scale: pl.Series | Decimal | None = None
    ) -> None:
        given = self.value(f"event.{name}", value)
        require_number(given, f"key event.{name}", self.thing)
        self.mapped.add(name, given, numbers.event_decimal(given, scale=scale))

    def amount(self, value: AmountValue | None) -> None:
        if value is None or (value.scale is None and value.unit == "major"):
            self.decimal("amount", value)
        elif value.scale is not None:
            self.decimal("amount", value, Decimal(value.scale))
        else:
            scale = numbers.minor_unit_scale(self.mapped.columns["currency"])
            self.decimal("amount", value, scale)

    def _evaluated(self, key: str, expression: Expression) -> pl.Series:
        result = evaluate(self.typed, expression, key=key, thing=f"{self.mapping} for {self.thing}")
        if result.failed:
            found = [result.failed.get(row) for row in range(self.typed.height)]
            given = pl.Series(found, dtype=pl.String)
            name = pl.lit("must_be_computable")
            fault = given.to_frame("g").select(pl.when(pl.col("g").is_not_null()).then(name))
            self.mapped.add_fault(
                key.replace("event.", "").replace(".", "_"), given, fault.to_series()
            )
        return result.values


def as_text(series: pl.Series, key: str, thing: str) -> pl.Series:
    if series.dtype == pl.String:
        return series
    if series.dtype.is_nested() or series.dtype == pl.Binary:
        raise _unfit(series, key, thing, "text, a number or a time")
    return series.cast(pl.String)


def require_number(series: pl.Series, key: str, thing: str) -> None:
    if not numbers.is_number_like(series.dtype):
        raise _unfit(series, key, thing, "a number or a text")


def _unfit(series: pl.Series, key: str, thing: str, expected: str) -> IncorrectInput:
    return IncorrectInput(
        "column_must_have_a_fitting_type",
        thing=f"{thing}, {key}",
        expected=expected,
        found=str(series.dtype),
        remedy="Point the mapping at another column, or convert it in an expression.",
    )


def _fault_rule(name: str, fault: pl.Expr, given: pl.Expr) -> Rule:
    expected = fault.replace_strict(_EXPECTED, default=None)
    decimals = pl.concat_str(
        pl.lit("at most "), fault.str.extract(r"([0-9]+)"), pl.lit(" decimals")
    )
    return Rule(
        name=pl.concat_str(pl.lit(f"{name}_"), fault),
        broken=fault.is_not_null(),
        expected=pl.coalesce(expected, decimals, pl.lit("a value that can be computed")),
        found=given,
    )
