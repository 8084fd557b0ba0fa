"""Sagas begun, run, looked at and decided on, with the home's journal, clock and settings.

Holds `SagaDesk`. Holds no rule and draws nothing. Called by the saga commands and Dagster.
"""

import hashlib
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from ingestion.account_codec import ACCOUNT_CODEC
from ingestion.journal import Answer, Handler, Journal, Request, Retries, listing
from ingestion.journal.codec import state_of
from ingestion.journal.rows import as_frame, as_rows
from ingestion.lake.writer import Clock, system_clock
from ingestion.saga_codec import SAGA_CODEC
from ledger.books import Books
from ledger.control_events import canonical_json
from ledger.errors import IncorrectInput
from ledger.payments import PAYMENT
from ledger.sagas import Begin, Intervene, Saga, SagaCommand, SagaEvent
from ledger.sagas.decide import STREAM_PREFIX, stream_of
from orchestration.journal import Writer, opened
from orchestration.payments.account_steps import AccountSteps
from orchestration.payments.bearer import BearerToken
from orchestration.payments.hands import payment_hands
from orchestration.payments.http import HttpGateway, HttpReceipts
from orchestration.sagas.hands import Hands
from orchestration.sagas.runner import Progress, Ran, Runner, SagaHandler
from orchestration.settings import Settings

# Jitter parts rivals, it decides nothing.
RETRIES = Retries(pause=time.sleep, jitter=random.random)

DRAIN_US: Final = 10_000_000
"""How often a runner drains: each time is a commit of the lake, so not at every call."""


@dataclass(frozen=True)
class SagaDesk:
    """The sagas of one home."""

    settings: Settings
    writer: Writer

    def begin(self, saga: str, saga_id: str, details: Mapping[str, str]) -> Answer:
        """Begin a saga, durable; the same again is answered as before."""
        command = Begin(at_us=self.writer.now(), saga=saga, details=details)
        return self._tell(saga_id, "begin", {"saga": saga, **details}, command)

    def intervene(
        self,
        saga_id: str,
        decision: Literal["retry", "turn_back", "settled"],
        *,
        by: str,
        why: str,
    ) -> Answer:
        """A person's word on a saga that waits for it. The same word again, before the saga has
        moved, is answered as before."""
        _, version = self._handler().state(stream_of(saga_id))
        command = Intervene(at_us=self.writer.now(), decision=decision, by=by, why=why)
        said = {"decision": decision, "by": by, "why": why}
        return self._tell(saga_id, f"after/{version}/decided", said, command)

    def all(self) -> Iterator[Saga]:
        """Every saga as it stands, by id."""
        for one in listing.streams(self.writer.journal, STREAM_PREFIX):
            yield state_of(SAGA_CODEC, one.stream_id, one)[0]

    def state(self, saga_id: str) -> Saga:
        """IncorrectInput if nobody began it."""
        saga, version = self._handler().state(stream_of(saga_id))
        if version:
            return saga
        raise IncorrectInput(
            "saga_must_be_known",
            thing=f"saga {saga_id}",
            expected="a saga that was begun",
            found="none of that id",
            remedy="`ledgerlake saga list` names all.",
        )

    def history(self, saga_id: str) -> list[SagaEvent]:
        """Its events, oldest first."""
        found = listing.events(
            self.writer.journal, self.writer.lake, stream_of(saga_id), family=SAGA_CODEC.family
        )
        return [SAGA_CODEC.from_row(row) for row in as_rows(as_frame(found))]

    def run(
        self,
        runner: Runner,
        *,
        once: bool = False,
        watch: bool = False,
        progress: Progress = lambda _done, _total: None,
    ) -> Ran:
        """Run, and bring what came of it into the lake: every few seconds, and at the end."""
        drained_us = self.writer.now()

        def drain_at_times() -> None:
            nonlocal drained_us
            if self.writer.now() - drained_us >= DRAIN_US:
                self.writer.drain()
                drained_us = self.writer.now()

        ran = runner.run(once=once, watch=watch, progress=progress, between=drain_at_times)
        self.writer.drain()
        return ran

    def runner(self) -> Runner:
        """A runner for every kind of saga. IncorrectInput if the settings name nobody to ask, or a
        token that cannot be read."""
        return Runner(
            self.writer.journal,
            SAGA_CODEC,
            {PAYMENT.name: self._payment_hands()},
            now=self.writer.now,
            retries=RETRIES,
            calls_at_once=self.settings.payments.calls_at_once,
        )

    def _tell(
        self, saga_id: str, what: str, said: Mapping[str, str], command: SagaCommand
    ) -> Answer:
        """What was said is part of the key: who said it wrongly may say it again."""
        stream, body = stream_of(saga_id), canonical_json(said).encode()
        request = Request(
            stream_id=stream,
            key=f"{stream}/{what}/{hashlib.sha256(body).hexdigest()}",
            body=body,
            command=command,
        )
        return self._handler().handle(request)

    def _payment_hands(self) -> Hands:
        asked = self.settings.payments
        for name in ("gateway_url", "receipts_url"):
            if not getattr(asked, name):
                raise IncorrectInput(
                    f"{name}_must_be_set",
                    thing=f"setting payments.{name}",
                    expected="the address of who is asked",
                    found="none",
                    remedy="Set it in ledgerlake.toml; docs/sagas.md says what it must answer.",
                )
        gateway = BearerToken(asked.gateway_token_from)
        receipts = BearerToken(asked.receipts_token_from)
        for token in (gateway, receipts):
            token.read()
        return payment_hands(
            HttpGateway(url=asked.gateway_url, seconds=asked.call_seconds, token=gateway),
            HttpReceipts(url=asked.receipts_url, seconds=asked.call_seconds, token=receipts),
            AccountSteps(
                Handler(self.writer.journal, ACCOUNT_CODEC, retries=RETRIES),
                self._books,
                self.writer.now,
            ),
        )

    def _books(self) -> Books:
        self.writer.lake.refresh()
        return self.writer.lake.books()

    def _handler(self) -> SagaHandler:
        return Handler(self.writer.journal, SAGA_CODEC, retries=RETRIES)


def due_sagas(journal: Journal, *, now_us: int) -> int:
    """How many sagas have something to do by now. Changes nothing."""
    return listing.count_due(journal, STREAM_PREFIX, now_us=now_us)


@contextmanager
def open_sagas(settings: Settings, *, now: Clock = system_clock) -> Iterator[SagaDesk]:
    """The desk of a home, its journal made if there is none. IncorrectInput without a lake."""
    with opened(settings, now=now) as writer:
        writer.catch_up()
        yield SagaDesk(settings, writer)
