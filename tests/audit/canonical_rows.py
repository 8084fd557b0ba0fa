"""Rows for tests of the canonical encoding: every type, at its ends and in its odd corners.

Does not assert anything. Used by the tests in this folder.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl

from audit.canonical import CANONICAL, CANONICAL_SCHEMA, Column, Kind

Value = str | int | datetime | Decimal

TEXTS = [
    "",
    " ",
    "plain",
    "-",
    "s0:,",
    ",;:",
    "tab\tline\nreturn\r",
    "nul\x00inside",
    "\x00",
    "quote ' double \" back \\ tick `",
    "é ü ß 中文 العربية",
    "👩\u200d👩\u200d👧\u200d👦 🏴\u200d☠️",
    "e\u0301",
    "\ufeffbom",
    "\U0010ffff",
    "x" * 300,
    '{"id":"1","price":"-0.5"}',
]
INT32S = [0, 1, -1, 2**31 - 1, -(2**31)]
INT64S = [0, 1, -1, 9, -10, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]
INSTANTS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 30, 15, 123_456, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
]
DECIMALS = [
    Decimal(text)
    for text in (
        "0.0000",
        "0.0001",
        "-0.0001",
        "0.5000",
        "-0.5000",
        "1.0000",
        "-12.3400",
        "99999999999999.9999",
        "-99999999999999.9999",
        "10000000000000.0000",
    )
]
CORNERS: dict[Kind, list[Value]] = {
    Kind.TEXT: list(TEXTS),
    Kind.INT32: list(INT32S),
    Kind.INT64: list(INT64S),
    Kind.INSTANT: list(INSTANTS),
    Kind.DECIMAL: list(DECIMALS),
}


def _random_value(kind: Kind, rng: random.Random) -> Value:
    makers: dict[Kind, Callable[[], Value]] = {
        Kind.TEXT: lambda: "".join(chr(rng.randrange(1, 0xD7FF)) for _ in range(rng.randrange(12))),
        Kind.INT32: lambda: rng.randrange(-(2**31), 2**31),
        Kind.INT64: lambda: rng.randrange(-(2**63), 2**63),
        Kind.INSTANT: lambda: datetime.fromtimestamp(rng.randrange(-(2**31), 2**32), tz=UTC),
        Kind.DECIMAL: lambda: Decimal(rng.randrange(-(10**18) + 1, 10**18)).scaleb(-4),
    }
    return makers[kind]()


def _column_values(column: Column, rows: int, rng: random.Random) -> list[Value | None]:
    corners = CORNERS[column.kind]
    # Nulls also where the contract forbids them: the encoding itself must be total.
    return [
        None
        if (choice := rng.random()) < 0.15
        else rng.choice(corners)
        if choice < 0.7
        else _random_value(column.kind, rng)
        for _ in range(rows)
    ]


def odd_rows(rows: int, *, seed: int) -> pl.DataFrame:
    """A frame of `rows` rows over all CANONICAL columns, corners and random values mixed."""
    rng = random.Random(seed)
    columns = {c.name: _column_values(c, rows, rng) for c in CANONICAL}
    return pl.DataFrame(columns, schema=CANONICAL_SCHEMA)
