"""Processes that race for a journal, and processes that die in it. For `tests.forked`.

`race` sends commands to accounts and writes down each answer; `live` goes through everything a
journal does and may be killed at a named step. Called by test_races and test_kills.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl

from ingestion import contracts
from ingestion.account_codec import ACCOUNT_CODEC
from ingestion.journal import (
    Accepted,
    Handler,
    Journal,
    Rejected,
    Request,
    Retries,
    VersionConflict,
    catch_up,
    drain,
    prune,
)
from ingestion.lake import Lake
from ledger.accounts import AccountCommand, Deposit, Moment, OpenAccount, Withdraw
from tests.events import FIRST_US, batch, deposits
from tests.journal.conftest import NOW
from tests.journal.counter import CODEC, add, handler

AT = Moment(now_us=FIRST_US, event_time_us=FIRST_US, period_id="2026-01", exception=None)


@dataclass(frozen=True)
class Race:
    """`rivals` processes send `commands` each, `group` at a time, to `accounts` accounts.

    Every command is sent by two of them under one key, as a sender does that heard no answer.
    """

    accounts: int
    rivals: int
    commands: int
    group: int
    seed: int

    def requests(self, rival: int) -> list[Request[AccountCommand]]:
        """What a rival sends: the list of its pair, in an order of its own."""
        lot = random.Random(f"{self.seed} {rival // 2}")
        wanted = [self._request(f"{rival // 2}-{number}", lot) for number in range(self.commands)]
        random.Random(f"{self.seed} order {rival}").shuffle(wanted)
        return wanted

    def opening(self, number: int) -> Request[AccountCommand]:
        command = OpenAccount(at=AT, currency="EUR")
        return _request(f"A{number}", f"open {number}", command)

    def _request(self, key: str, lot: random.Random) -> Request[AccountCommand]:
        account = f"A{lot.randrange(self.accounts)}"
        amount = Decimal(lot.randrange(1, 100))
        kind = Deposit if lot.random() < 0.5 else Withdraw
        return _request(account, key, kind(at=AT, amount=amount))


def _request(account: str, key: str, command: AccountCommand) -> Request[AccountCommand]:
    return Request(stream_id=account, key=key, body=repr(command).encode(), command=command)


def race(url: str, given: Race, rival: int, told: Path, limit: int = 30) -> None:
    """Send all, and write `{key: version, rule or "conflict"}`."""
    journal = Journal.open(url, now=lambda: NOW)
    lot = random.Random(rival)
    retries = Retries(pause=time.sleep, jitter=lot.random, limit=limit)
    run = Handler(journal, ACCOUNT_CODEC, retries=retries)
    answers: dict[str, object] = {}
    requests = given.requests(rival)
    for start in range(0, len(requests), given.group):
        group = requests[start : start + given.group]
        for request, answer in zip(group, run.handle_many(group), strict=True):
            answers[request.key] = _plain(answer)
    told.write_text(json.dumps(answers))
    journal.close()


def _plain(answer: object) -> object:
    if isinstance(answer, Accepted):
        return answer.version
    if isinstance(answer, Rejected):
        return answer.rejection.rule
    if isinstance(answer, VersionConflict):
        return "conflict"
    raise AssertionError(answer)


def dying(step: str, nth: int) -> Callable[[str], None]:
    """Kill this process with SIGKILL when `step` is reached for the nth time."""
    seen = 0

    def at(name: str) -> None:
        nonlocal seen
        seen += name == step
        if name == step and seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


LIFE = {"a": 16, "b": 11}
"""What the counters stand at after `live`."""


def live(url: str, home: Path, step: str = "", nth: int = 0) -> None:
    """Commands, draining, events past the journal, catching up, at the end pruning: twice. Doing
    it again is safe."""
    die = dying(step.removeprefix("lake "), nth)
    steps = (die, None) if step.startswith("lake ") else (None, die)
    lake = Lake.open(home / "lake", home / "index", now=lambda: NOW, step=steps[0])
    journal = Journal.open(url, now=lambda: NOW, step=steps[1])
    run = handler(journal)
    for half in range(2):
        run.handle_many([add("a", 5, f"a1 {half}"), add("b", 3, f"b {half}")])
        run.handle(add("a", -2, f"a2 {half}"))
        run.handle(add("a", -99, f"refused {half}"))
        if lake.next_offset("bank", "p0") < 3 * (half + 1):
            lake.append(batch(_posted(3 * half)))
        drain(journal, lake, registry=contracts.load(), latest_event_us=NOW, batch_events=2)
        catch_up(journal, lake, CODEC, chunk_events=2)
        prune(journal, lake, before_us=NOW + half, at_once=1)
    journal.close()
    lake.close()


def _posted(first: int) -> pl.DataFrame:
    streams = pl.Series(["a", "b", "a"])
    return deposits(first, 3).with_columns(stream_id=streams, account_id=streams)


def make(url: str) -> None:
    """Open the journal, which is not there yet."""
    Journal.open(url, now=lambda: NOW).close()
