"""Figures of a period as digests and totals, recomputed from the published Parquet files alone.

Holds which rows of a table belong to a period, their one digest, and control totals over them.
Whoever certifies and whoever verifies calls the same functions over the same files.
Does not check the files' bytes (`audit.published_files` does).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote

import polars as pl

from audit.canonical_json import canonical_json
from audit.certificate import CertifiedFile, ControlTotal, Figure
from ledger.errors import IncorrectInput
from ledger.instants import to_us

PERIOD_COLUMNS: Final = ("posting_period", "period_id")
# Python adds decimals to 28 digits unless told; DECIMAL(38) columns need 38 and the carry.
SUM_DIGITS: Final = 60
NULL_PARTITION: Final = "__HIVE_DEFAULT_PARTITION__"


def period_rows(
    tables_dir: Path, files: Sequence[CertifiedFile], *, table: str, period_id: str
) -> pl.DataFrame:
    """Rows of `table` whose `posting_period` is the period's; without that column, whose
    `period_id` is; without either, all. A partition column is text, as its folder says it."""
    frames = [_of_period(_read(tables_dir, one), period_id) for one in files if one.table == table]
    if not frames:
        raise IncorrectInput(
            "figure_must_have_its_table",
            thing=f"figure {table}",
            expected="at least one file of this table in the certificate",
            found="none",
            remedy="Name a figure after a table of the edition.",
        )
    return pl.concat([frame.select(sorted(frame.columns)) for frame in frames])


def figure_of(name: str, rows: pl.DataFrame) -> Figure:
    """Rows and digest: SHA-256 of the rows, one a line in canonical JSON, lines sorted."""
    lines = sorted(_lines(rows))
    digest = hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()
    return Figure(name=name, rows=rows.height, sha256=digest)


def control_total(
    rows: pl.DataFrame, *, name: str, figure: str, column: str, where: Mapping[str, str]
) -> ControlTotal:
    """Sum of `column` where every column of `where`, as text, has its value."""
    for one in (column, *where):
        if one not in rows.columns:
            raise IncorrectInput(
                "control_total_must_be_over_columns_of_its_figure",
                thing=f"control total {name}",
                expected=f"a column of {figure}: {', '.join(sorted(rows.columns))}",
                found=one,
                remedy="Take certificate and files from one edition.",
            )
    kept = rows
    for one, value in where.items():
        kept = kept.filter(
            pl.Series([_text(cell) == value for cell in kept[one]], dtype=pl.Boolean)
        )
    total = sum((Decimal(value) for value in kept[column] if value is not None), Decimal(0))
    return ControlTotal(
        name=name, figure=figure, column=column, where=dict(where), value=_plain(total)
    )


def _read(tables_dir: Path, file: CertifiedFile) -> pl.DataFrame:
    rows = pl.read_parquet(tables_dir / file.path, hive_partitioning=False)
    partitions = (part.partition("=") for part in PurePosixPath(file.path).parent.parts)
    columns = {
        name: None if value == NULL_PARTITION else unquote(value)
        for name, equals, value in partitions
        if equals
    }
    return rows.with_columns(
        pl.lit(value, dtype=pl.String).alias(name) for name, value in columns.items()
    )


def _of_period(rows: pl.DataFrame, period_id: str) -> pl.DataFrame:
    column = next((one for one in PERIOD_COLUMNS if one in rows.columns), None)
    return rows if column is None else rows.filter(pl.col(column) == period_id)


def _lines(rows: pl.DataFrame) -> Iterator[str]:
    names = sorted(rows.columns)
    for row in rows.select(names).iter_rows():
        yield canonical_json({name: _value(cell) for name, cell in zip(names, row, strict=True)})


def _value(cell: Any) -> Any:
    """A cell as JSON: decimals as plain text, days as ISO dates, instants in microseconds."""
    if isinstance(cell, Decimal):
        return _plain(cell)
    if isinstance(cell, datetime):
        return to_us(cell)
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, list | tuple):
        return [_value(one) for one in cell]
    return {key: _value(one) for key, one in cell.items()} if isinstance(cell, dict) else cell


def _text(cell: Any) -> str:
    value = _value(cell)
    return value if isinstance(value, str) else canonical_json(value)


def _plain(value: Decimal) -> str:
    """No exponent, no zeros at the end: 12.5, -3, 0."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text
