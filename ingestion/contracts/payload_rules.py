"""The rules for what a payload object must hold, for contracts that name payload fields.

Holds `of`. Reads fields out of the payload's JSON text, so it costs only the rows of types that
have such fields (control events: few). Called by `contracts.checks`.
"""

import zoneinfo
from collections.abc import Iterator
from functools import cache

import polars as pl

from ingestion.contracts.registry import Contract, Kind, PayloadField
from ingestion.contracts.rules import Rule

_PATTERNS: dict[Kind, tuple[str, str, str]] = {
    "integer": ("an_integer", r"^-?[0-9]{1,18}$", "a whole number"),
    "decimal": ("a_number", r"^-?[0-9]{1,14}(\.[0-9]+)?$", "a number"),
    "boolean": ("true_or_false", r"^(true|false)$", "true or false"),
    "list": ("a_list", r"(?s)^\[.*\]$", "a list"),
    "date": ("a_date", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "a date as 2026-01-31"),
    "time_of_day": (
        "a_time_of_day",
        r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
        "a time from 00:00 to 23:59",
    ),
}


def of(contract: Contract, applies: pl.Expr, schema: pl.Schema) -> Iterator[Rule]:
    """Rules for the payload fields of `contract`, for the rows where `applies` holds."""
    for name, field in contract.payload.items():
        value = pl.when(applies).then(pl.col("payload")).str.json_path_match(f"$.{name}")
        given = value.is_not_null()
        if field.required:
            yield Rule(
                f"payload_{name}_must_be_given",
                applies & value.is_null(),
                f"a field {name!r} in the payload, as {contract.event_type} demands",
                value,
            )
        yield from _kind_rules(name, field, value, given)
        yield from _bounds(name, field, value)
        if field.column and schema[field.column] == pl.String:
            yield Rule(
                f"payload_{name}_must_equal_{field.column}",
                value != pl.col(field.column),
                pl.col(field.column),
                value,
            )


def _kind_rules(name: str, field: PayloadField, value: pl.Expr, given: pl.Expr) -> Iterator[Rule]:
    if field.kind == "time_zone":
        yield Rule(
            f"payload_{name}_must_be_an_iana_time_zone",
            given & ~value.is_in(time_zones()),
            "a name such as Europe/London",
            value,
        )
    elif field.kind in _PATTERNS:
        word, pattern, expected = _PATTERNS[field.kind]
        wrong = ~value.str.contains(pattern)
        if field.kind == "date":
            wrong = wrong | value.str.to_date("%Y-%m-%d", strict=False).is_null()
        yield Rule(f"payload_{name}_must_be_{word}", given & wrong, expected, value)


def _bounds(name: str, field: PayloadField, value: pl.Expr) -> Iterator[Rule]:
    if field.minimum is None and field.maximum is None:
        return
    number = value.cast(pl.Int64, strict=False)
    yield Rule(
        f"payload_{name}_must_be_within_range",
        ~number.is_between(field.minimum, field.maximum),
        f"{field.minimum} to {field.maximum}",
        value,
    )


@cache
def time_zones() -> list[str]:
    """Every IANA time zone name this machine knows."""
    return sorted(zoneinfo.available_timezones())
