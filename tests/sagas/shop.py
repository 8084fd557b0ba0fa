"""A shop whose orders are paid by sagas: accounts with money, a journal, a runner over HTTP.

Holds `Shop`, and `serve`, which runs sagas in a process of its own until it is killed. What must
hold at the end is `Shop.problems`. Called by the tests of sagas.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Self

from ingestion.account_codec import ACCOUNT_CODEC
from ingestion.journal import Accepted, Handler, Journal, Request, Retries, listing
from ingestion.journal.codec import state_of
from ingestion.saga_codec import SagaCodec
from ledger.accounts import Account, AccountCommand, Deposit, Moment, OpenAccount
from ledger.books import EMPTY
from ledger.payments import PAYMENT
from ledger.sagas import Begin, Retry, Saga, SagaDefinition, Step
from ledger.sagas.decide import STREAM_PREFIX, stream_of
from orchestration.payments.account_steps import AccountSteps
from orchestration.payments.hands import payment_hands
from orchestration.payments.http import HttpGateway, HttpReceipts
from orchestration.sagas.runner import Ran, Runner
from tests.sagas.web import Books

DEPOSIT = Decimal(1000)
CALL_SECONDS = 0.25
_FAST = Retry(tries=30, first_wait_us=2_000, longest_wait_us=40_000)


def hurried(definition: SagaDefinition, retry: Retry = _FAST) -> SagaDefinition:
    """The same saga in a hurry: waits of milliseconds."""

    def fast(step: Step) -> Step:
        undone_by = None if step.undone_by is None else fast(step.undone_by)
        return replace(step, retry=retry, undone_by=undone_by)

    return replace(definition, steps=tuple(map(fast, definition.steps)))


class Shop:
    """One journal in `folder`, opened by this process."""

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        payment: SagaDefinition | None = None,
        step: Callable[[str], None] | None = None,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self.now = now
        self.journal = Journal.open(f"sqlite:///{folder}/journal.sqlite", now=now, step=step)
        self.codec = SagaCodec({PAYMENT.name: payment or hurried(PAYMENT)})
        self._retries = Retries(pause=time.sleep, jitter=random.random)
        self.accounts = Handler(self.journal, ACCOUNT_CODEC, retries=self._retries)
        self.sagas = Handler(self.journal, self.codec, retries=self._retries)
        self._url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.journal.close()

    def open_accounts(self, *names: str) -> None:
        at_us = self.now()
        at = Moment(now_us=at_us, event_time_us=at_us, period_id="2026-01", exception=None)
        commands: list[tuple[str, AccountCommand]] = []
        for name in names:
            commands.append((name, OpenAccount(at=at, currency="EUR")))
            commands.append((name, Deposit(at=at, amount=DEPOSIT)))
        requests: list[Request[AccountCommand]] = [
            Request(stream_id=name, key=f"{name}/{number}", body=b"", command=command)
            for number, (name, command) in enumerate(commands)
        ]
        assert all(isinstance(one, Accepted) for one in self.accounts.handle_many(requests))

    def order(self, *orders: tuple[str, str, str]) -> None:
        """Place (order, account, amount); all are begun in one commit."""
        requests = [
            Request(
                stream_id=stream_of(order),
                key=f"begin/{order}",
                body=b"",
                command=Begin(
                    at_us=self.now(),
                    saga=PAYMENT.name,
                    details={"account_id": account, "amount": amount, "currency": "EUR"},
                ),
            )
            for order, account, amount in orders
        ]
        assert all(isinstance(one, Accepted) for one in self.sagas.handle_many(requests))

    def runner(self, *, calls_at_once: int = 16) -> Runner:
        hands = payment_hands(
            HttpGateway(url=self._url, seconds=CALL_SECONDS),
            HttpReceipts(url=self._url, seconds=CALL_SECONDS),
            AccountSteps(self.accounts, lambda: EMPTY, self.now),
        )
        return Runner(
            self.journal,
            self.codec,
            {PAYMENT.name: hands},
            now=self.now,
            retries=self._retries,
            calls_at_once=calls_at_once,
        )

    def run(self) -> Ran:
        return self.runner().run()

    def saga(self, order: str) -> Saga:
        return self.sagas.state(stream_of(order))[0]

    def account(self, name: str) -> Account:
        return self.accounts.state(name)[0]

    def all(self) -> list[Saga]:
        found = listing.streams(self.journal, STREAM_PREFIX)
        return [state_of(self.codec, one.stream_id, one)[0] for one in found]

    def problems(self, web: Books, accounts: list[str]) -> list[str]:
        """What must not be: a saga left open, money made or lost, a double capture, a hold left."""
        found = []
        sagas = self.all()
        spent: Counter[str] = Counter()
        for one in sagas:
            captures = web.captures_of_order.get(one.saga_id, [])
            kept = [key for key in captures if key not in web.refunded]
            wanted = 1 if one.status == "completed" else 0
            if one.status not in ("completed", "compensated"):
                found.append(f"{one.saga_id} is {one.status}: {one.problem}")
            if len(captures) > 1 or len(kept) != wanted:
                found.append(f"{one.saga_id}, {one.status}: captured {captures}, kept {kept}")
            if wanted and web.receipts.count(one.saga_id) != 1:
                found.append(f"{one.saga_id}: {web.receipts.count(one.saga_id)} receipts")
            if wanted:
                spent[one.details["account_id"]] += Decimal(one.details["amount"])  # type: ignore[assignment]
        for name in accounts:
            state = self.account(name)
            if state.holds or state.balance != DEPOSIT - spent[name]:
                found.append(f"{name}: {state.balance}, spent {spent[name]}, held {state.holds}")
        outside = sum(web.captured.values()) - sum(web.refunded.values())
        if outside != sum(spent.values()):
            found.append(f"the gateway keeps {outside}, accounts paid {sum(spent.values())}")
        return found


def serve(folder: Path, url: str, die_at: tuple[str, int] | None = None) -> None:
    """Run all sagas; `die_at` (step of the journal, how often it was reached): killed there."""
    reached: Counter[str] = Counter()

    def step(name: str) -> None:
        reached[name] += 1
        if die_at == (name, reached[name]):
            os.kill(os.getpid(), signal.SIGKILL)

    with Shop(folder, url, step=step) as shop:
        shop.run()
