"""How many commands a second one process makes durable on SQLite, and how long an account of
10,000 events takes to load.

The baseline writes as many plain rows in as many synced transactions, or reads one row by key, with
Python's sqlite3: the ratio is the price of rules, forms and SQLAlchemy.
"""

import shutil
import sqlite3
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from benchmarks.measurement import Measurement, Options, median_of, percentile, script
from ingestion import contracts
from ingestion import journal as journals
from ingestion.account_codec import ACCOUNT_CODEC
from ingestion.journal import Accepted, Handler, Journal, Request, Retries
from ingestion.lake import Lake
from ledger.accounts import Account, AccountCommand, AccountEvent, Deposit, Moment, OpenAccount

GROUP = 200
"""Commands in one transaction: at 2,000 a second, a tenth of a second's."""
ACCOUNTS = 1_000
LOADS = 500
AT_US = 1_767_225_600_000_000
AT = Moment(now_us=AT_US, event_time_us=AT_US, period_id="2026-01", exception=None)
Run = Handler[Account, AccountCommand, AccountEvent]


def measure(options: Options) -> list[Measurement]:
    commands, history = (20_000, 10_000) if not options.small else (400, 200)
    folder = Path(tempfile.mkdtemp(dir=options.cache))
    journal = Journal.open(f"sqlite:///{folder}/journal.sqlite", now=lambda: AT_US)
    run = Handler(
        journal, ACCOUNT_CODEC, retries=Retries(pause=lambda _seconds: None, jitter=lambda: 0.0)
    )
    try:
        _send(run, [_open(f"A{number}") for number in range(ACCOUNTS)])
        rates = [_rate(run, commands, number) for number in range(options.repeats)]
        floor = [_plain_rate(folder, commands, number) for number in range(options.repeats)]
        alone = [_alone_ms(run, number) for number in range(len(range(0, commands, GROUP)))]
        _send(run, [_deposit("old", f"old {number}") for number in range(history)], first=True)
        loads, reads = _loads_ms(run, folder)
        drained = _drain_rate(journal, folder)
    finally:
        journal.close()
        shutil.rmtree(folder)
    return [
        Measurement(
            what=f"commands made durable, {GROUP} in a transaction",
            value=median_of(rates),
            unit="/s",
            at_least=2_000,
            baseline="plain rows in as many synced transactions",
            baseline_value=median_of(floor),
            repeats=rates,
        ),
        Measurement(what="a command alone, p50", value=median_of(alone), unit="ms"),
        Measurement(
            what=f"load of an account of {history:,} events, p95",
            value=percentile(loads, 0.95),
            unit="ms",
            at_most=2.0,
            baseline="one row by its key, p95",
            baseline_value=percentile(reads, 0.95),
        ),
        Measurement(what="events drained into the lake", value=drained, unit="/s"),
    ]


def _open(account: str) -> Request[AccountCommand]:
    command = OpenAccount(at=AT, currency="EUR")
    return Request(stream_id=account, key=f"open {account}", body=b"open", command=command)


def _deposit(account: str, key: str) -> Request[AccountCommand]:
    command = Deposit(at=AT, amount=Decimal(5))
    return Request(stream_id=account, key=key, body=key.encode(), command=command)


def _send(run: Run, requests: list[Request[AccountCommand]], *, first: bool = False) -> None:
    if first:
        run.handle(_open(requests[0].stream_id))
    for start in range(0, len(requests), GROUP):
        answers = run.handle_many(requests[start : start + GROUP])
        assert all(isinstance(one, Accepted) for one in answers)


def _rate(run: Run, commands: int, repeat: int) -> float:
    requests = [
        _deposit(f"A{number % ACCOUNTS}", f"{repeat} {number}") for number in range(commands)
    ]
    start = time.perf_counter()
    _send(run, requests)
    return commands / (time.perf_counter() - start)


def _alone_ms(run: Run, number: int) -> float:
    request = _deposit("A1", f"alone {number}")
    start = time.perf_counter()
    run.handle(request)
    return (time.perf_counter() - start) * 1e3


def _plain_rate(folder: Path, rows: int, repeat: int) -> float:
    """Three rows a command, as the journal writes: event, state, answer."""
    database = sqlite3.connect(folder / f"plain {repeat}.sqlite", isolation_level=None)
    database.execute("pragma journal_mode=wal")
    database.execute("pragma synchronous=full")
    database.execute("create table plain (id integer primary key, payload text)")
    start = time.perf_counter()
    for first in range(0, rows, GROUP):
        database.execute("begin immediate")
        values = [(f"{first + number:0200d}",) for number in range(3 * GROUP)]
        database.executemany("insert into plain (payload) values (?)", values)
        database.execute("commit")
    taken = time.perf_counter() - start
    database.close()
    return rows / taken


def _loads_ms(run: Run, folder: Path) -> tuple[list[float], list[float]]:
    database = sqlite3.connect(folder / "journal.sqlite")
    loads, reads = [], []
    for _ in range(LOADS):
        start = time.perf_counter()
        run.state("old")
        between = time.perf_counter()
        database.execute("select * from journal_streams where stream_id = 'old'").fetchall()
        loads.append((between - start) * 1e3)
        reads.append((time.perf_counter() - between) * 1e3)
    database.close()
    return loads, reads


def _drain_rate(journal: Journal, folder: Path) -> float:
    lake = Lake.create(folder / "lake", folder / "index", now=lambda: AT_US)
    start = time.perf_counter()
    done = journals.drain(journal, lake, registry=contracts.load(), latest_event_us=AT_US)
    taken = time.perf_counter() - start
    lake.close()
    assert done.quarantined == 0, done
    return done.accepted / taken


if __name__ == "__main__":
    script("journal", measure, events=0, repeats=3)
