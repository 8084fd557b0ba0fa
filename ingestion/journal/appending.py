"""Which appends of a group may come, decided on what the journal holds: no database in here.

Holds `plan`. Does not read or write. Called by `journal` inside its writing transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ingestion.journal.records import (
    Append,
    Appended,
    EventIdTaken,
    JournalEvent,
    Outcome,
    Received,
    StreamState,
    VersionConflict,
    key_was_reused,
)


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A command the journal has answered."""

    received: Received
    stream_id: str
    version: int


@dataclass(kw_only=True)
class Known:
    """What the journal holds of the streams, event ids and keys of a group; appends add to it."""

    next_position: int
    versions: dict[str, int]
    taken_ids: set[str]
    answered: dict[str, Answered]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to write, and the outcome of each append in the order given."""

    outcomes: list[Outcome] = field(default_factory=list)
    events: list[JournalEvent] = field(default_factory=list)
    states: dict[str, StreamState] = field(default_factory=dict)
    answered: list[Answered] = field(default_factory=list)


def plan(appends: Iterable[Append], known: Known) -> Plan:
    """Each append after those before it; one that fails leaves no trace, but on its own stream:
    what follows there was decided on what did not come about, so it is a conflict.

    The version alone would not tell: another writer may have brought the stream to the same one.
    """
    made = Plan()
    astray: set[str] = set()
    for one in appends:
        outcome = _outcome(one, known, made, astray)
        made.outcomes.append(outcome)
        if not isinstance(outcome, Appended) or outcome.repeated:
            astray.add(one.stream_id)
    return made


def _outcome(one: Append, known: Known, made: Plan, astray: set[str]) -> Outcome:
    if one.command is not None and one.command.key in known.answered:
        return _again(one.command, known.answered[one.command.key])
    version = known.versions.get(one.stream_id, 0)
    if version != one.expected_version or one.stream_id in astray:
        return VersionConflict(one.stream_id, expected=one.expected_version, found=version)
    taken = _first_taken(one, known.taken_ids)
    if taken is not None:
        return EventIdTaken(one.stream_id, taken)
    first = known.next_position
    _write(one, known, made)
    return Appended(
        stream_id=one.stream_id,
        version=known.versions.get(one.stream_id, 0),
        first_position=first if one.events else None,
        answer=one.command.answer if one.command else None,
    )


def _again(command: Received, before: Answered) -> Outcome:
    if command.body_sha256 != before.received.body_sha256:
        return key_was_reused(command, body_sha256=before.received.body_sha256)
    return Appended(
        stream_id=before.stream_id,
        version=before.version,
        first_position=None,
        answer=before.received.answer,
        repeated=True,
    )


def _first_taken(one: Append, taken: set[str]) -> str | None:
    mine: set[str] = set()
    for event in one.events:
        if event.event_id in taken or event.event_id in mine:
            return event.event_id
        mine.add(event.event_id)
    return None


def _write(one: Append, known: Known, made: Plan) -> None:
    version = one.expected_version
    for event in one.events:
        version += 1
        made.events.append(
            JournalEvent(
                position=known.next_position,
                stream_id=one.stream_id,
                stream_version=version,
                event=event,
            )
        )
        known.next_position += 1
        known.taken_ids.add(event.event_id)
    if one.events:
        known.versions[one.stream_id] = version
        made.states[one.stream_id] = StreamState(
            stream_id=one.stream_id,
            version=version,
            state=one.state,
            state_format=one.state_format,
            due_us=one.due_us,
        )
    if one.command is not None:
        answered = Answered(received=one.command, stream_id=one.stream_id, version=version)
        known.answered[one.command.key] = answered
        made.answered.append(answered)


def event_ids(appends: Sequence[Append]) -> list[str]:
    """All event ids of a group."""
    return [event.event_id for one in appends for event in one.events]
