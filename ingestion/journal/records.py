"""What goes into the journal and comes out: events, states, commands, and what can go wrong.

    IncorrectInput
    ├── VersionConflict    the stream moved on since it was read: read again, decide again
    └── EventIdTaken       the journal holds an event of this id already
Does not touch a database. Called by everything of `ingestion.journal` and by codecs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ledger import origins
from ledger.errors import IncorrectInput, LedgerlakeError

SOURCE: Final = origins.JOURNAL
PARTITION: Final = origins.JOURNAL_PARTITION
"""Where drained events say they came from; their offset is the journal's position."""


@dataclass(frozen=True, kw_only=True)
class NewEvent:
    """One event to append. `columns` are promoted columns of the lake's row (`account_id`,
    `currency`, `amount` as Decimal, ...); `payload` is UTF-8 text; time in microseconds UTC."""

    event_id: str
    event_type: str
    schema_version: int
    event_time_us: int
    columns: Mapping[str, object]
    payload: bytes
    correlation_id: str | None = None
    causation_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class JournalEvent:
    """An event as the journal keeps it. Positions count from 0 without gaps, in commit order."""

    position: int
    stream_id: str
    stream_version: int
    event: NewEvent


@dataclass(frozen=True, kw_only=True)
class StreamState:
    """The inline snapshot of a stream after its event number `version`.

    `state_format` is `<kind>/<number>`: the kind of stream, and the form of the bytes. `due_us` as
    its codec says.
    """

    stream_id: str
    version: int
    state: bytes
    state_format: str
    due_us: int | None = None


@dataclass(frozen=True, kw_only=True)
class Received:
    """A command as it came: its idempotency key, the hash of its body, and what is answered."""

    key: str
    body_sha256: str
    answer: bytes


@dataclass(frozen=True, kw_only=True)
class Append:
    """Events for one stream, its state after them, and the command that asked for them.

    `expected_version` is the version that was read (0: a new stream). Without events only the
    answer is kept, as for a rejection.
    """

    stream_id: str
    expected_version: int
    events: Sequence[NewEvent]
    state: bytes
    state_format: str
    command: Received | None = None
    due_us: int | None = None


@dataclass(frozen=True, kw_only=True)
class Appended:
    """What became of an `Append`. `repeated`: the command came before, and this is its answer.

    `first_position` is None where no event was written.
    """

    stream_id: str
    version: int
    first_position: int | None
    answer: bytes | None
    repeated: bool = False


Outcome = Appended | LedgerlakeError


class VersionConflict(IncorrectInput):
    """Another writer was faster."""

    def __init__(self, stream_id: str, *, expected: int, found: int) -> None:
        super().__init__(
            "expected_version_must_be_the_streams",
            thing=f"stream {stream_id!r}",
            expected=f"version {expected}",
            found=f"version {found}",
            remedy="Load the stream and decide again.",
        )


class EventIdTaken(IncorrectInput):
    """The journal has this id."""

    def __init__(self, stream_id: str, event_id: str) -> None:
        super().__init__(
            "event_id_must_be_free",
            thing=f"event {event_id!r} of stream {stream_id!r}",
            expected="an id that no event of the journal has",
            found="one that has it",
            remedy="The event was recorded before; give a new event an id of its own.",
        )


def key_was_reused(command: Received, *, body_sha256: str) -> IncorrectInput:
    """One idempotency key with two bodies."""
    return IncorrectInput(
        "idempotency_key_must_not_be_reused",
        thing=f"command {command.key!r}",
        expected=f"the body it came with first, SHA-256 {body_sha256}",
        found=f"another body, SHA-256 {command.body_sha256}",
        remedy="Give a new command a key of its own.",
    )
