"""Accounts: commands durable in a second, and one account of 10,000 events loaded, replayed, asked.

One busy account among a thousand, ten months of commands in groups of 100 on SQLite; each month is
drained into the lake at its end. The baseline of a past state is folding all events.
"""

import shutil
import time
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from benchmarks.measurement import Measurement, Options, median_of, percentile, script
from ingestion import contracts
from ingestion.account_codec import ACCOUNT_CODEC
from ingestion.journal import Accepted, Handler, Journal, Request, Retries, drain
from ingestion.lake import Lake
from ledger import accounts
from ledger.accounts import Account, AccountCommand, AccountEvent, Moment
from orchestration.accounts import snapshots
from orchestration.accounts.past import Past
from orchestration.home import Home
from orchestration.initialise import initialise
from orchestration.settings import Settings

START_US = 1_735_689_600_000_000
"""2025-01-01T00:00:00Z."""
MONTH_US = 30 * 86_400_000_000
MONTHS = 10
BUSY = "busy"
BUSY_EVENTS = 10_000
OTHERS = 1_000
GROUP = 100
QUERIES = 300
REPLAYS = 9

LOAD_MS, PAST_MS, REPLAY_MS, COMMANDS_PER_S = 2.0, 20.0, 100.0, 2_000.0

Commands = Handler[Account, AccountCommand, AccountEvent]


@dataclass
class Clock:
    """The time of the history that is made."""

    now_us: int = START_US

    def __call__(self) -> int:
        return self.now_us


@dataclass
class Bank:
    """Makes commands: the busy account's hold cycles, and deposits of the others."""

    clock: Clock
    made: int = 0
    busy: int = 0
    draw: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def opening(self, account_id: str) -> Request[AccountCommand]:
        return self._request(account_id, accounts.OpenAccount(at=self._at(), currency="EUR"))

    def next(self, *, busy: bool) -> Request[AccountCommand]:
        if not busy:
            account_id = f"account-{self.draw.integers(0, OTHERS):04d}"
            return self._request(account_id, self._deposit("10.00"))
        step, cycle = self.busy % 10, self.busy // 10
        self.busy += 1
        return self._request(BUSY, self._of_cycle(step, f"order-{cycle}"))

    def _of_cycle(self, step: int, hold: str) -> AccountCommand:
        """Ten events: what is captured is given back in nine cycles of ten."""
        at = self._at()
        if step == 2:
            return accounts.Reserve(at=at, amount=Decimal("5.00"), hold_id=hold)
        if step == 4:
            return accounts.Capture(at=at, amount=Decimal("4.00"), hold_id=hold)
        if step == 6 and not hold.endswith("0"):
            return accounts.Refund(at=at, amount=Decimal("4.00"), hold_id=hold)
        if step == 8:
            return accounts.Withdraw(at=at, amount=Decimal("1.00"))
        return self._deposit("2.50")

    def _deposit(self, amount: str) -> AccountCommand:
        return accounts.Deposit(at=self._at(), amount=Decimal(amount))

    def _at(self) -> Moment:
        now = self.clock.now_us
        return Moment(now_us=now, event_time_us=now, period_id="2025", exception=None)

    def _request(self, account_id: str, command: AccountCommand) -> Request[AccountCommand]:
        self.made += 1
        key = f"command-{self.made}"
        return Request(stream_id=account_id, key=key, body=key.encode(), command=command)


def measure(options: Options) -> list[Measurement]:
    folder = options.cache / "accounts"
    shutil.rmtree(folder, ignore_errors=True)
    settings = Settings(home=folder)
    initialise(settings, dated_us=START_US - 1)
    home = Home.of(settings)
    events = 200 if options.small else BUSY_EVENTS
    queries = 5 if options.small else QUERIES
    per_second, loads = _commands(home, events, queries)
    snapshots.build(settings)
    asked, replayed = _past(home, queries, 1 if options.small else REPLAYS)
    return [
        Measurement(
            what=f"commands durable on SQLite, in groups of {GROUP}, one process",
            value=per_second,
            unit="commands/s",
            at_least=COMMANDS_PER_S,
        ),
        Measurement(
            what=f"load of an account of {events:,} events for a command, p95",
            value=percentile(loads, 0.95),
            unit="ms",
            at_most=LOAD_MS,
        ),
        Measurement(
            what=f"its state at a moment, p95 of {queries}",
            value=percentile(asked, 0.95),
            unit="ms",
            at_most=PAST_MS,
            baseline="folding all its events, median",
            baseline_value=median_of(replayed),
        ),
        Measurement(
            what=f"full replay of {events:,} events from the lake, median",
            value=median_of(replayed),
            unit="ms",
            at_most=REPLAY_MS,
            repeats=replayed,
        ),
    ]


def _commands(home: Home, events: int, queries: int) -> tuple[float, list[float]]:
    """Commands a second over all months, and the milliseconds of loading the busy account."""
    clock = Clock()
    bank = Bank(clock)
    lake = Lake.open(home.lake, home.index, tenant_id=home.tenant, now=clock)
    journal = Journal.open(home.journal, now=clock)
    journal.bind(lake.head.lake_id, 0)
    handler: Commands = Handler(
        journal, ACCOUNT_CODEC, retries=Retries(pause=time.sleep, jitter=lambda: 0.5)
    )
    names = [BUSY, *(f"account-{number:04d}" for number in range(OTHERS))]
    spent = _run(handler, [bank.opening(name) for name in names])
    groups = 2 * events // GROUP
    for number in range(groups):
        clock.now_us = START_US + (number + 1) * MONTHS * MONTH_US // groups
        mixed = [bank.next(busy=at % 2 == 0) for at in range(GROUP)]
        spent += _run(handler, mixed)
        if (number + 1) % max(1, groups // MONTHS) == 0:
            drain(journal, lake, registry=contracts.load(), latest_event_us=clock.now_us)
    loads = [_timed_ms(lambda: handler.state(BUSY)) for _ in range(queries)]
    state, version = handler.state(BUSY)
    assert version == state.event_count == events + 1
    journal.close()
    lake.close()
    return bank.made / spent, loads


def _run(handler: Commands, requests: list[Request[AccountCommand]]) -> float:
    start = time.perf_counter()
    answers = handler.handle_many(requests)
    spent = time.perf_counter() - start
    assert all(isinstance(one, Accepted) for one in answers)
    return spent


def _past(home: Home, queries: int, replays: int) -> tuple[list[float], list[float]]:
    """Milliseconds of random moments, half of them as known then, and of folding everything."""
    draw = np.random.default_rng(13)
    end_us = START_US + MONTHS * MONTH_US
    past = Past(home)

    def ask() -> None:
        valid_us = int(draw.integers(START_US, end_us))
        known_us = end_us if draw.integers(0, 2) else valid_us + MONTH_US
        past.state_at(BUSY, valid_us=valid_us, known_us=known_us)

    ask()  # the first loads what later ones share
    asked = [_timed_ms(ask) for _ in range(queries)]
    shutil.rmtree(snapshots.folder_of(home))
    whole = Past(home)
    replay = [
        _timed_ms(lambda: whole.state_at(BUSY, valid_us=end_us, known_us=end_us))
        for _ in range(replays + 1)
    ]
    return asked, replay[1:]


def _timed_ms(call: object) -> float:
    assert callable(call)
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    script("accounts", measure, events=BUSY_EVENTS, repeats=1)
