"""Commands to accounts: dated, held against the locks of the books, and run through the journal.

Holds `AccountDesk`. Holds no rule and draws nothing. Called by the account commands.
"""

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from ingestion.account_codec import ACCOUNT_CODEC
from ingestion.journal import Answer, Handler, Journal, Request, Retries
from ingestion.lake import Lake
from ledger.accounts import Account, AccountCommand, AccountEvent, Moment, moment_of
from ledger.control_events import canonical_json
from ledger.errors import IncorrectInput
from orchestration.desk.known import read_known
from orchestration.home import Home
from orchestration.journal import opened
from orchestration.settings import Settings

_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?")

Make: TypeAlias = Callable[[Moment], AccountCommand]
"""Gives the command once its moment is known."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What became of a command, and the account after it."""

    answer: Answer
    account: Account


@dataclass(frozen=True)
class AccountDesk:
    """Commands and states of one home's accounts. `now` is microseconds UTC."""

    home: Home
    journal: Journal
    lake: Lake
    now: Callable[[], int]

    def send(
        self,
        account_id: str,
        make: Make,
        *,
        key: str,
        body: Mapping[str, Any],
        at_us: int | None = None,
        amount: Decimal | None = None,
    ) -> Sent:
        """Run a command. `body` is all that its sender said: the same `key` with another body is
        refused. `at_us` None: it happens now. VersionConflict if others were faster every time."""
        now_us = self.now()
        event_time_us = now_us if at_us is None else at_us
        books = read_known(self.home).books
        moment = moment_of(books, now_us=now_us, event_time_us=event_time_us, amount=amount)
        said = {**body, "account_id": account_id, "at_us": at_us}
        request = Request(
            stream_id=account_id,
            key=key,
            body=canonical_json(said).encode(),
            command=make(moment),
        )
        answer = self._handler().handle(request)
        return Sent(answer=answer, account=self.state(account_id)[0])

    def state(self, account_id: str) -> tuple[Account, int]:
        """The account as the journal knows it, and its version; unopened and 0 if it does not."""
        return self._handler().state(account_id)

    def _handler(self) -> Handler[Account, AccountCommand, AccountEvent]:
        # Jitter parts rivals, it decides nothing.
        retries = Retries(pause=time.sleep, jitter=random.random)
        return Handler(self.journal, ACCOUNT_CODEC, retries=retries)


@contextmanager
def open_desk(settings: Settings) -> Iterator[AccountDesk]:
    """The desk of a home, its journal made if there is none, and told what others brought into
    the lake. IncorrectInput without a lake."""
    with opened(settings) as writer:
        writer.catch_up()
        yield AccountDesk(Home.of(settings), writer.journal, writer.lake, writer.now)


def read_amount(text: str, *, name: str) -> Decimal:
    """An amount as people write it: 100, 100.00 or -5.25. No exponents, no thousands."""
    if _AMOUNT.fullmatch(text):
        return Decimal(text)
    raise IncorrectInput(
        "amount_must_be_a_number",
        thing=name,
        expected="an amount such as 100.00",
        found=repr(text),
    )
