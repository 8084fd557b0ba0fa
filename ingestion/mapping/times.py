"""Times of source files as instants (UTC, microseconds), or the rule a value breaks.

Holds reading of ISO 8601, patterns and epoch numbers, and local times of a zone with an explicit
answer for hours that occur twice or never. Does not know columns. Called by `mapping.apply`.
"""

from typing import Final, Literal

import polars as pl
from polars.exceptions import PolarsError

from ingestion.mapping.numbers import Converted
from ingestion.mapping.spec import EPOCH_FORMATS, ISO_FORMAT, TimeFormat
from ledger.errors import IncorrectInput

INSTANT: Final = pl.Datetime("us", "UTC")
_LOCAL: Final = pl.Datetime("us")
_DAY, _TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}", r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
_ISO_LOCAL = rf"^{_DAY}[Tt ]{_TIME}$"
# Longest gap a zone ever left out: Samoa skipped 2011-12-30. Before it the old offset held.
_LONGEST_GAP = pl.duration(hours=24)

NO_ZONE = "must_have_a_time_zone"
NOT_A_TIME = "must_be_a_time"


def instants(given: pl.Series, how: TimeFormat, *, key: str, thing: str) -> Converted:
    """Instants of `given`. IncorrectInput when the whole column cannot be a time read so."""
    dtype = given.dtype
    if dtype == pl.Null:
        return Converted(given.cast(INSTANT), None)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return Converted(given.dt.convert_time_zone("UTC").cast(INSTANT), None)
    if isinstance(dtype, pl.Datetime | pl.Date):
        return _localised(given.cast(_LOCAL), _zone(how, dtype, key, thing), how)
    if dtype.is_integer():
        return _from_epoch(given, _epoch_unit(how, dtype, key, thing))
    if dtype == pl.String:
        return _from_text(given, how, key, thing)
    raise _wrong_type(dtype, key, thing, "a time, an integer or a text")


def _zone(how: TimeFormat, dtype: pl.DataType, key: str, thing: str) -> str:
    if how.time_zone is None:
        raise IncorrectInput(
            f"{key.replace('.', '_')}_{NO_ZONE}",
            thing=thing,
            expected="times with a time zone",
            found=f"local times ({dtype}) without one",
            remedy=f'Name their zone in the mapping: time_zone = "Europe/London" under {key}.',
        )
    return how.time_zone


def _epoch_unit(how: TimeFormat, dtype: pl.DataType, key: str, thing: str) -> int:
    if how.format not in EPOCH_FORMATS:
        raise _wrong_type(dtype, key, thing, f"times, or a format of {', '.join(EPOCH_FORMATS)}")
    return EPOCH_FORMATS[how.format]


def _wrong_type(dtype: pl.DataType, key: str, thing: str, expected: str) -> IncorrectInput:
    return IncorrectInput(
        "column_must_have_a_fitting_type",
        thing=f"{thing}, {key}",
        expected=expected,
        found=str(dtype),
        remedy=f"Point {key} of the mapping at another column, or set its format.",
    )


def _from_epoch(given: pl.Series, unit: int) -> Converted:
    """Numbers of seconds, milliseconds or microseconds since 1970, within years 1 to 9999."""
    whole = given.cast(pl.Int64, strict=False)
    inside = whole.is_between(-62_135_596_800_000_000 // unit, 253_402_300_799_999_999 // unit)
    frame = pl.DataFrame({"v": whole, "inside": inside})
    values = frame.select(pl.when("inside").then(pl.col("v") * unit)).to_series().cast(INSTANT)
    return Converted(values, _fault(given, values, NOT_A_TIME))


def _from_text(given: pl.Series, how: TimeFormat, key: str, thing: str) -> Converted:
    if how.format in EPOCH_FORMATS:
        numbers = given.cast(pl.Int64, strict=False)
        converted = _from_epoch(numbers, EPOCH_FORMATS[how.format])
        return Converted(converted.values, _fault(given, converted.values, NOT_A_TIME))
    if how.format == ISO_FORMAT:
        return _from_iso(given, how)
    return _from_pattern(given, how, key, thing)


def _from_iso(given: pl.Series, how: TimeFormat) -> Converted:
    """Texts with an offset are instants; those without one are local times of the zone."""
    zoned = given.str.to_datetime("%+", time_unit="us", strict=False, exact=True)
    if zoned.null_count() == given.null_count():
        return Converted(zoned, None)
    missing = zoned.is_null() & given.is_not_null()
    local_text = given.str.contains(_ISO_LOCAL) & missing
    if how.time_zone is None:
        return Converted(zoned, _pick(missing, local_text, NO_ZONE, NOT_A_TIME))
    local = _parse_iso_local(_where(given, local_text))
    converted = _localised(local, how.time_zone, how)
    values = zoned.to_frame("z").select(pl.coalesce("z", converted.values)).to_series()
    return Converted(values, _worse(converted.fault, _fault(given, values, NOT_A_TIME)))


def _parse_iso_local(texts: pl.Series) -> pl.Series:
    text = pl.col("t").str.replace("[Tt]", " ", literal=False)
    seconds = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    minutes = text.str.to_datetime("%Y-%m-%d %H:%M", time_unit="us", strict=False)
    return texts.to_frame("t").select(pl.coalesce(seconds, minutes)).to_series()


def _from_pattern(given: pl.Series, how: TimeFormat, key: str, thing: str) -> Converted:
    zone_in_text = "%z" in how.format or "%:z" in how.format or "%#z" in how.format
    try:
        if not _has_time_of_day(how.format):
            parsed = given.str.to_date(how.format, strict=False).cast(_LOCAL)
        else:
            parsed = given.str.to_datetime(how.format, time_unit="us", strict=False)
    except PolarsError as error:
        raise IncorrectInput(
            "time_format_must_be_readable",
            thing=f"{thing}, {key}",
            expected="a pattern of %Y %m %d %H %M %S and the like",
            found=f"{how.format!r} ({str(error).splitlines()[0]})",
        ) from None
    wrong = _fault(given, parsed, NOT_A_TIME)
    if zone_in_text:
        return Converted(parsed.dt.convert_time_zone("UTC"), wrong)
    if how.time_zone is None:
        return Converted(
            _nulls(parsed), _pick(given.is_not_null(), parsed.is_not_null(), NO_ZONE, NOT_A_TIME)
        )
    converted = _localised(parsed, how.time_zone, how)
    return Converted(converted.values, _worse(converted.fault, wrong))


def _has_time_of_day(pattern: str) -> bool:
    return any(part in pattern for part in ("%H", "%I", "%k", "%l", "%T", "%R", "%r", "%X", "%s"))


def _localised(local: pl.Series, zone: str, how: TimeFormat) -> Converted:
    """Local times as instants; hours that occur twice or never as the mapping says."""
    twice: Literal["earliest", "latest", "null"] = (
        "null" if how.ambiguous == "reject" else how.ambiguous
    )
    values = local.dt.replace_time_zone(zone, ambiguous=twice, non_existent="null")
    if values.null_count() == local.null_count():
        return Converted(values.dt.convert_time_zone("UTC"), None)
    missing = values.is_null() & local.is_not_null()
    odd = _where(local, missing)
    exists = odd.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").is_not_null()
    fault = _pick(missing, exists, "must_not_be_ambiguous", "must_exist_in_its_time_zone")
    if how.nonexistent == "shift_forward":
        values = (
            odd.to_frame("t")
            .select(
                pl.coalesce(
                    values,
                    (pl.col("t") - _LONGEST_GAP).dt.replace_time_zone(
                        zone, ambiguous="null", non_existent="null"
                    )
                    + _LONGEST_GAP,
                )
            )
            .to_series()
        )
        still = values.is_null() | exists
        fault = _where(fault, still & missing)
        values = _where(values, ~(missing & exists))
    instants_ = values.dt.convert_time_zone("UTC")
    return Converted(instants_, fault if fault.null_count() < len(fault) else None)


def _fault(given: pl.Series, values: pl.Series, name: str) -> pl.Series | None:
    bad = given.is_not_null() & values.is_null()
    return _pick(bad, bad, name, name) if bad.any() else None


def _pick(bad: pl.Series, first: pl.Series, name: str, other: str) -> pl.Series:
    """`name` where `bad` and `first`, `other` where `bad` only, else null."""
    frame = pl.DataFrame({"bad": bad, "first": first})
    named = pl.when("first").then(pl.lit(name)).otherwise(pl.lit(other))
    return frame.select(pl.when("bad").then(named).alias("fault")).to_series()


def _where(values: pl.Series, mask: pl.Series) -> pl.Series:
    return pl.DataFrame({"v": values, "m": mask}).select(pl.when("m").then("v")).to_series()


def _nulls(like: pl.Series) -> pl.Series:
    return pl.Series([None], dtype=INSTANT).new_from_index(0, len(like))


def _worse(first: pl.Series | None, second: pl.Series | None) -> pl.Series | None:
    if first is None or second is None:
        return second if first is None else first
    return pl.select(pl.coalesce(first, second)).to_series()
