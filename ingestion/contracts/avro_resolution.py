"""Can a reader with one Avro schema read what another schema wrote? The rules of Avro 1.12.

Holds `problems`. Knows no contracts: schemas are JSON values. Does not read or write Avro data.
Called by `contracts.compatibility`; the same question a schema registry asks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "type_mismatch",
    "missing_union_branch",
    "name_mismatch",
    "fixed_size_mismatch",
    "missing_enum_symbols",
    "reader_field_missing_default_value",
]
Schema = Any

_READ_AS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}
"""Written type -> types it may be read as beside itself."""

_NAMED = ("record", "error", "enum", "fixed")


@dataclass(frozen=True)
class Problem:
    """Why not: `location` is a JSON pointer into the reader's schema."""

    kind: Kind
    location: str
    text: str


def problems(reader: Schema, writer: Schema) -> list[Problem]:
    """What keeps `reader` from reading all that `writer` may write; empty: nothing does."""
    pair = _Pair(dict(_definitions(reader)), dict(_definitions(writer)), set())
    return list(dict.fromkeys(pair.check(reader, writer, "")))


def _definitions(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Named types by their unqualified name."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _definitions(branch)
    elif isinstance(schema, dict):
        if schema["type"] in _NAMED:
            yield _name(schema), schema
        for field in schema.get("fields", ()):
            yield from _definitions(field["type"])
        for inner in ("items", "values", "type"):
            if isinstance(schema.get(inner), dict | list):
                yield from _definitions(schema[inner])


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema["name"]).rpartition(".")[2]


def _kind(schema: Schema) -> str:
    if isinstance(schema, list):
        return "union"
    return str(schema["type"]) if isinstance(schema, dict) else str(schema)


@dataclass(frozen=True)
class _Pair:
    """Both schemas' named types, and the pairs of records under comparison, for they may recur."""

    readers: Mapping[str, Schema]
    writers: Mapping[str, Schema]
    open: set[tuple[int, int]]

    def check(self, reader: Schema, writer: Schema, at: str) -> Iterator[Problem]:
        reader, writer = _resolved(reader, self.readers), _resolved(writer, self.writers)
        if isinstance(writer, list):
            yield from self._written_union(reader, writer, at)
        elif isinstance(reader, list):
            if not any(self._fits(branch, writer) for branch in reader):
                yield _missing_branch(writer, at)
        elif _kind(reader) != _kind(writer):
            if _kind(reader) not in _READ_AS.get(_kind(writer), ()):
                yield Problem(
                    "type_mismatch", at or "/", f"{_kind(reader)} cannot read {_kind(writer)}"
                )
        else:
            yield from self._same_kind(reader, writer, at)

    def _fits(self, reader: Schema, writer: Schema) -> bool:
        return next(self.check(reader, writer, ""), None) is None

    def _written_union(
        self, reader: Schema, writer: Sequence[Schema], at: str
    ) -> Iterator[Problem]:
        """Every branch that may have been written must be readable."""
        for number, branch in enumerate(writer):
            if not isinstance(reader, list):
                yield from self.check(reader, branch, at)
            elif not any(self._fits(one, branch) for one in reader):
                yield _missing_branch(branch, f"{at}/{number}")

    def _same_kind(self, reader: Schema, writer: Schema, at: str) -> Iterator[Problem]:
        kind = _kind(reader)
        if kind == "array":
            yield from self.check(reader["items"], writer["items"], f"{at}/items")
        elif kind == "map":
            yield from self.check(reader["values"], writer["values"], f"{at}/values")
        elif kind in _NAMED:
            yield from self._named(kind, reader, writer, at)
        elif _decimal(reader) != _decimal(writer):
            yield Problem("type_mismatch", at or "/", "precision and scale differ")

    def _named(self, kind: str, reader: Schema, writer: Schema, at: str) -> Iterator[Problem]:
        names = {_name(reader), *(str(one).rpartition(".")[2] for one in reader.get("aliases", ()))}
        if _name(writer) not in names:
            told = f"{_name(reader)} is not {_name(writer)}"
            yield Problem("name_mismatch", f"{at}/name", told)
        elif kind == "fixed":
            if reader["size"] != writer["size"]:
                told = f"{reader['size']} bytes are not {writer['size']}"
                yield Problem("fixed_size_mismatch", f"{at}/size", told)
        elif kind == "enum":
            unknown = [one for one in writer["symbols"] if one not in reader["symbols"]]
            if unknown and "default" not in reader:
                told = f"{', '.join(unknown)} not known"
                yield Problem("missing_enum_symbols", f"{at}/symbols", told)
        else:
            yield from self._records(reader, writer, at)

    def _records(self, reader: Schema, writer: Schema, at: str) -> Iterator[Problem]:
        if (pair := (id(reader), id(writer))) in self.open:
            return
        self.open.add(pair)
        written = {field["name"]: field for field in writer["fields"]}
        for number, field in enumerate(reader["fields"]):
            where = f"{at}/fields/{number}"
            names = (field["name"], *field.get("aliases", ()))
            found = next((written[name] for name in names if name in written), None)
            if found is not None:
                yield from self.check(field["type"], found["type"], f"{where}/type")
            elif "default" not in field:
                told = f"{field['name']} is not written and has no default"
                yield Problem("reader_field_missing_default_value", where, told)
        self.open.discard(pair)


def _resolved(schema: Schema, named: Mapping[str, Schema]) -> Schema:
    """A schema that is only a name, or a type wrapped in an object, as what it stands for."""
    if isinstance(schema, str):
        return named.get(schema.rpartition(".")[2], schema)
    if isinstance(schema, dict) and isinstance(schema["type"], dict | list):
        return _resolved(schema["type"], named)
    return schema


def _decimal(schema: Schema) -> tuple[Any, ...] | None:
    if isinstance(schema, dict) and schema.get("logicalType") == "decimal":
        return schema.get("precision"), schema.get("scale", 0)
    return None


def _missing_branch(writer: Schema, at: str) -> Problem:
    return Problem("missing_union_branch", at or "/", f"no branch reads {_kind(writer)}")
