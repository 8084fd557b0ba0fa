"""CloudEvents 1.0 in the JSON event format: whether an object is a valid event.

Holds `validate` and `validate_batch`, strict and by the specification's letter. Does not read
files or map events. Called by the CloudEvents source.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from ingestion.sources.json_rows import Broken, Number

RULE: Final = "event_must_be_a_valid_cloudevent"
SPEC_VERSION: Final = "1.0"
_REQUIRED: Final = ("id", "source", "specversion", "type")
_ATTRIBUTE_NAME: Final = re.compile(r"^[a-z0-9]+$")
_MEDIA_TYPE: Final = re.compile(
    r"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+"
    r"(?:\s*;\s*[A-Za-z0-9!#$&^_.+-]+=(?:[A-Za-z0-9!#$%&'*+.^_`{|}~-]+|\"[^\"]*\"))*$"
)
_TIMESTAMP: Final = re.compile(
    r"^(\d{4})-(\d{2})-(\d{2})[Tt]([01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?"
    r"(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$"
)
_URI_REFERENCE: Final = re.compile(r"^(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*$")
_URI_SCHEME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")
_INTEGER: Final = re.compile(r"^-?(?:0|[1-9]\d{0,9})$")
_INT32: Final = range(-(2**31), 2**31)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_DAYS_IN_MONTH: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def validate(event: object) -> None:
    """Broken, with what is wrong, unless `event` (parsed by `json_rows`) is a valid event."""
    if not isinstance(event, dict):
        raise Broken(RULE, "a JSON object", "another value")
    for name in _REQUIRED:
        if event.get(name) is None:
            raise Broken(RULE, f"attribute {name!r}", "none")
    for name, value in event.items():
        if name not in ("data", "data_base64"):
            _validate_attribute(name, value)
    _validate_data(event)


def validate_batch(batch: Sequence[object] | object) -> None:
    """Broken unless `batch` is a list of valid events."""
    if not isinstance(batch, list):
        raise Broken(RULE, "a JSON array of events", "another value")
    for event in batch:
        validate(event)


def _validate_attribute(name: str, value: object) -> None:
    if not _ATTRIBUTE_NAME.match(name):
        raise Broken(RULE, "attribute names of a-z and 0-9", repr(name))
    if value is None:
        return  # a null attribute is an absent one
    check = _CORE.get(name)
    if check is None:
        _extension(name, value)
        return
    if not isinstance(value, str) or isinstance(value, Number):
        raise Broken(RULE, f"attribute {name!r} as text", _shown(value))
    if not check(value):
        raise Broken(RULE, f"a valid {name!r}", _shown(value))


def _extension(name: str, value: object) -> None:
    if isinstance(value, Number):
        if not _INTEGER.match(value) or int(value) not in _INT32:
            raise Broken(RULE, f"attribute {name!r} as a 32-bit integer", _shown(value))
    elif isinstance(value, str):
        if _CONTROL.search(value):
            raise Broken(RULE, f"attribute {name!r} without control characters", _shown(value))
    elif not isinstance(value, bool):
        raise Broken(RULE, f"attribute {name!r} as text, integer or boolean", _shown(value))


def _validate_data(event: dict[str, Any]) -> None:
    if "data" in event and "data_base64" in event:
        raise Broken(RULE, "data or data_base64", "both")
    packed = event.get("data_base64")
    if packed is None:
        return
    try:
        base64.b64decode(packed if isinstance(packed, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise Broken(RULE, "data_base64 in base64", _shown(packed)) from None


def _is_text(value: str) -> bool:
    return bool(value) and not _CONTROL.search(value)


def _is_uri_reference(value: str) -> bool:
    return bool(value) and bool(_URI_REFERENCE.match(value))


def _is_uri(value: str) -> bool:
    return _is_uri_reference(value) and bool(_URI_SCHEME.match(value))


def _is_timestamp(value: str) -> bool:
    found = _TIMESTAMP.match(value)
    if not found:
        return False
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= month <= 12 and 1 <= day <= _DAYS_IN_MONTH[month - 1] + leap


_CORE: Final[dict[str, Callable[[str], bool]]] = {
    "id": _is_text,
    "source": _is_uri_reference,
    "specversion": lambda value: value == SPEC_VERSION,
    "type": _is_text,
    "datacontenttype": lambda value: bool(_MEDIA_TYPE.match(value)),
    "dataschema": _is_uri,
    "subject": _is_text,
    "time": _is_timestamp,
}


def _shown(value: object) -> str:
    return repr(value)[:100]
