"""JSON objects as rows: strict parsing, and the values at the mapping's paths.

Holds `parse` (RFC 8259: no duplicate keys, NaN or lone surrogates) and `Extractor`. Numbers stay
the text they were written as, so no digit is lost. Called by JSON lines and CloudEvents sources.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

import polars as pl

Path = tuple[str, ...]

NOT_JSON: Final = "row_must_be_a_json_object"
DUPLICATE_KEY: Final = "json_keys_must_be_unique"
NOT_SCALAR: Final = "column_must_be_one_value"
NOT_UNICODE: Final = "text_must_be_unicode"
TOO_DEEP: Final = "json_must_not_nest_too_deep"


class Broken(Exception):
    """A row that cannot be taken apart: the rule, what was expected and found."""

    def __init__(self, rule: str, expected: str, found: str) -> None:
        super().__init__(rule)
        self.rule, self.expected, self.found = rule, expected, found

    @property
    def detail(self) -> str:
        return f"expected {self.expected}, found {self.found}"


class Number(str):
    """A JSON number, as written."""

    __slots__ = ()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Broken(DUPLICATE_KEY, "every key once", f"{twice!r} twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise Broken(NOT_JSON, "JSON numbers", name)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=Number, parse_int=Number, parse_constant=_no_constant
)


def decoded(text: str, start: int = 0) -> tuple[Any, int]:
    """The JSON value that starts at `start`, and where it ends. Broken if there is none."""
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise Broken(NOT_JSON, "JSON", f"{error.msg} at character {error.pos - start}") from None
    except RecursionError:
        raise Broken(TOO_DEEP, "nesting a parser can follow", "deeper nesting") from None


def parse(text: str) -> dict[str, Any]:
    """The object in `text`, nothing else beside it. Broken otherwise."""
    stripped = text.strip(" \t\r\n")
    value, stop = decoded(stripped)
    if stop != len(stripped):
        raise Broken(NOT_JSON, "one JSON object", f"more text at character {stop}")
    if not isinstance(value, dict):
        raise Broken(NOT_JSON, "a JSON object", f"{_kind(value)}")
    return value


class Extractor:
    """Values at fixed paths of parsed objects, as columns of text."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = dict(paths)
        self._values: dict[str, list[str | None]] = {name: [] for name in paths}

    def add(self, row: dict[str, Any]) -> None:
        """Take a row's values. Broken, with nothing taken, if one is an object or a list."""
        found = [self._at(row, name, path) for name, path in self._paths.items()]
        for values, value in zip(self._values.values(), found, strict=True):
            values.append(value)

    def columns(self) -> pl.DataFrame:
        return pl.DataFrame(self._values, schema=dict.fromkeys(self._paths, pl.String))

    def _at(self, row: dict[str, Any], name: str, path: Path) -> str | None:
        value: Any = row
        for step in path:
            if not isinstance(value, dict):
                return None
            value = value.get(step)
            if value is None:
                return None
        if isinstance(value, str):
            if not value.isascii():
                _require_unicode(value, name)
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        raise Broken(NOT_SCALAR, f"one value at {'.'.join(path)!r}", _kind(value))


def _require_unicode(value: str, name: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Broken(NOT_UNICODE, f"Unicode text in {name!r}", "half a surrogate pair") from None


def _kind(value: object) -> str:
    kinds: Sequence[tuple[type, str]] = (
        (dict, "an object"),
        (list, "a list"),
        (bool, "true or false"),
        (Number, "a number"),
        (str, "a text"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")
