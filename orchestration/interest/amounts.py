"""Minor units as the lake's amounts, and names of what is posted, in SQL.

Called by `accrue` and `replay`.
"""

from collections.abc import Iterable, Sequence

import duckdb

from ledger.currency import minor_digits
from ledger.interest.algorithms import Algorithm

MINOR_UNITS = "minor_units"


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
