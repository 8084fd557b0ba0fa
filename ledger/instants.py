"""Instants as whole microseconds since 1970-01-01T00:00:00Z, there and back.

Holds the one conversion of each kind. Knows no clock. Called wherever a time meets a number.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_us(value: datetime) -> int:
    """Exact. ValueError without a time zone."""
    if value.tzinfo is None:
        raise ValueError(f"instant {value!r} has no time zone; give it one")
    return (value - _EPOCH) // _MICROSECOND


def from_us(at_us: int) -> datetime:
    """In UTC. OverflowError beyond the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=at_us)


def utc(at_us: int) -> str:
    """A time for people; a number that is no time of this era as it is."""
    try:
        return from_us(at_us).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{at_us} us"
