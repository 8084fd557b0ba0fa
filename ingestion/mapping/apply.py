"""A mapping at work: source rows in, event columns out, with the rules for what did not convert.

Holds `Mapper`. Does not check contracts or build batches. One Mapper serves any number of files;
what belongs to one file (occurrence numbers) comes in as an argument. Called by `file_batches`.
"""

from collections.abc import Iterable
from typing import Final

import polars as pl

from ingestion.contracts import Contract, Registry
from ingestion.mapping import expressions, ids, numbers, times
from ingestion.mapping.spec import MappingFile, Value
from ingestion.mapping.values import Mapped, Values, as_text, require_number
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
        run = Values(self._expressions, typed, mapped, self.thing, thing)
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
                changed.append(as_text(series, f"columns.{name}", thing))
                continue
            require_number(series, f"columns.{name}", thing)
            convert = numbers.column_decimal if column.type == "decimal" else numbers.column_integer
            converted = convert(series)
            mapped.add_fault(f"column_{name}", series, converted.fault)
            changed.append(converted.values.alias(name))
        return given.with_columns(changed)

    def _ids(
        self, chunk: SourceChunk, occurrences: ids.OccurrenceCounter | None, run: Values
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

    def _payload(self, chunk: SourceChunk, run: Values) -> pl.Series:
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


def _as_payload(series: pl.Series, kind: str) -> pl.Series:
    return series.cast(pl.Int64) if kind == "integer" else series


def _constant_contract(spec: MappingFile, registry: Registry) -> Contract | None:
    event_type, version = spec.event.type.constant, spec.event.version.constant
    if isinstance(event_type, str) and isinstance(version, int):
        return registry.get(event_type, version)
    return None
