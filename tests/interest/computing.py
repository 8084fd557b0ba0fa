"""Balances given, interest by the SQL engine: one list of minor units per account.

Does not test. Called by the tests that hold the two engines against each other.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import duckdb

from ledger.interest.algorithms import Algorithm
from orchestration.interest.engine import Work, compute


def in_sql(
    variants: Sequence[Algorithm], currency: str, first: date, balances: Sequence[Sequence[Decimal]]
) -> list[list[int]]:
    """`balances`: of each account, at the beginning of each day from `first` on."""
    days = len(balances[0])
    columns = ", ".join(f"d{day} hugeint" for day in range(1, days + 1))
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.execute(f"create table given (account_id varchar, currency varchar, {columns})")
        marks = ", ".join("?" * (days + 2))
        connection.executemany(
            f"insert into given values ({marks})",
            [[f"{number:09d}", currency, *_moves(one)] for number, one in enumerate(balances)],
        )
        work = Work(
            variants=variants, first=first, end=first + timedelta(days=days), movements="given"
        )
        compute(connection, work, into="computed")
        found = connection.execute("select * from computed order by account_id").fetchall()
    return [[int(one) for one in amounts] for _, _, *amounts in found]


def _moves(balances: Sequence[Decimal]) -> list[int]:
    units = [int(Fraction(one) * 10_000) for one in balances]
    return [after - before for before, after in zip([0, *units[:-1]], units, strict=True)]
