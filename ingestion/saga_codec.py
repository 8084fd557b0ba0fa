"""Sagas between their decider, the journal and the lake: the forms of events and states.

Holds `SagaCodec`, and `SAGA_CODEC` with every kind of saga there is. Holds no rule. Called by the
journal's handler, by folding and by the runner.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from ingestion.journal import NewEvent
from ingestion.journal.codec import ON_DEMAND
from ledger import sagas
from ledger.control_events import canonical_json
from ledger.instants import to_us
from ledger.saga_kinds import SAGAS, STEPPING
from ledger.sagas import Saga, SagaDecider, SagaDefinition, SagaEvent
from ledger.sagas.state import STATE_FORMAT

_VERSION: Final = 1
_BEGINNING: Final = ("saga_id", "saga", "steps", "deadline_us")
"""Fields every beginning has; the others are the details of its kind."""

_NUMBERS: Final = ("attempt", "deadline_us", "event_time_us", "retry_us")


class SagaCodec:
    """The `Codec` of sagas of these kinds."""

    family = "control"
    state_format = STATE_FORMAT

    def __init__(self, definitions: Mapping[str, SagaDefinition]) -> None:
        self.decider = SagaDecider(definitions)
        begun = {one.begun_by for one in definitions.values()}
        self.event_types = frozenset({*STEPPING, *begun})

    def due_us(self, state: Saga) -> int | None:
        """When its next call is due, if it has not ended."""
        if state.ended:
            return None
        return ON_DEMAND if state.action is None else state.action.due_us

    def to_new_event(self, event: SagaEvent, *, event_id: str) -> NewEvent:
        kind, payload = type(event).__name__, _values(event)
        if isinstance(event, sagas.SagaBegun):
            kind = payload.pop("event_type")
            payload |= payload.pop("details")
        return NewEvent(
            event_id=event_id,
            event_type=kind,
            schema_version=_VERSION,
            event_time_us=event.event_time_us,
            columns={},
            payload=canonical_json(payload).encode(),
            correlation_id=event.saga_id,
        )

    def from_row(self, row: Mapping[str, Any]) -> SagaEvent:
        """The contract has seen to it that every field is there; see docs/sagas.md."""
        payload = json.loads(row["payload"])
        payload["event_time_us"] = to_us(row["event_time"])
        kind = STEPPING.get(row["event_type"])
        if kind is not None:
            return kind(**{one.name: _read(one.name, payload) for one in fields(kind)})
        details = {name: str(value) for name, value in payload.items() if name not in _BEGINNING}
        del details["event_time_us"]
        return sagas.SagaBegun(
            event_type=row["event_type"],
            event_time_us=payload["event_time_us"],
            details=details,
            **{name: _read(name, payload) for name in _BEGINNING},
        )

    def state_to_bytes(self, state: Saga) -> bytes:
        return canonical_json(vars(state)).encode()

    def state_from_bytes(self, data: bytes) -> Saga:
        return Saga(**{name: _tupled(value) for name, value in json.loads(data).items()})


SAGA_CODEC: Final = SagaCodec(SAGAS)


def _values(event: SagaEvent) -> dict[str, Any]:
    """Fields that say something; the time is a column."""
    return {
        name: value
        for name, value in vars(event).items()
        if name != "event_time_us" and value is not None
    }


def _read(name: str, payload: Mapping[str, Any]) -> Any:
    """A field in its type: what contracts call a number may be text in a file of others."""
    value = payload.get(name)
    if name in _NUMBERS and value is not None:
        return int(value)
    if name == "anew":
        return value in (True, "true")
    return _tupled(value)


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
