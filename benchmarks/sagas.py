"""Payments run to their end by `ledgerlake saga run` against a gateway on this machine, and what a
runner and the sensor pay at their start for those that have ended.

The gateway is a process of its own that answers at once. The baseline of a run makes the same calls
by as many threads and records nothing; that of a start reads the state of every saga there is.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from benchmarks.measurement import Measurement, Options, median_of, script
from benchmarks.process import Finished, run
from ingestion.journal import Accepted, Handler, Request
from ingestion.saga_codec import SAGA_CODEC
from ledger.accounts import AccountCommand, Deposit, Moment, OpenAccount
from ledger.payments import PAYMENT
from ledger.sagas import Begin, SagaCommand, Succeeded
from ledger.sagas.decide import stream_of
from orchestration.accounts.desk import open_desk
from orchestration.initialise import initialise
from orchestration.payments.http import HttpGateway, HttpReceipts
from orchestration.sagas.desk import RETRIES, SagaDesk, due_sagas, open_sagas
from orchestration.settings import Payments, Settings

ACCOUNTS = 20
MONEY = Decimal(10_000_000)
AMOUNT = Decimal("7.01")
GROUP = 500
CALL_SECONDS = 10
STARTS = 5


def measure(options: Options) -> list[Measurement]:
    sagas = 5_000 if not options.small else 20
    rates, peaks, alone, folders = [], [], [], []
    with _gateway() as url:
        try:
            for _ in range(options.repeats):
                folders.append(Path(tempfile.mkdtemp(dir=options.cache)))
                settings = _home(folders[-1], url)
                with open_sagas(settings) as desk:
                    _begin(desk, sagas)
                done = _run(settings, sagas)
                rates.append(sagas / done.seconds)
                peaks.append(done.peak_mib)
                alone.append(sagas / _calls_alone(url, sagas, settings.payments.calls_at_once))
            with open_sagas(settings) as desk:
                started = _median_ms(lambda: desk.runner().run())
                looked = _median_ms(lambda: due_sagas(desk.writer.journal, now_us=2**62))
                read = _median_ms(lambda: list(desk.all()))
        finally:
            for folder in folders:
                shutil.rmtree(folder)
    return [
        Measurement(
            what=f"{sagas:,} payments run to their end and into the lake, start to exit",
            value=median_of(rates),
            unit="/s",
            baseline="their calls alone",
            baseline_value=median_of(alone),
            repeats=rates,
        ),
        Measurement(what="peak memory of that run", value=max(peaks), unit="MiB"),
        _start(f"a run that finds {sagas:,} ended sagas and nothing to do", started, read),
        _start(f"a look of the sensor at {sagas:,} ended sagas", looked, read),
    ]


def _start(what: str, value: float, read: float) -> Measurement:
    return Measurement(
        what=what, value=value, unit="ms", baseline="reading every saga", baseline_value=read
    )


@contextmanager
def _gateway() -> Iterator[str]:
    """Its address."""
    command = [sys.executable, "-m", "benchmarks.gateway"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()  # it holds nothing, and its parent may have it ignore SIGTERM


def _home(folder: Path, url: str) -> Settings:
    """Accounts with money, and somebody to pay."""
    payments = Payments(gateway_url=url, receipts_url=url, call_seconds=CALL_SECONDS)
    settings = Settings(home=folder / "home", payments=payments)
    initialise(settings)
    steps: tuple[Callable[[Moment], AccountCommand], ...] = (
        lambda at: OpenAccount(at=at, currency="EUR"),
        lambda at: Deposit(at=at, amount=MONEY),
    )
    with open_desk(settings) as desk:
        for number in range(ACCOUNTS):
            for step, make in enumerate(steps):
                desk.send(f"A{number}", make, key=f"A{number}/{step}", body={}, amount=MONEY)
    return settings


def _begin(desk: SagaDesk, sagas: int) -> None:
    handler = Handler(desk.writer.journal, SAGA_CODEC, retries=RETRIES)
    requests = [_order(desk, number) for number in range(sagas)]
    for first in range(0, sagas, GROUP):
        answers = handler.handle_many(requests[first : first + GROUP])
        assert all(isinstance(one, Accepted) for one in answers)


def _order(desk: SagaDesk, number: int) -> Request[SagaCommand]:
    account = f"A{number % ACCOUNTS}"
    details = {"account_id": account, "amount": f"{AMOUNT}", "currency": "EUR"}
    command = Begin(at_us=desk.writer.now(), saga=PAYMENT.name, details=details)
    stream = stream_of(f"order-{number}")
    return Request(stream_id=stream, key=f"begin/{number}", body=b"", command=command)


def _run(settings: Settings, sagas: int) -> Finished:
    names = {"GATEWAY_URL": settings.payments.gateway_url, "CALL_SECONDS": str(CALL_SECONDS)}
    names["RECEIPTS_URL"] = settings.payments.receipts_url
    environment = {f"LEDGERLAKE_PAYMENTS__{name}": value for name, value in names.items()}
    environment["LEDGERLAKE_HOME"] = str(settings.home)
    command = [sys.executable, "-m", "orchestration.cli.main", "saga", "run", "--json"]
    done = run(command, {**os.environ, **environment})
    assert json.loads(done.stdout)["completed"] == sagas, done.stdout
    return done


def _calls_alone(url: str, sagas: int, threads: int) -> float:
    """Seconds for a capture and a receipt of each."""
    gateway = HttpGateway(url=url, seconds=CALL_SECONDS)
    receipts = HttpReceipts(url=url, seconds=CALL_SECONDS)

    def both(number: int) -> bool:
        asked = {"key": str(number), "order": str(number), "currency": "EUR"}
        answers = [one(amount=AMOUNT, **asked) for one in (gateway.capture, receipts.send)]
        return all(isinstance(one, Succeeded) for one in answers)

    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        assert all(pool.map(both, range(sagas)))
    return time.perf_counter() - start


def _median_ms(act: Callable[[], object]) -> float:
    taken = []
    for _ in range(STARTS):
        start = time.perf_counter()
        act()
        taken.append((time.perf_counter() - start) * 1e3)
    return median_of(taken)


if __name__ == "__main__":
    script("sagas", measure, events=0, repeats=3)
