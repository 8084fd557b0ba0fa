"""Rows of typed columns as JSON objects: the payload of events from CSV and Parquet.

Holds `encode`. One row always gives the same text, whatever rows stand beside it.
Called by the CSV and Parquet sources. How types are written: docs/ingest.md.
"""

import polars as pl

from ingestion.sources import row_json_native
from ledger.errors import NotSupported


def encode(columns: pl.DataFrame, *, thing: str) -> pl.Series:
    """One JSON object per row, keys in column order."""
    if not columns.width:
        return pl.Series("payload", ["{}"] * columns.height, dtype=pl.String)
    compiled = row_json_native.objects(columns)
    return _by_polars(columns, thing=thing) if compiled is None else compiled


def _by_polars(columns: pl.DataFrame, *, thing: str) -> pl.Series:
    written = columns.select(_written(series, thing) for series in columns.iter_columns())
    encoded = _objects(written)
    floats = [name for name, dtype in columns.schema.items() if dtype.is_float()]
    odd = _rows_not_finite(columns, floats)
    if odd is None:
        return encoded
    # JSON has no NaN or Infinity, and the encoder would write null: such a row's floats are text.
    as_text = _objects(written.with_columns(_float_text(name) for name in floats))
    frame = pl.DataFrame({"odd": odd, "text": as_text, "plain": encoded})
    return frame.select(pl.when("odd").then("text").otherwise("plain").alias("payload")).to_series()


def _objects(columns: pl.DataFrame) -> pl.Series:
    return columns.select(pl.struct(pl.all()).struct.json_encode().alias("payload")).to_series()


def _written(series: pl.Series, thing: str) -> pl.Expr:
    column, dtype = pl.col(series.name), series.dtype
    if isinstance(dtype, pl.Datetime):
        pattern = "%Y-%m-%dT%H:%M:%S%.f"
        if dtype.time_zone is None:
            return column.dt.to_string(pattern)
        return column.dt.convert_time_zone("UTC").dt.to_string(pattern + "Z")
    if dtype == pl.Binary:
        return column.bin.encode("base64")
    if isinstance(dtype, pl.Categorical | pl.Enum | pl.Decimal):
        return column.cast(pl.String)
    if dtype == pl.Object or _holds_binary(dtype):
        raise NotSupported(
            "column_must_have_a_json_form",
            thing=f"{thing}, column {series.name!r}",
            expected="numbers, texts, times, booleans, or lists and structs of them",
            found=str(dtype),
            remedy="Convert the column before sending the file.",
        )
    return column


def _holds_binary(dtype: object) -> bool:
    if isinstance(dtype, pl.List | pl.Array):
        return dtype.inner == pl.Binary or _holds_binary(dtype.inner)
    if isinstance(dtype, pl.Struct):
        return any(f.dtype == pl.Binary or _holds_binary(f.dtype) for f in dtype.fields)
    return False


def _rows_not_finite(columns: pl.DataFrame, floats: list[str]) -> pl.Series | None:
    if not floats:
        return None
    odd = pl.any_horizontal(~pl.col(name).is_finite() for name in floats).fill_null(value=False)
    rows = columns.select(odd.alias("odd")).to_series()
    return rows if rows.any() else None


def _float_text(name: str) -> pl.Expr:
    column = pl.col(name)
    sign = pl.when(column < 0).then(pl.lit("-Infinity")).otherwise(pl.lit("Infinity"))
    return (
        pl.when(column.is_nan())
        .then(pl.lit("NaN"))
        .when(column.is_infinite())
        .then(sign)
        .otherwise(column.cast(pl.String))
        .alias(name)
    )
