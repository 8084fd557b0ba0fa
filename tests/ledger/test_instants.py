"""Instants as numbers and as times are the same, to the microsecond."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ledger.instants import from_us, to_us, utc


def test_a_time_of_any_zone_is_its_number_and_back() -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)
    assert from_us(to_us(last)) == last
    east = datetime(1970, 1, 1, 1, 0, 0, 1, timezone(timedelta(hours=1)))
    assert (to_us(east), utc(1)) == (1, "1970-01-01T00:00:00.000001Z")
    assert utc(2**62) == f"{2**62} us"


def test_a_time_without_a_zone_is_no_instant() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        to_us(from_us(0).replace(tzinfo=None))
