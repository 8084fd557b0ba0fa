"""Minor units as the lake's amounts and names of what is posted, in SQL; amounts for people.

Called by `accrue`, `replay` and reports.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import duckdb

from ledger.currency import as_written, minor_digits
from ledger.interest.algorithms import Algorithm

MINOR_UNITS = "minor_units"
_AMOUNTS = {"old", "new", "delta", "posted", "below_materiality", "amount", "posted_amount"}
_WHY = "why_"


def load_minor_units(
    connection: duckdb.DuckDBPyConnection, algorithms: Iterable[Algorithm]
) -> None:
    """The table `minor_units`: currency, and one minor unit as a decimal amount."""
    currencies = sorted({currency for one in algorithms for currency in one.rates})
    rows = ", ".join(
        f"('{one}', cast('1e-{minor_digits(one)}' as decimal(5, 4)))" for one in currencies
    )
    connection.execute(
        f"create or replace temp table {MINOR_UNITS} as"
        f" select * from (values {rows}) as units (currency, minor_unit)"
    )


def as_amount(minor: str) -> str:
    """Minor units as an amount. Multiplied, not divided: DuckDB divides decimals as floats."""
    return f"cast(cast({minor} as decimal(20, 0)) * minor_unit as decimal(18, 4))"


def event_id(words: Sequence[str], *columns: str) -> str:
    """SHA-256 of fixed words and columns: the same fact has the same name in every run."""
    fixed = "\n".join(("interest", *words)).replace("'", "''")
    return "sha256(" + " || chr(10) || ".join((f"'{fixed}'", *columns)) + ")"


def written(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a plan, a notice or an explanation; its amounts, which come with 4 decimals or as
    text with 4, as decimals with those of its `currency`."""
    return {
        name: as_written(Decimal(one), row["currency"]) if _is_amount(name, one) else one
        for name, one in row.items()
    }


def _is_amount(name: str, value: Any) -> bool:
    return value is not None and (name in _AMOUNTS or name.startswith(_WHY))
