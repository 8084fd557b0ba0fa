"""JSON with one form only: sorted keys, no spaces, UTF-8, integers only, no key twice.

Holds writing it, and reading it so that any other form is refused; a value is signed and hashed
in this form. Does not know fields (`audit.fields` does). Called by statements and certificates.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


def canonical_json(value: object) -> str:
    """The one form of `value`. ValueError for a float: it has no one form."""
    _refuse_floats(value)
    return _text(value)


def parse_canonical(text: str) -> Any:
    """The value of a text in the one form; ValueError says how it differs."""
    try:
        value = json.loads(
            text, parse_float=_refuse, parse_constant=_refuse, object_pairs_hook=_each_key_once
        )
        again = _text(value)
        again.encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deep") from None
    if again != text:
        raise ValueError("keys out of order, spaces, or escapes that JSON does not ask for")
    return value


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is not an integer")


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice in one object")
    return found


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise ValueError(f"{value} is a float; write it as text")
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for inner in value:
            if not isinstance(inner, (str, int)):  # a call for each text of a long list is dear
                _refuse_floats(inner)
