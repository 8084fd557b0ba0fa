"""A mapping at work: source rows in, event columns out, with the rules for what did not convert.

Holds `Mapper`. Does not check contracts or build batches. One Mapper serves any number of files;
what belongs to one file (occurrence numbers) comes in as an argument. Called by `file_batches`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import polars as pl

from ingestion.contracts import Contract, Registry, Rule
from ingestion.mapping import expressions, ids, numbers, times
from ingestion.mapping.expressions import Expression
from ingestion.mapping.numbers import Converted
from ingestion.mapping.spec import AmountValue, MappingFile, Value
from ingestion.sources.chunk import SourceChunk
from ledger.errors import IncorrectInput

TEXT_FIELDS: Final = (
    "correlation_id",
    "causation_id",
    "store_id",
    "account_id",
    "category",
    "channel",
    "currency",
    "stream_id",
)
SOURCE_ROW: Final = "source_row"
"""Field of a payload built by the mapping that keeps the row as received."""

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


class Mapper:
    """A mapping with its expressions parsed; `thing` names it in errors."""

    def __init__(self, spec: MappingFile, registry: Registry, *, thing: str) -> None:
        self.spec = spec
        self.thing = thing
        self._expressions = {
            key: expressions.parse(value.expression, key=key, thing=thing)
            for key, value in self._values()
            if value.expression is not None
        }
        self._contract = _constant_contract(spec, registry)

    @property
    def needs_all_rows(self) -> bool:
        """True when ids depend on earlier rows of the file."""
        return self.spec.event.id.occurrence

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the file the mapping reads."""
        named = [value.column for _, value in self._values() if value.column is not None]
        read = [column for one in self._expressions.values() for column in one.columns]
        hashed = self.spec.event.id.hash
        hashes = hashed if isinstance(hashed, list) else []
        return tuple(dict.fromkeys([*self.spec.columns, *named, *read, *hashes]))

    def require_columns(
        self, found: Iterable[str], also: Iterable[str] = (), *, thing: str
    ) -> None:
        """IncorrectInput when the file lacks a column the mapping reads, or one of `also`."""
        found = list(found)
        missing = [name for name in (*self.columns, *also) if name not in found]
        if missing:
            raise IncorrectInput(
                "file_must_have_the_mapping's_columns",
                thing=thing,
                expected=f"column {', '.join(map(repr, missing))}",
                found=f"columns {', '.join(map(repr, found))}",
                remedy=f"Send the right file, or repair the names in {self.thing}.",
            )

    def row_hashes(self, chunk: SourceChunk) -> pl.Series:
        """The hash part of the ids of a mapping that hashes rows."""
        hashed = self.spec.event.id.hash
        if hashed == "row":
            return ids.row_hashes(chunk.payload.to_frame("payload"))
        return ids.row_hashes(chunk.columns.select(hashed))

    def apply(
        self, chunk: SourceChunk, occurrences: ids.OccurrenceCounter | None, *, thing: str
    ) -> Mapped:
        """Event columns for the rows of `chunk`. IncorrectInput when the whole file is unfit."""
        mapped = Mapped()
        typed = self._typed(chunk.columns, mapped, thing)
        run = _Run(self, typed, mapped, thing)
        event = self.spec.event
        mapped.columns["event_type"] = run.text("event.type", event.type)
        mapped.columns["schema_version"] = run.small_integer("event.version", event.version)
        mapped.columns["event_id"] = self._ids(chunk, occurrences, run)
        for name in TEXT_FIELDS:
            mapped.columns[name] = run.text(f"event.{name}", getattr(event, name))
        mapped.columns["stream_version"] = run.integer("event.stream_version", event.stream_version)
        given = run.value("event.time", event.time)
        converted = times.instants(given, event.time, key="event.time", thing=thing)
        mapped.add("event_time", given, converted)
        run.decimal("quantity", event.quantity)
        run.amount(event.amount)
        mapped.columns["payload"] = self._payload(chunk, run)
        return mapped

    def ingest_times(self, chunk: SourceChunk, column: str, *, thing: str) -> pl.Series:
        """Arrival times of a historical import. IncorrectInput for the first unreadable one."""
        given = chunk.columns.get_column(column)
        how = self.spec.ingest_time
        values = times.instants(given, how, key="ingest_time", thing=thing).values
        if values.null_count():
            at = int(values.is_null().arg_max() or 0)
            raise IncorrectInput(
                "ingest_time_must_be_a_time",
                thing=f"{thing}, row {int(chunk.offsets[at])}, column {column!r}",
                expected="an arrival time with its zone in every row",
                found=repr(given[at]),
                remedy="Repair the row, or set format and time_zone under [ingest_time].",
            )
        return values

    def _values(self) -> Iterable[tuple[str, Value]]:
        for name in type(self.spec.event).model_fields:
            value = getattr(self.spec.event, name)
            if value is not None:
                yield f"event.{name}", value
        for name, value in self.spec.payload.items():
            yield f"payload.{name}", value

    def _typed(self, given: pl.DataFrame, mapped: Mapped, thing: str) -> pl.DataFrame:
        """The file's columns with those typed in the mapping converted."""
        changed = []
        for name, column in self.spec.columns.items():
            series = given.get_column(name)
            if column.type == "text":
                changed.append(_as_text(series, f"columns.{name}", thing))
                continue
            _require_number(series, f"columns.{name}", thing)
            convert = numbers.column_decimal if column.type == "decimal" else numbers.column_integer
            converted = convert(series)
            mapped.add_fault(f"column_{name}", series, converted.fault)
            changed.append(converted.values.alias(name))
        return given.with_columns(changed)

    def _ids(
        self, chunk: SourceChunk, occurrences: ids.OccurrenceCounter | None, run: "_Run"
    ) -> pl.Series:
        spec = self.spec.event.id
        if spec.hash is None:
            base = run.text("event.id", spec)
            prefix = spec.prefix or ""
        else:
            base = self.row_hashes(chunk)
            prefix = f"{self.spec.source}:" if spec.prefix is None else spec.prefix
        parts: list[pl.Expr] = [pl.lit(prefix)] if prefix else []
        parts.append(pl.col("base"))
        frame = base.to_frame("base")
        if occurrences is not None:
            frame = frame.with_columns(n=occurrences.number(base))
            parts += [pl.lit("-"), pl.col("n").cast(pl.String)]
        return frame.select(pl.concat_str(parts)).to_series() if len(parts) > 1 else base

    def _payload(self, chunk: SourceChunk, run: "_Run") -> pl.Series:
        """The row as received, or the mapping's payload fields with the row inside them."""
        fields = {
            name: run.value(f"payload.{name}", value) for name, value in self.spec.payload.items()
        }
        if self._contract and (fields or self.spec.format in ("csv", "parquet")):
            for name, one in self._contract.payload.items():
                if one.column and name not in fields:
                    fields[name] = _as_payload(run.mapped.columns[one.column], one.kind)
        if not fields:
            return chunk.payload
        frame = pl.DataFrame({**fields, SOURCE_ROW: chunk.payload})
        encoded = pl.struct(list(fields)).struct.json_encode().str.strip_suffix("}")
        row = pl.lit(f',"{SOURCE_ROW}":')
        return frame.select(pl.concat_str(encoded, row, SOURCE_ROW, pl.lit("}"))).to_series()


@dataclass
class _Run:
    """One chunk being mapped."""

    mapper: Mapper
    typed: pl.DataFrame
    mapped: Mapped
    thing: str

    def value(self, key: str, value: Value | None) -> pl.Series:
        rows = self.typed.height
        if value is None:
            return pl.Series([None], dtype=pl.String).new_from_index(0, rows)
        if value.column is not None:
            return self.typed.get_column(value.column)
        expression = self.mapper._expressions.get(key)
        if expression is None:
            return pl.Series([value.constant]).new_from_index(0, rows)
        return self._evaluated(key, expression)

    def text(self, key: str, value: Value | None) -> pl.Series:
        return _as_text(self.value(key, value), f"key {key}", self.thing)

    def integer(self, key: str, value: Value | None) -> pl.Series:
        given = self.value(key, value)
        _require_number(given, f"key {key}", self.thing)
        converted = numbers.column_integer(given)
        self.mapped.add_fault(key.removeprefix("event."), given, converted.fault)
        return converted.values

    def small_integer(self, key: str, value: Value) -> pl.Series:
        return self.integer(key, value).cast(pl.Int32, strict=False)

    def decimal(
        self, name: str, value: Value | None, scale: pl.Series | Decimal | None = None
    ) -> None:
        given = self.value(f"event.{name}", value)
        _require_number(given, f"key event.{name}", self.thing)
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
        mapper = self.mapper
        result = expressions.evaluate(
            self.typed, expression, key=key, thing=f"{mapper.thing} for {self.thing}"
        )
        if result.failed:
            found = [result.failed.get(row) for row in range(self.typed.height)]
            given = pl.Series(found, dtype=pl.String)
            name = pl.lit("must_be_computable")
            fault = given.to_frame("g").select(pl.when(pl.col("g").is_not_null()).then(name))
            self.mapped.add_fault(
                key.replace("event.", "").replace(".", "_"), given, fault.to_series()
            )
        return result.values


def _as_text(series: pl.Series, key: str, thing: str) -> pl.Series:
    if series.dtype == pl.String:
        return series
    if series.dtype.is_nested() or series.dtype == pl.Binary:
        raise _unfit(series, key, thing, "text, a number or a time")
    return series.cast(pl.String)


def _require_number(series: pl.Series, key: str, thing: str) -> None:
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


def _as_payload(series: pl.Series, kind: str) -> pl.Series:
    return series.cast(pl.Int64) if kind == "integer" else series


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


def _constant_contract(spec: MappingFile, registry: Registry) -> Contract | None:
    event_type, version = spec.event.type.constant, spec.event.version.constant
    if isinstance(event_type, str) and isinstance(version, int):
        return registry.get(event_type, version)
    return None
