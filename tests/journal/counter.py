"""A decider as small as can be, and its codec: an amount that may not fall below zero.

Events are deposits and withdrawals, so that they obey contracts of the lake. Called by the tests
of the journal, which must not depend on the rules of accounts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ingestion.journal import Handler, Journal, NewEvent, Request, Retries
from ledger.deciding import Rejection
from tests.events import FIRST_US


@dataclass(frozen=True)
class Add:
    """Change the count by `by`; taking away may be refused."""

    by: int


@dataclass(frozen=True)
class Added:
    """The count of `stream_id` changed."""

    stream_id: str
    by: int


@dataclass(frozen=True)
class Count:
    stream_id: str
    value: int = 0


class CounterDecider:
    def initial(self, stream_id: str) -> Count:
        return Count(stream_id)

    def decide(self, state: Count, command: Add) -> tuple[Added, ...] | Rejection:
        if state.value + command.by < 0:
            return Rejection(
                rule="count_must_not_fall_below_zero",
                thing=f"counter {state.stream_id}",
                expected=f"at most {state.value} to take",
                found=str(-command.by),
            )
        return (Added(state.stream_id, command.by),)

    def evolve(self, state: Count, event: Added) -> Count:
        return Count(event.stream_id, state.value + event.by)


class CounterCodec:
    family = "accounts"
    event_types = frozenset({"FundsDeposited", "FundsWithdrawn"})
    state_format = "counter/1"
    decider = CounterDecider()

    def due_us(self, _state: Count) -> None:
        """It is counted on command only."""

    def to_new_event(self, event: Added, *, event_id: str) -> NewEvent:
        return NewEvent(
            event_id=event_id,
            event_type="FundsDeposited" if event.by >= 0 else "FundsWithdrawn",
            schema_version=1,
            event_time_us=FIRST_US,
            columns={
                "account_id": event.stream_id,
                "currency": "EUR",
                "amount": Decimal(abs(event.by)),
            },
            payload=b"{}",
        )

    def from_row(self, row: Mapping[str, Any]) -> Added:
        sign = 1 if row["event_type"] == "FundsDeposited" else -1
        return Added(row["stream_id"], sign * int(row["amount"]))

    def state_to_bytes(self, state: Count) -> bytes:
        return json.dumps({"id": state.stream_id, "value": state.value}).encode()

    def state_from_bytes(self, data: bytes) -> Count:
        values = json.loads(data)
        return Count(values["id"], values["value"])


CODEC = CounterCodec()


def add(stream_id: str, by: int, key: str) -> Request[Add]:
    return Request(stream_id=stream_id, key=key, body=f"{stream_id} {by}".encode(), command=Add(by))


def handler(journal: Journal, *, limit: int = 10) -> Handler[Count, Add, Added]:
    """Waits for nothing: tests that race give pauses of their own."""
    retries = Retries(pause=lambda _seconds: None, jitter=lambda: 0.0, limit=limit)
    return Handler(journal, CODEC, retries=retries)


def values(journal: Journal, streams: list[str]) -> dict[str, int]:
    found = journal.load_many(streams)
    return {name: CODEC.state_from_bytes(one.state).value for name, one in found.items()}
