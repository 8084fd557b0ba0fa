"""Times become instants; what has no zone, or an hour that occurs twice or never, says so."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from ingestion.mapping import times
from ingestion.mapping.numbers import Converted
from ingestion.mapping.spec import TimeFormat
from ledger.errors import IncorrectInput

LONDON = "Europe/London"


def _read(values: list[object], **how: str) -> Converted:
    series = pl.Series(values)
    return times.instants(series, TimeFormat(**how), key="event.time", thing="file f")  # type: ignore[arg-type]


def _faults(converted: Converted) -> list[str | None]:
    return [None] * len(converted.values) if converted.fault is None else converted.fault.to_list()


def _utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2018-04-05T17:31:00Z", _utc(2018, 4, 5, 17, 31)),
        ("2018-04-05T18:31:00+01:00", _utc(2018, 4, 5, 17, 31)),
        ("2018-04-05 16:31:00-01:00", _utc(2018, 4, 5, 17, 31)),
        ("2018-04-05t17:31:00.123456z", _utc(2018, 4, 5, 17, 31, 0, 123456)),
        ("2018-04-05T17:31:00.123456789Z", _utc(2018, 4, 5, 17, 31, 0, 123456)),
        ("1969-12-31T23:59:59.5Z", _utc(1969, 12, 31, 23, 59, 59, 500000)),
    ],
)
def test_iso_texts_with_a_zone_are_instants(text: str, instant: datetime) -> None:
    converted = _read([text])
    assert converted.values.to_list() == [instant]
    assert converted.values.dtype == pl.Datetime("us", "UTC")


@pytest.mark.parametrize(
    "text", ["2018-04-05T17:31:00", "2018-04-05 17:31", "2018-04-05 17:31:00.5"]
)
def test_a_text_without_zone_must_have_one(text: str) -> None:
    assert _faults(_read([text])) == ["must_have_a_time_zone"]


@pytest.mark.parametrize(
    "text", ["lunchtime", "2018-02-30T10:00:00Z", "2018-04-05", "2018-04-05T25:00:00Z", ""]
)
def test_a_text_that_is_no_time_says_so(text: str) -> None:
    assert _faults(_read([text])) == ["must_be_a_time"]
    assert _faults(_read([text], time_zone=LONDON)) == ["must_be_a_time"]


def test_local_texts_and_texts_with_offset_may_stand_side_by_side() -> None:
    converted = _read(["2011-07-01 12:00:00", "2011-07-01T12:00:00Z", None], time_zone=LONDON)
    assert converted.values.to_list() == [_utc(2011, 7, 1, 11), _utc(2011, 7, 1, 12), None]


def test_an_hour_that_occurs_twice_is_rejected_unless_the_mapping_chooses() -> None:
    twice = ["2010-10-31 01:30:00"]
    assert _faults(_read(twice, time_zone=LONDON)) == ["must_not_be_ambiguous"]
    early = _read(twice, time_zone=LONDON, ambiguous="earliest")
    late = _read(twice, time_zone=LONDON, ambiguous="latest")
    assert early.values.to_list() == [_utc(2010, 10, 31, 0, 30)]
    assert late.values.to_list() == [_utc(2010, 10, 31, 1, 30)]


def test_an_hour_that_never_occurs_is_rejected_unless_the_mapping_shifts_it() -> None:
    never = ["2010-03-28 01:30:00"]
    assert _faults(_read(never, time_zone=LONDON)) == ["must_exist_in_its_time_zone"]
    shifted = _read(never, time_zone=LONDON, nonexistent="shift_forward")
    assert shifted.values.to_list() == [_utc(2010, 3, 28, 1, 30)]
    assert shifted.fault is None


def test_shifting_what_never_occurs_leaves_what_occurs_twice_rejected() -> None:
    converted = _read(
        ["2010-03-28 01:30:00", "2010-10-31 01:30:00", "2010-06-01 00:00:00"],
        time_zone=LONDON,
        nonexistent="shift_forward",
    )
    assert _faults(converted) == [None, "must_not_be_ambiguous", None]
    assert converted.values.to_list() == [
        _utc(2010, 3, 28, 1, 30),
        None,
        _utc(2010, 5, 31, 23, 0),
    ]


def test_a_day_a_zone_skipped_is_shifted_too() -> None:
    samoa = {"time_zone": "Pacific/Apia"}
    assert _faults(_read(["2011-12-30 12:00:00"], **samoa)) == ["must_exist_in_its_time_zone"]
    shifted = _read(["2011-12-30 12:00:00"], **samoa, nonexistent="shift_forward")
    assert shifted.values.to_list() == [_utc(2011, 12, 30, 22)]


def test_patterns_read_local_times_dates_and_offsets() -> None:
    day_first = _read(["31/12/2010 09:05"], format="%d/%m/%Y %H:%M", time_zone=LONDON)
    assert day_first.values.to_list() == [_utc(2010, 12, 31, 9, 5)]
    only_date = _read(["2010-07-01"], format="%Y-%m-%d", time_zone=LONDON)
    assert only_date.values.to_list() == [_utc(2010, 6, 30, 23)]
    offset = _read(["2010-07-01 12:00 +0200"], format="%Y-%m-%d %H:%M %z")
    assert offset.values.to_list() == [_utc(2010, 7, 1, 10)]
    wrong = _read(["31.12.2010"], format="%d/%m/%Y %H:%M", time_zone=LONDON)
    assert _faults(wrong) == ["must_be_a_time"]


def test_a_pattern_without_zone_must_have_one() -> None:
    assert _faults(_read(["31/12/2010 09:05"], format="%d/%m/%Y %H:%M")) == [
        "must_have_a_time_zone"
    ]


@pytest.mark.parametrize(
    ("name", "number"),
    [("epoch_s", 1293840000), ("epoch_ms", 1293840000000), ("epoch_us", 1293840000000000)],
)
def test_epoch_numbers_are_instants_as_number_or_text(name: str, number: int) -> None:
    for value in (number, str(number)):
        assert _read([value], format=name).values.to_list() == [_utc(2011, 1, 1)]


def test_epoch_numbers_of_another_unit_are_no_times() -> None:
    assert _faults(_read([1293840000000000], format="epoch_s")) == ["must_be_a_time"]


def test_typed_columns_are_read_by_their_own_zone() -> None:
    there = pl.Series([datetime.fromisoformat("2011-07-01T12:00")]).dt.replace_time_zone(
        "America/New_York"
    )
    how = TimeFormat()
    converted = times.instants(there, how, key="event.time", thing="file f")
    assert converted.values.to_list() == [_utc(2011, 7, 1, 16)]
    local = _read([datetime.fromisoformat("2011-07-01T12:00")], time_zone=LONDON)
    assert local.values.to_list() == [_utc(2011, 7, 1, 11)]
    days = _read([date(2011, 7, 1)], time_zone=LONDON)
    assert days.values.to_list() == [_utc(2011, 6, 30, 23)]


def test_a_typed_column_without_zone_is_refused_whole() -> None:
    with pytest.raises(IncorrectInput, match="time_zone") as refused:
        _read([datetime.fromisoformat("2011-07-01T12:00")])
    assert refused.value.rule == "event_time_must_have_a_time_zone"


def test_a_column_that_cannot_be_a_time_is_refused_whole() -> None:
    for values in ([True], [1.5], [[1]]):
        with pytest.raises(IncorrectInput) as refused:
            _read(values)
        assert refused.value.rule == "column_must_have_a_fitting_type"
    with pytest.raises(IncorrectInput, match="epoch_s, epoch_ms, epoch_us"):
        _read([7])


def test_a_pattern_nobody_can_read_is_refused() -> None:
    with pytest.raises(IncorrectInput) as refused:
        _read(["x"], format="%Q %H")
    assert refused.value.rule == "time_format_must_be_readable"
