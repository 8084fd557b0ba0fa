"""Control events: what the books record of periods, people, decisions and rules, one type each.

Holds the event types, their payloads and which types are reserved to the choke point. Does not
check rules (`ledger.rules`) or fold (`ledger.books`). Called by both, and by whoever records one.
"""

import hashlib
import json
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

from ledger.errors import IncorrectInput

SOURCE = "ledgerlake"
PARTITION = "control"
SETTINGS_SOURCE = "ledgerlake-settings"
"""Source of the policy that `init` records; it may write `LatenessPolicySet` 1 and nothing else."""

CHOKE_POINT_RULE = "control_event_must_come_through_the_choke_point"


def canonical_json(value: object) -> str:
    """Sorted keys, no spaces, text as UTF-8: one value has one form."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


@dataclass(frozen=True, kw_only=True)
class ControlEvent:
    """One fact about the books. `stream_id` and `natural_id` follow from the payload.

    `natural_id` names the fact whatever its content (None: the same fact may come again later,
    and is told apart by its place in the stream).
    """

    schema_version: ClassVar[int] = 1
    stream: ClassVar[str]
    natural: ClassVar[str | None] = None

    @property
    def event_type(self) -> str:
        return type(self).__name__

    @property
    def stream_id(self) -> str:
        return self.stream.format_map(vars(self))

    @property
    def natural_id(self) -> str | None:
        return None if self.natural is None else self.natural.format_map(vars(self))

    def payload(self) -> dict[str, Any]:
        """The payload as JSON values: money as decimal text, dates as ISO text."""
        return {one.name: _encoded(getattr(self, one.name)) for one in fields(self)}

    def payload_text(self) -> str:
        return canonical_json(self.payload())


@dataclass(frozen=True, kw_only=True)
class PeriodDates:
    """A period of a calendar: `end_date` is the first day after it."""

    period_id: str
    first_date: date
    end_date: date


@dataclass(frozen=True, kw_only=True)
class PersonAdded(ControlEvent):
    """`request_id` None: one of the first two people, whom nobody could approve."""

    stream: ClassVar[str] = "person/{person}"
    natural: ClassVar[str | None] = "{person}/{request_id}"
    person: str
    verifier_key: str
    roles: tuple[str, ...]
    request_id: str | None


@dataclass(frozen=True, kw_only=True)
class PersonRemoved(ControlEvent):
    stream: ClassVar[str] = "person/{person}"
    natural: ClassVar[str | None] = "{person}/{request_id}"
    person: str
    request_id: str


@dataclass(frozen=True, kw_only=True)
class ActionRequested(ControlEvent):
    """`statement` is a signed note (see `audit.statement`)."""

    stream: ClassVar[str] = "request/{request_id}"
    natural: ClassVar[str | None] = "{request_id}"
    request_id: str
    action: str
    statement: str


@dataclass(frozen=True, kw_only=True)
class ActionApproved(ControlEvent):
    stream: ClassVar[str] = "request/{request_id}"
    natural: ClassVar[str | None] = "{request_id}"
    request_id: str
    action: str
    statement: str


@dataclass(frozen=True, kw_only=True)
class ActionDeclined(ControlEvent):
    stream: ClassVar[str] = "request/{request_id}"
    natural: ClassVar[str | None] = "{request_id}"
    request_id: str
    action: str
    statement: str


@dataclass(frozen=True, kw_only=True)
class CalendarDefined(ControlEvent):
    stream: ClassVar[str] = "calendar"
    natural: ClassVar[str | None] = "{calendar_version}"
    calendar_version: int
    kind: str
    periods: tuple[PeriodDates, ...]


@dataclass(frozen=True, kw_only=True)
class LatenessPolicySet(ControlEvent):
    """How long figures may move. None in `source`, `period_id`, `effective_from`: all of them.

    `amount_cap`: an event of a larger absolute amount goes to people.
    `soft_close_sources`: who may still book while a period is SoftClosed.
    """

    schema_version: ClassVar[int] = 2
    stream: ClassVar[str] = "policy/lateness"
    max_delay_days: int
    initial_grace_hours: int
    source: str | None = None
    period_id: str | None = None
    effective_from: date | None = None
    soft_close_sources: tuple[str, ...] = ()
    amount_cap: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class PeriodSoftClosed(ControlEvent):
    """`sealed`: nothing books any more, a close is under way."""

    stream: ClassVar[str] = "period/{period_id}"
    period_id: str
    sealed: bool
    reason: str


@dataclass(frozen=True, kw_only=True)
class CloseFailed(ControlEvent):
    stream: ClassVar[str] = "period/{period_id}"
    period_id: str
    run_id: str
    step: str
    reason: str
    controls: tuple[Mapping[str, Any], ...]
    evidence_sha256: str | None


@dataclass(frozen=True, kw_only=True)
class PeriodClosed(ControlEvent):
    stream: ClassVar[str] = "period/{period_id}"
    natural: ClassVar[str | None] = "{period_id}/{closed_edition}"
    period_id: str
    run_id: str
    closed_edition: int
    published_edition: int
    cut_off_commit: int
    certificate_sha256: str
    request_id: str
    controls: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class PeriodReopened(ControlEvent):
    stream: ClassVar[str] = "period/{period_id}"
    natural: ClassVar[str | None] = "{period_id}/{request_id}"
    period_id: str
    request_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class LateEventDecided(ControlEvent):
    """`decision` is next_period, restated, rejected, or pending (undone)."""

    stream: ClassVar[str] = "exception/{event_id}"
    natural: ClassVar[str | None] = "{event_id}/{request_id}"
    event_id: str
    row_index: int
    decision: str
    posting_period: str | None
    previous_decision: str | None
    previous_posting_period: str | None
    request_id: str


@dataclass(frozen=True, kw_only=True)
class LockExceptionGranted(ControlEvent):
    """None in `source`, `store_id`, `amount_cap`: any."""

    stream: ClassVar[str] = "lock/{lock_exception_id}"
    natural: ClassVar[str | None] = "{lock_exception_id}"
    lock_exception_id: str
    period_id: str
    source: str | None
    store_id: str | None
    amount_cap: Decimal | None
    expires_at_us: int
    reason: str
    request_id: str


@dataclass(frozen=True, kw_only=True)
class LockExceptionRevoked(ControlEvent):
    stream: ClassVar[str] = "lock/{lock_exception_id}"
    natural: ClassVar[str | None] = "{lock_exception_id}"
    lock_exception_id: str
    statement: str


EVENT_TYPES: Mapping[str, type[ControlEvent]] = types.MappingProxyType(
    {
        one.__name__: one
        for one in (
            PersonAdded,
            PersonRemoved,
            ActionRequested,
            ActionApproved,
            ActionDeclined,
            CalendarDefined,
            LatenessPolicySet,
            PeriodSoftClosed,
            CloseFailed,
            PeriodClosed,
            PeriodReopened,
            LateEventDecided,
            LockExceptionGranted,
            LockExceptionRevoked,
        )
    }
)
RESERVED = frozenset(EVENT_TYPES)
"""Types that come into the lake through the choke point only."""

MOVES_NO_FIGURE = frozenset(
    one.__name__
    for one in (
        ActionRequested,
        ActionApproved,
        ActionDeclined,
        PeriodSoftClosed,
        CloseFailed,
        PeriodClosed,
        PeriodReopened,
    )
)
"""Types that say who asked for what and which period takes events from then on: whatever is booked
already stays as it is."""


def parse(event_type: str, schema_version: int, payload: str) -> ControlEvent:
    """A control event from its payload text. IncorrectInput names the field that is wrong.

    Version 1 of the lateness policy (written by `init`) is read as version 2 for all sources.
    """
    kind = EVENT_TYPES.get(event_type)
    old_policy = (event_type, schema_version) == ("LatenessPolicySet", 1)
    if kind is None or (schema_version != kind.schema_version and not old_policy):
        raise _wrong(event_type, "a reserved type and its version", f"version {schema_version}")
    try:
        values = json.loads(payload)
    except ValueError as error:
        raise _wrong(event_type, "a JSON object", str(error)) from error
    if not isinstance(values, dict):
        raise _wrong(event_type, "a JSON object", payload[:200])
    decoders = _decoders(event_type)
    if old_policy:
        decoders = {name: decoders[name] for name in ("max_delay_days", "initial_grace_hours")}
        values = {name: int(value) for name, value in values.items() if name in decoders}
    if values.keys() != decoders.keys():
        raise _wrong(event_type, f"the fields {sorted(decoders)}", str(sorted(values)))
    event = kind(**{name: _decode(event_type, name, values[name], decoders) for name in decoders})
    if not old_policy and event.payload_text() != payload:
        raise _wrong(
            event_type, f"its one canonical form {event.payload_text()[:200]}", payload[:200]
        )
    return event


def payload_sha256(event: ControlEvent) -> str:
    """SHA-256 of the payload text: two facts of one name are the same if this is."""
    return hashlib.sha256(event.payload_text().encode()).hexdigest()


Decoder = Callable[[Any], Any]


@cache
def _decoders(event_type: str) -> Mapping[str, Decoder]:
    kind = EVENT_TYPES[event_type]
    hints = get_type_hints(kind)
    return {one.name: _decoder(hints[one.name]) for one in fields(kind)}


def _decode(event_type: str, name: str, value: Any, decoders: Mapping[str, Decoder]) -> Any:
    try:
        return decoders[name](value)
    except (TypeError, ValueError, InvalidOperation) as error:
        raise _wrong(f"{event_type} field {name}", str(error), repr(value)[:200]) from error


def _decoder(hint: Any) -> Decoder:
    if get_origin(hint) in (types.UnionType, Union):
        inner = _decoder(next(one for one in get_args(hint) if one is not type(None)))
        return lambda value: None if value is None else inner(value)
    if get_origin(hint) is tuple:
        item = _decoder(get_args(hint)[0])
        return lambda value: tuple(item(one) for one in _instance(value, list, "a list"))
    return _SIMPLE[get_origin(hint) or hint]


def _instance(value: Any, kind: type, expected: str) -> Any:
    if type(value) is not kind:
        raise TypeError(expected)
    return value


def _decimal(value: Any) -> Decimal:
    if not re.fullmatch(r"-?[0-9]{1,14}(\.[0-9]{1,4})?", _instance(value, str, "decimal text")):
        raise ValueError("decimal text with at most 4 decimals")
    return Decimal(value)


def _date(value: Any) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", _instance(value, str, "an ISO date")):
        raise ValueError("a date as 2026-01-31")
    return date.fromisoformat(value)


def _period_dates(value: Any) -> PeriodDates:
    _instance(value, dict, "a period with its dates")
    if value.keys() != {"period_id", "first_date", "end_date"}:
        raise ValueError("period_id, first_date and end_date")
    return PeriodDates(
        period_id=_instance(value["period_id"], str, "text"),
        first_date=_date(value["first_date"]),
        end_date=_date(value["end_date"]),
    )


_SIMPLE: Mapping[Any, Decoder] = {
    str: lambda value: _instance(value, str, "text"),
    int: lambda value: _instance(value, int, "a whole number"),
    bool: lambda value: _instance(value, bool, "true or false"),
    date: _date,
    Decimal: _decimal,
    PeriodDates: _period_dates,
    Mapping: lambda value: _instance(value, dict, "an object"),
}


def _encoded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_encoded(one) for one in value]
    if isinstance(value, PeriodDates):
        return {one.name: _encoded(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, date) else value


def _wrong(thing: str, expected: str, found: str) -> IncorrectInput:
    return IncorrectInput(
        "payload_must_obey_its_contract", thing=thing, expected=expected, found=found
    )
