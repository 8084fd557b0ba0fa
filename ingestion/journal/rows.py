"""Events of the journal between its table, rows as codecs read them, and frames for the lake.

Holds the conversions and what a column may be. Does not check contracts or touch a database.
Called by `journal`, `drain` and `fold`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import polars as pl

from audit import canonical
from audit.canonical import EVENT_SCHEMA
from ingestion.journal.records import PARTITION, SOURCE, JournalEvent, NewEvent
from ledger.errors import IncorrectInput
from ledger.instants import from_us, to_us

TEXTS: Final = ("store_id", "account_id", "category", "channel", "currency")
NUMBERS: Final = ("amount", "quantity")
_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_LARGEST: Final = Decimal(10) ** (canonical.DECIMAL_PRECISION - canonical.DECIMAL_SCALE)
_STEP: Final = Decimal(1).scaleb(-canonical.DECIMAL_SCALE)


def stored(one: JournalEvent, recorded_us: int) -> dict[str, object]:
    """An event as a row of the journal's table. IncorrectInput names a value it cannot keep."""
    event = one.event
    return {
        "position": one.position,
        "event_id": event.event_id,
        "stream_id": one.stream_id,
        "stream_version": one.stream_version,
        "event_type": event.event_type,
        "schema_version": event.schema_version,
        "event_time_us": event.event_time_us,
        "columns": _columns_text(event),
        "payload": _payload_text(event),
        "correlation_id": event.correlation_id,
        "causation_id": event.causation_id,
        "recorded_us": recorded_us,
    }


def restored(row: Mapping[str, Any]) -> JournalEvent:
    """The event of a row of the journal's table."""
    values = json.loads(row["columns"])
    columns = {name: Decimal(v) if name in NUMBERS else v for name, v in values.items()}
    return _event(row, row["position"], row["event_time_us"], columns)


def of_lake(row: Mapping[str, Any]) -> JournalEvent:
    """The event of a row of the lake that came from the journal."""
    columns = {name: row[name] for name in (*TEXTS, *NUMBERS) if row[name] is not None}
    return _event(row, row["source_offset"], to_us(row["event_time"]), columns)


def _event(
    row: Mapping[str, Any], position: int, event_time_us: int, columns: Mapping[str, Any]
) -> JournalEvent:
    event = NewEvent(
        event_id=row["event_id"],
        event_type=row["event_type"],
        schema_version=row["schema_version"],
        event_time_us=event_time_us,
        columns=columns,
        payload=row["payload"].encode(),
        correlation_id=row["correlation_id"],
        causation_id=row["causation_id"],
    )
    return JournalEvent(
        position=position,
        stream_id=row["stream_id"],
        stream_version=row["stream_version"],
        event=event,
    )


def as_frame(events: Sequence[JournalEvent]) -> pl.DataFrame:
    """Events as rows for the lake; `family` is null until their contract says it."""
    return pl.DataFrame([_row(one) for one in events], schema=EVENT_SCHEMA)


def as_rows(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Rows as codecs read them: the canonical columns by name, `Decimal` and UTC `datetime`."""
    return frame.iter_rows(named=True)


def _row(one: JournalEvent) -> dict[str, object]:
    event = one.event
    row: dict[str, object] = dict.fromkeys(EVENT_SCHEMA.names())
    return row | {
        **event.columns,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "schema_version": event.schema_version,
        "stream_id": one.stream_id,
        "stream_version": one.stream_version,
        "event_time": from_us(event.event_time_us),
        "source": SOURCE,
        "source_partition": PARTITION,
        "source_offset": one.position,
        "correlation_id": event.correlation_id,
        "causation_id": event.causation_id,
        "payload": event.payload.decode(),
    }


def _columns_text(event: NewEvent) -> str:
    values = {
        name: _plain(event, name, value)
        for name, value in event.columns.items()
        if value is not None
    }
    return _JSON.encode(values)


def _plain(event: NewEvent, name: str, value: object) -> str:
    if name in TEXTS and isinstance(value, str):
        return value
    if name in NUMBERS and isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        if number.is_finite() and abs(number) < _LARGEST and number % _STEP == 0:
            return str(number)
    kind = "text" if name in TEXTS else f"a Decimal of {canonical.DECIMAL_SCALE} places"
    raise IncorrectInput(
        "event_columns_must_be_those_of_the_lake",
        thing=f"column {name!r} of {event.event_type} {event.event_id!r}",
        expected=kind if name in (*TEXTS, *NUMBERS) else f"one of {', '.join((*TEXTS, *NUMBERS))}",
        found=f"{type(value).__name__} {value!r}",
    )


def _payload_text(event: NewEvent) -> str:
    try:
        return event.payload.decode()
    except UnicodeDecodeError as error:
        raise IncorrectInput(
            "payload_must_be_utf_8",
            thing=f"payload of {event.event_type} {event.event_id!r}",
            expected="UTF-8 text",
            found=str(error),
        ) from None
