"""The runner of sagas: makes the calls that are due, and records what was answered.

Holds `Runner`. Decides nothing: it asks the saga what is next. Killed at any point, the next runner
makes the same call with the same key. Called by `ledgerlake saga run` and by Dagster.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event
from typing import Final, TypeAlias

from ingestion.journal import Handler, Journal, Request, Retries, listing
from ingestion.journal.codec import state_of
from ingestion.saga_codec import SagaCodec
from ledger.sagas import Action, Expire, Report, Result, Saga, SagaCommand, SagaEvent, Unknown
from ledger.sagas.decide import STREAM_PREFIX, stream_of
from orchestration.sagas.agenda import Agenda, Planned
from orchestration.sagas.hands import Hands

SagaHandler: TypeAlias = Handler[Saga, SagaCommand, SagaEvent]
Told: TypeAlias = tuple[Planned, SagaCommand]
Progress: TypeAlias = Callable[[int, int], None]

GROUP: Final = 500
"""Most own steps and answers of one group commit: 0.2 s, in which other commands wait."""
CALLS: Final = 64
"""Most calls handed to the threads at once; the others stay where a stop leaves them alone."""
LOOK_US: Final = 500_000
"""How soon a saga that another process began, or a person decided on, is seen."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a run has done. `calls`: how often others were asked, `open`: sagas with something left
    to do, `waiting`: for a person; both at the end of the run."""

    calls: int
    ended: Mapping[str, int]
    open: int
    waiting: int


class Runner:
    """Runs the sagas of one journal; `hands` by kind of saga. One at a time is enough, several do
    no harm."""

    def __init__(
        self,
        journal: Journal,
        codec: SagaCodec,
        hands: Mapping[str, Hands],
        *,
        now: Callable[[], int],
        retries: Retries,
        calls_at_once: int = 16,
    ) -> None:
        self._journal = journal
        self._codec = codec
        self._hands = hands
        self._now = now
        self._handler: SagaHandler = Handler(journal, codec, retries=retries)
        self._calls_at_once = calls_at_once
        self._stop = Event()
        self._agenda = Agenda(is_own=lambda one: one.step in hands[one.saga].own)
        self._flying: dict[Future[Result], Planned] = {}
        self._seen_position = 0
        self._looked_us = 0
        self._calls = 0

    def stop(self) -> None:
        """Start no more calls; those under way are awaited and recorded."""
        self._stop.set()

    def run(
        self,
        *,
        once: bool = False,
        watch: bool = False,
        progress: Progress = lambda _done, _total: None,
        between: Callable[[], None] = lambda: None,
    ) -> Ran:
        """Until every saga has ended or waits for a person. `once`: only what is due by now;
        `watch`: go on for new ones until stopped. `between` is called after each round."""
        self._look(everywhere=True)
        with ThreadPoolExecutor(self._calls_at_once) as pool:
            while not self._stop.is_set() and self._round(pool, once=once, watch=watch):
                ended = self._agenda.ended.total()
                progress(ended, ended + self._agenda.open + len(self._flying))
                between()
            while self._flying:
                self._record(self._answered(None))
        return Ran(
            calls=self._calls,
            ended=dict(self._agenda.ended),
            open=self._agenda.open,
            waiting=len(self._agenda.waiting),
        )

    def _round(self, pool: ThreadPoolExecutor, *, once: bool, watch: bool) -> bool:
        """Make what is due, record what was answered. False: there is nothing left to do."""
        now_us = self._now()
        if now_us - self._looked_us >= LOOK_US:
            self._look(everywhere=False)
        self._start_calls(pool, now_us)
        told = [*self._perform_own(now_us), *self._answered(0)]
        if told:
            self._record(told)
            return True
        next_us = self._agenda.next_due_us()
        idle = next_us is None or len(self._flying) >= CALLS
        wait_us = LOOK_US if idle else min(LOOK_US, max(0, (next_us or 0) - now_us))
        if self._flying:
            self._record(self._answered(wait_us / 1e6))
            return True
        if not watch and (next_us is None or (once and next_us > now_us)):
            return False
        self._stop.wait(wait_us / 1e6)
        return True

    def _look(self, *, everywhere: bool) -> None:
        """See what others began, or decided on. Whatever of it is under way here is left alone."""
        since, self._seen_position = self._seen_position, self._journal.next_position()
        self._looked_us = self._now()
        if everywhere:
            found = listing.streams(self._journal, STREAM_PREFIX)
        else:
            names = sorted(listing.changed(self._journal, STREAM_PREFIX, since=since))
            found = iter(self._journal.load_many(names).values())
        flying = {one.action.saga_id for one in self._flying.values()}
        for one in found:
            saga, version = state_of(self._codec, one.stream_id, one)
            if saga.saga_id not in flying and not saga.ended:
                self._agenda.put(saga, version)

    def _start_calls(self, pool: ThreadPoolExecutor, now_us: int) -> None:
        for planned in self._agenda.due(now_us, CALLS - len(self._flying), own=False):
            if planned.is_expired(now_us):
                self._record([(planned, Expire(at_us=now_us))])
                continue
            action = planned.action
            call = self._hands[action.saga].calls.get(action.step, _nobody)
            self._flying[pool.submit(call, action)] = planned
            self._calls += 1

    def _perform_own(self, now_us: int) -> Iterator[Told]:
        """Own steps, all of a kind of saga in one group."""
        by_kind: dict[str, list[Planned]] = {}
        for planned in self._agenda.due(now_us, GROUP, own=True):
            if planned.is_expired(now_us):
                yield planned, Expire(at_us=now_us)
            else:
                by_kind.setdefault(planned.action.saga, []).append(planned)
        for kind, group in by_kind.items():
            results = self._hands[kind].perform([one.action for one in group])
            for planned, result in zip(group, results, strict=True):
                yield planned, self._report(planned, result)

    def _answered(self, seconds: float | None) -> list[Told]:
        """The calls that were answered; waits so long for the first (None: until there is one)."""
        if not self._flying:
            return []
        done, _ = wait(self._flying, timeout=seconds, return_when=FIRST_COMPLETED)
        return [
            (planned := self._flying.pop(one), self._report(planned, one.result())) for one in done
        ]

    def _report(self, planned: Planned, result: Result) -> Report:
        action = planned.action
        return Report(at_us=self._now(), step=action.step, attempt=action.attempt, result=result)

    def _record(self, told: Sequence[Told]) -> None:
        """All in one group commit. What another runner recorded first stays as it is: the saga is
        looked at anew, and goes on from there."""
        if not told:
            return
        self._handler.handle_many([_request(planned, command) for planned, command in told])
        streams = [stream_of(planned.action.saga_id) for planned, _ in told]
        for one in self._journal.load_many(streams).values():
            saga, version = state_of(self._codec, one.stream_id, one)
            self._agenda.put(saga, version)


def _nobody(action: Action) -> Result:
    return Unknown(reason=f"this runner knows nobody who performs {action.step}")


def _request(planned: Planned, command: SagaCommand) -> Request[SagaCommand]:
    """One command per version of the saga: sent twice, it is answered."""
    said = command.step if isinstance(command, Report) else "expire"
    kind = type(command.result).__name__ if isinstance(command, Report) else "Expire"
    stream = stream_of(planned.action.saga_id)
    key = f"{stream}/after/{planned.version}/{said}/{kind}"
    return Request(stream_id=stream, key=key, body=key.encode(), command=command)
