"""Answers to commands as the inbox keeps them, and how the lake's events give them back.

Holds the form of an answer and of a cause: which command brought an event about. Touches no
database. Called by `handler` and `states`.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import groupby
from typing import Any, Final

from ingestion.journal.appending import Answered
from ingestion.journal.records import JournalEvent, Received
from ledger.deciding import Rejection

_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))  # `dumps` makes one each
_SHA256_LENGTH: Final = 64
_CAUSE_BYTES_MAX: Final = 512
"""Longest id the contracts take, and so the longest cause."""


def answer_of(event_ids: Iterable[str], rejection: Rejection | None = None) -> bytes:
    """What the inbox keeps of an answer."""
    told = {"event_ids": list(event_ids), "rejection": asdict(rejection) if rejection else None}
    return _JSON.encode(told).encode()


def read_answer(data: bytes) -> tuple[tuple[str, ...], Rejection | None]:
    """The event ids and the rejection of an answer."""
    told: dict[str, Any] = json.loads(data)
    rejection = told["rejection"]
    return tuple(told["event_ids"]), None if rejection is None else Rejection(**rejection)


def cause_of(key: str, body_sha256: str) -> str | None:
    """The causation id of a command's events: SHA-256 of its body, and its key. None for a key
    there is no room for; such a command is not known again once its journal is lost."""
    cause = f"{body_sha256} {key}"
    return cause if len(cause.encode()) <= _CAUSE_BYTES_MAX else None


def answered(events: Iterable[JournalEvent]) -> Iterator[Answered]:
    """The accepted commands that brought these events about. Events in order of their positions:
    those of a command follow each other."""
    for cause, group in groupby(events, key=lambda one: one.event.causation_id or ""):
        body_sha256, rest = cause[:_SHA256_LENGTH], cause[_SHA256_LENGTH:]
        key = rest.removeprefix(" ")
        if key == rest or not key:
            continue
        mine = list(group)
        received = Received(
            key=key,
            body_sha256=body_sha256,
            answer=answer_of(one.event.event_id for one in mine),
        )
        last = mine[-1]
        yield Answered(received=received, stream_id=last.stream_id, version=last.stream_version)
