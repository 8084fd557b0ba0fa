"""What a mapping file may say: its keys, their types and what is allowed.

Holds the models a mapping file is read into, with the rules that need one key's table only.
Does not read files, know contracts or touch rows. Called by `mapping.load`.
Every key is described in docs/ingest.md.
"""

import re
import zoneinfo
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

Format = Literal["parquet", "csv", "jsonl", "cloudevents"]
ColumnType = Literal["text", "integer", "decimal"]
Name = Annotated[str, Field(min_length=1)]

EPOCH_FORMATS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
ISO_FORMAT = "iso8601"


class Part(BaseModel):
    """A table of a mapping file. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Value(Part):
    """Where a value comes from: one of `column`, `constant`, `expression`."""

    column: Name | None = None
    constant: str | int | None = None
    expression: Name | None = None

    @model_validator(mode="after")
    def _exactly_one_origin(self) -> "Value":
        given = [name for name in self._origins() if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"have exactly one of {', '.join(self._origins())}")
        return self

    @classmethod
    def _origins(cls) -> tuple[str, ...]:
        return ("column", "constant", "expression")


class IdValue(Value):
    """An id, optionally with `prefix`; or the hash of columns (`"row"`: of all of them).

    `occurrence` numbers rows of one file that hash alike, so that each is an event of its own.
    """

    constant: None = None
    hash: list[Name] | Literal["row"] | None = None
    occurrence: bool = False
    prefix: str | None = None

    @classmethod
    def _origins(cls) -> tuple[str, ...]:
        return ("column", "expression", "hash")

    @model_validator(mode="after")
    def _occurrence_needs_hash(self) -> "IdValue":
        if self.occurrence and self.hash is None:
            raise ValueError("have occurrence only together with hash")
        if self.hash is not None and not self.hash:
            raise ValueError("name at least one column in hash, or have hash = 'row'")
        return self


class TimeFormat(Part):
    """How to read a time: its format, and the zone of times that carry none."""

    format: Name = ISO_FORMAT
    time_zone: Name | None = None
    ambiguous: Literal["reject", "earliest", "latest"] = "reject"
    nonexistent: Literal["reject", "shift_forward"] = "reject"

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in zoneinfo.available_timezones():
            raise ValueError("be an IANA time zone such as Europe/London")
        return value

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str) -> str:
        if value != ISO_FORMAT and value not in EPOCH_FORMATS and "%" not in value:
            allowed = ", ".join([ISO_FORMAT, *EPOCH_FORMATS])
            raise ValueError(f"be one of {allowed}, or a pattern such as %d/%m/%Y %H:%M")
        return value


class TimeValue(Value, TimeFormat):
    """A time and how to read it."""


class AmountValue(Value):
    """An amount: in `major` units, in `minor` units of its currency, or times `scale`."""

    unit: Literal["major", "minor"] = "major"
    scale: Annotated[str, Field(examples=["0.001"])] | None = None

    @model_validator(mode="after")
    def _one_way_to_scale(self) -> "AmountValue":
        if self.scale is None:
            return self
        if self.unit != "major":
            raise ValueError("have unit or scale, not both")
        try:
            factor = Decimal(self.scale)
        except InvalidOperation:
            raise ValueError("have a decimal number as scale, such as '0.001'") from None
        if not (factor.is_finite() and Decimal("1e-6") <= factor <= Decimal(10**6)):
            raise ValueError("have a scale from 0.000001 to 1000000")
        return self


class SourceColumn(Part):
    """A column of the file: its type and, in JSON, where it lies (`"data.amount"`)."""

    type: ColumnType = "text"
    path: Annotated[str | list[Name], Field(min_length=1)] | None = None

    @property
    def steps(self) -> tuple[str, ...] | None:
        """Keys to walk from the object's top; None: the column's own name."""
        if self.path is None:
            return None
        return tuple(self.path.split(".")) if isinstance(self.path, str) else tuple(self.path)


def _constant_if_plain(value: Any) -> Any:
    return {"constant": value} if isinstance(value, str | int) else value


def _type_if_plain(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class EventPart(Part):
    """Where each column of the event comes from."""

    type: Annotated[Value, BeforeValidator(_constant_if_plain)]
    version: Annotated[Value, BeforeValidator(_constant_if_plain)] = Value(constant=1)
    id: IdValue
    time: TimeValue
    stream_id: Value | None = None
    stream_version: Value | None = None
    correlation_id: Value | None = None
    causation_id: Value | None = None
    store_id: Value | None = None
    account_id: Value | None = None
    category: Value | None = None
    channel: Value | None = None
    currency: Value | None = None
    amount: AmountValue | None = None
    quantity: Value | None = None


class CsvPart(Part):
    """How a CSV file is written."""

    separator: str = ","
    quote: str = '"'
    header: Literal[True] | list[Name] = True
    null: list[str] = [""]

    @field_validator("separator", "quote")
    @classmethod
    def _one_ascii_character(cls, value: str, info: Any) -> str:
        if info.field_name == "quote" and value == "":
            return value
        if len(value) != 1 or not value.isascii() or value in "\r\n":
            raise ValueError("be one ASCII character (quote may be '' for none)")
        return value


class MappingFile(Part):
    """A whole mapping file."""

    mapping: Literal[1]
    source: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")]
    format: Format
    csv: CsvPart = CsvPart()
    columns: dict[Name, Annotated[SourceColumn, BeforeValidator(_type_if_plain)]] = {}
    event: EventPart
    payload: dict[Annotated[str, Field(pattern=re.compile(r"^[a-z][a-z0-9_]*$"))], Value] = {}
    ingest_time: TimeFormat = TimeFormat()
