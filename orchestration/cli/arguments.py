"""Reading arguments that many commands share: instants, dates, the known-as-of moment.

Does not hold options of one command. Called by command modules.
"""

from datetime import UTC, date, datetime

from ledger.errors import IncorrectInput
from ledger.instants import to_us

_INSTANTS = "2011-06-30T18:00:00Z or 2011-06-30T18:00:00+02:00"
_ZONES = "Write the zone behind the time: Z for UTC, or an offset such as +02:00."


def instant(text: str, *, name: str, now: datetime | None = None) -> datetime:
    """An instant with its zone, in UTC; `now` is allowed where a clock is given."""
    if text == "now" and now is not None:
        return now
    try:
        return _in_utc(text)
    except ValueError as why:
        raise IncorrectInput(
            "instant_must_have_a_zone",
            thing=f"option {name}",
            expected=f"an instant such as {_INSTANTS}",
            found=f"{text!r}: {why}",
            remedy=_ZONES,
        ) from None


def instant_us(text: str, *, name: str) -> int:
    """An instant as microseconds since 1970-01-01T00:00:00Z."""
    return to_us(instant(text, name=name))


def day(text: str, *, name: str) -> date:
    """A calendar day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise IncorrectInput(
            "date_must_be_a_calendar_day",
            thing=f"option {name}",
            expected="a day such as 2011-06-30",
            found=repr(text),
        ) from None


def day_or_instant(text: str, *, name: str, now: datetime) -> date | datetime:
    """A calendar day as a `date`, or an instant with its zone, or `now`, as a `datetime` in UTC."""
    if text == "now":
        return now
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        return _in_utc(text)
    except ValueError as why:
        raise IncorrectInput(
            "moment_must_be_a_day_or_an_instant_with_its_zone",
            thing=f"option {name}",
            expected=f"a day such as 2011-06-30, or an instant such as {_INSTANTS}",
            found=f"{text!r}: {why}",
            remedy=f"{_ZONES} For the end of a business day give the day alone.",
        ) from None


def days(one: str | None, first: str | None, last: str | None) -> tuple[date, date]:
    """The day range [first, last] from either --date or --from and --to."""
    if one is not None and first is None and last is None:
        return day(one, name="--date"), day(one, name="--date")
    if one is None and first is not None and last is not None:
        start, stop = day(first, name="--from"), day(last, name="--to")
        if start <= stop:
            return start, stop
        raise IncorrectInput(
            "range_must_not_end_before_it_starts",
            thing="options --from and --to",
            expected=f"--to on or after {start}",
            found=str(stop),
        )
    raise IncorrectInput(
        "days_must_be_given_one_way",
        thing="the days asked for",
        expected="either --date, or both --from and --to",
        found=", ".join(
            name
            for name, value in (("--date", one), ("--from", first), ("--to", last))
            if value is not None
        )
        or "none of them",
    )


def _in_utc(text: str) -> datetime:
    """ValueError says what the text is instead of an instant with its zone."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("text that is no ISO 8601 date and time") from None
    if value.tzinfo is None:
        raise ValueError("a time without its zone")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time outside the years 1 to 9999 in UTC") from None
