"""Interest of a month under two algorithms: accrued, replayed, compared, corrected.

200,000 accounts with a balance, half of which moved in the month, some dated back. Every command is
a process of its own, as a user runs it. The baseline computes both algorithms with one plain
DuckDB statement that posts nothing.
"""

import json
import os
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from audit.canonical import EVENT_SCHEMA
from benchmarks.measurement import Measurement, Options, median_of, script
from benchmarks.prepare import borrowed
from benchmarks.process import Finished, run
from ingestion.lake import Batch, Lake, OffsetRange
from ledger.calendar import Period
from ledger.control_events import PersonAdded
from ledger.interest.algorithms import get
from orchestration.build import Builder
from orchestration.close import signing
from orchestration.close.signing import When
from orchestration.home import Home
from orchestration.initialise import initialise
from orchestration.interest.balances import MOVEMENTS, open_balances
from orchestration.interest.engine import Work, compute
from orchestration.keys import make_person_key
from orchestration.publish.publisher import publish
from orchestration.settings import Lateness, Settings

ACCOUNTS, PERIOD = 200_000, "2026-01"
FIRST, END = date(2026, 1, 1), date(2026, 2, 1)
OPENED = datetime(2025, 12, 1, tzinfo=UTC)
COMPARED_SECONDS, POSTED_SECONDS, PEAK_MIB = 15.0, 30.0, 4096.0
AS_OF_SECONDS = 2.0

AS_OF = """
select count(*), sum(balance) from (
    select account_id, currency, sum(delta_amount) as balance from account_balance_versions
    where business_date <= $day and known_from <= $known group by account_id, currency)
"""


def measure(options: Options) -> list[Measurement]:
    accounts = 2_000 if options.small else ACCOUNTS
    root = _prepared(options.cache, accounts)
    runs = [_replayed(root) for _ in range(options.repeats)]
    compared = [planned.seconds for _, planned, _ in runs]
    in_all = [planned.seconds + applied.seconds for _, planned, applied in runs]
    what = f"{accounts:,} accounts x {(END - FIRST).days} days"
    return [
        Measurement(
            what=f"{what}, accrued and posted once",
            value=median_of([accrued.seconds for accrued, _, _ in runs]),
            unit="s",
        ),
        Measurement(
            what=f"{what}, replayed by both algorithms, compared, reported",
            value=median_of(compared),
            unit="s",
            at_most=COMPARED_SECONDS,
            baseline="both algorithms in DuckDB, from balances in memory",
            baseline_value=_plain(root),
            repeats=compared,
        ),
        Measurement(
            what=f"{what}, compared and every correction posted, with notices",
            value=median_of(in_all),
            unit="s",
            at_most=POSTED_SECONDS,
            repeats=in_all,
        ),
        Measurement(
            what="memory of the largest of these processes",
            value=max(one.peak_mib for three in runs for one in three),
            unit="MiB",
            at_most=PEAK_MIB,
        ),
        Measurement(
            what=f"balances of all {accounts:,} accounts at one pair of moments",
            value=median_of([_as_of(root) for _ in range(3)]),
            unit="s",
            at_most=AS_OF_SECONDS,
        ),
    ]


def _replayed(root: Path) -> tuple[Finished, Finished, Finished]:
    """Accrue by v1, plan the replay, apply it; the home is as before afterwards."""
    with borrowed(root):
        accrued = _ledgerlake(root, "interest", "accrue", "--period", PERIOD, "--algorithm", "v1")
        algorithms = ("--from", "v1", "--to", "v2", "--period", PERIOD)
        signed = ("--as", "ana", "--why", "benchmark")
        planned = _ledgerlake(root, "replay", "interest", *algorithms, *signed)
        plan = json.loads(planned.stdout)
        applied = _ledgerlake(root, "replay", "apply", plan["token"], "--as", "ben")
        posted = json.loads(applied.stdout)
        if posted["posted"] != plan["plan"]["affected"] or not posted["posted"]:
            raise RuntimeError(f"posted {posted['posted']} of {plan['plan']['affected']}")
    return accrued, planned, applied


def _ledgerlake(root: Path, *arguments: str) -> Finished:
    command = [sys.executable, "-m", "orchestration.cli.main", *arguments, "--json"]
    return run(command, {**os.environ, "LEDGERLAKE_HOME": str(root)})


def _plain(root: Path) -> float:
    """Seconds of the two algorithms alone, on balances that lie in memory."""
    with open_balances(_settings(root), Period(FIRST, END, PERIOD)) as balances:
        work = Work(variants=[get("v1"), get("v2")], first=FIRST, end=END, movements=MOVEMENTS)
        start = time.perf_counter()
        compute(balances.connection, work, into="computed")
        return time.perf_counter() - start


def _as_of(root: Path) -> float:
    current = str(Home.of(_settings(root)).current)
    with duckdb.connect(current, read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        start = time.perf_counter()
        known = datetime(2026, 1, 20, tzinfo=UTC)
        connection.execute(AS_OF, {"day": date(2026, 1, 15), "known": known}).fetchall()
        return time.perf_counter() - start


def _settings(root: Path) -> Settings:
    return Settings(home=root, lateness=Lateness(max_delay_days=36_500))


def _prepared(cache: Path, accounts: int) -> Path:
    """A built and published home. Two commits: what lay there, and the month's movements."""
    root = cache / f"interest-{accounts}"
    stamp = root / "published.stamp"
    if stamp.exists():
        return root
    settings, home = _settings(root), Home.of(_settings(root))
    initialise(settings, dated_us=_us(OPENED))
    people = [
        PersonAdded(
            person=name,
            verifier_key=make_person_key(home, name).public.to_text(),
            roles=("requester", "approver"),
            request_id=None,
        )
        for name in ("ana", "ben")
    ]
    at = OPENED + timedelta(seconds=1)
    signing.record(home, people, When(now_us=_us(at), historical=True))
    lake = signing.open_lake(home)
    arrived = datetime(2026, 1, 1, 2, tzinfo=UTC)
    _deposit(lake, 0, accounts, first=date(2025, 12, 20), days=10, at=arrived)
    arrived = datetime(2026, 1, 19, 2, tzinfo=UTC)
    _deposit(lake, accounts, accounts // 2, first=FIRST, days=25, at=arrived)
    lake.close()
    built = Builder(settings).build(count_rows=False)
    if built.failed:
        raise RuntimeError(f"the build of {root} failed: {built.failed}")
    publish(settings)
    stamp.touch()
    return root


def _deposit(lake: Lake, start: int, count: int, *, first: date, days: int, at: datetime) -> None:
    """One deposit each, spread over accounts and days; every tenth account holds dollars."""
    number = pl.int_range(start, start + count, dtype=pl.Int64, eager=True)
    account = number % max(start, count)
    day_us = (
        _us(datetime(first.year, first.month, first.day, 12, tzinfo=UTC))
        + (number * 7919 % days) * 86_400_000_000
    )
    frame = pl.DataFrame({"source_offset": number}).with_columns(
        family=pl.lit("accounts"),
        event_id=pl.format("bank-{}", pl.col("source_offset")),
        event_type=pl.lit("FundsDeposited"),
        schema_version=pl.lit(1),
        stream_id=pl.format("account-{}", account),
        account_id=pl.format("account-{}", account),
        event_time=day_us,
        source=pl.lit("bank"),
        source_partition=pl.lit("p0"),
        currency=pl.when(account % 10 == 0).then(pl.lit("USD")).otherwise(pl.lit("EUR")),
        amount=((number * 104_729 % 2_500_000) / 100 + 100).round(2).cast(pl.Decimal(18, 4)),
        payload=pl.lit("{}"),
    )
    missing = {n: t for n, t in EVENT_SCHEMA.items() if n not in frame.columns}
    filled = frame.with_columns(pl.lit(None, dtype=t).alias(n) for n, t in missing.items())
    events = filled.select(pl.col(name).cast(kind) for name, kind in EVENT_SCHEMA.items())
    offsets = {("bank", "p0"): OffsetRange(start, start + count)}
    lake.append(Batch(events=events, offsets=offsets), ingest_time_us=_us(at))


def _us(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


if __name__ == "__main__":
    script("interest", measure, events=ACCOUNTS, repeats=3)
