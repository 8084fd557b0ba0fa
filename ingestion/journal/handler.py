"""Commands run: load, decide, append, and again when another writer was faster.

Holds `Handler`, generic over the kind of stream. Knows no rule and no database. Called by the
command line and whatever takes commands from outside.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from ingestion.journal.answers import answer_of, cause_of, read_answer
from ingestion.journal.codec import Codec, state_of
from ingestion.journal.journal import Journal
from ingestion.journal.records import (
    Append,
    Appended,
    Received,
    StreamState,
    VersionConflict,
)
from ledger.deciding import Rejection
from ledger.errors import LedgerlakeError

S = TypeVar("S")
C = TypeVar("C")
E = TypeVar("E")


@dataclass(frozen=True, kw_only=True)
class Request(Generic[C]):
    """A command for a stream. `body` is what its sender gave, so that the same key with another
    body is found; what we add, as the time, is in `command` only."""

    stream_id: str
    key: str
    body: bytes
    command: C


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The command brought about these events; `version` is the stream's after them."""

    stream_id: str
    version: int
    event_ids: tuple[str, ...]
    repeated: bool = False


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """The command broke a rule; the stream is as it was. Its key keeps this answer."""

    stream_id: str
    version: int
    rejection: Rejection
    repeated: bool = False


Answer = Accepted | Rejected


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often a conflict is tried again, and how long to wait before: twice as long each time,
    times a part by lot (`jitter` gives 0 to 1), so that rivals do not meet again."""

    pause: Callable[[float], None]
    jitter: Callable[[], float]
    limit: int = 10
    first_s: float = 0.002
    longest_s: float = 0.25

    def wait(self, attempt: int) -> None:
        longest = min(self.longest_s, self.first_s * 2**attempt)
        self.pause(longest * (0.5 + self.jitter() / 2))


class Handler(Generic[S, C, E]):
    """Runs commands of one kind of stream."""

    def __init__(self, journal: Journal, codec: Codec[S, C, E], *, retries: Retries) -> None:
        self._journal = journal
        self._codec = codec
        self._retries = retries

    def handle(self, request: Request[C]) -> Answer:
        """The answer to a command, durable. The same key again gets the same answer.

        VersionConflict when others were faster as often as is tried; IncorrectInput for a key
        that came with another body.
        """
        (answer,) = self.handle_many([request])
        if isinstance(answer, LedgerlakeError):
            raise answer
        return answer

    def handle_many(self, requests: Sequence[Request[C]]) -> list[Answer | LedgerlakeError]:
        """Answers in the order given, all durable: group commit. Each fails alone."""
        answers: dict[int, Answer | LedgerlakeError] = {}
        waiting = dict(enumerate(requests))
        attempt = 0
        while waiting:
            conflicts = self._round(waiting, answers)
            if conflicts and attempt >= self._retries.limit:
                answers |= conflicts
            waiting = {at: one for at, one in waiting.items() if at not in answers}
            if conflicts and waiting:
                self._retries.wait(attempt)
                attempt += 1
        return [answers[at] for at in range(len(requests))]

    def state(self, stream_id: str) -> tuple[S, int]:
        """A stream's state and version; the initial one and 0 when it has no event."""
        return state_of(self._codec, stream_id, self._journal.load(stream_id))

    def _round(
        self, waiting: dict[int, Request[C]], answers: dict[int, Answer | LedgerlakeError]
    ) -> dict[int, VersionConflict]:
        """One group commit. A key that stands twice in it waits for the next."""
        group: dict[str, int] = {}
        for at, one in waiting.items():
            group.setdefault(one.key, at)
        streams = list(dict.fromkeys(waiting[at].stream_id for at in group.values()))
        states = {
            one: state_of(self._codec, one, found) for one, found in self._loaded(streams).items()
        }
        appends = [self._decided(waiting[at], states) for at in group.values()]
        conflicts = {}
        outcomes = self._journal.append_many(appends)
        for at, outcome in zip(group.values(), outcomes, strict=True):
            if isinstance(outcome, VersionConflict):
                conflicts[at] = outcome
            else:
                answers[at] = _answer(outcome) if isinstance(outcome, Appended) else outcome
        return conflicts

    def _loaded(self, streams: list[str]) -> dict[str, StreamState | None]:
        if len(streams) == 1:
            return {streams[0]: self._journal.load(streams[0])}
        found = self._journal.load_many(streams)
        return {one: found.get(one) for one in streams}

    def _decided(self, request: Request[C], states: dict[str, tuple[S, int]]) -> Append:
        codec = self._codec
        state, version = states[request.stream_id]
        decided = codec.decider.decide(state, request.command)
        rejection = decided if isinstance(decided, Rejection) else None
        events = () if isinstance(decided, Rejection) else decided
        for event in events:
            state = codec.decider.evolve(state, event)
        states[request.stream_id] = (state, version + len(events))
        body_sha256 = hashlib.sha256(request.body).hexdigest()
        cause = cause_of(request.key, body_sha256)
        new = [
            replace(
                codec.to_new_event(event, event_id=event_id_of(request.key, number)),
                causation_id=cause,
            )
            for number, event in enumerate(events)
        ]
        return Append(
            stream_id=request.stream_id,
            expected_version=version,
            events=new,
            state=codec.state_to_bytes(state),
            state_format=codec.state_format,
            due_us=codec.due_us(state),
            command=Received(
                key=request.key,
                body_sha256=body_sha256,
                answer=answer_of((one.event_id for one in new), rejection),
            ),
        )


def event_id_of(key: str, number: int) -> str:
    """The id of a command's event: a repeated command makes no new one."""
    return hashlib.sha256(f"{key}/{number}".encode()).hexdigest()


def _answer(outcome: Appended) -> Answer:
    assert outcome.answer is not None, "every command has an answer"
    event_ids, rejection = read_answer(outcome.answer)
    if rejection is None:
        return Accepted(
            stream_id=outcome.stream_id,
            version=outcome.version,
            event_ids=event_ids,
            repeated=outcome.repeated,
        )
    return Rejected(
        stream_id=outcome.stream_id,
        version=outcome.version,
        rejection=rejection,
        repeated=outcome.repeated,
    )
