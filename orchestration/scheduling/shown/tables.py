"""Rows as a table on an asset's page.

Pure. Money stays the exact text it is in the mart. Called by `assets`.
"""

from collections.abc import Mapping, Sequence

from dagster import (
    MetadataValue,
    TableColumn,
    TableMetadataValue,
    TableRecord,
    TableSchema,
    TextMetadataValue,
)

Row = Mapping[str, object]


def table(rows: Sequence[Row]) -> TableMetadataValue | TextMetadataValue:
    """Columns as in the first row; `none` when there are no rows."""
    if not rows:
        return MetadataValue.text("none")
    schema = TableSchema([TableColumn(name, _kind(value)) for name, value in rows[0].items()])
    records = [TableRecord({name: _cell(value) for name, value in row.items()}) for row in rows]
    return MetadataValue.table(records, schema)


def _kind(value: object) -> str:
    return "int" if isinstance(value, int) and not isinstance(value, bool) else "string"


def _cell(value: object) -> str | int | bool | None:
    if value is None or isinstance(value, int):
        return value
    return str(value)
