"""A bank: a real lake with deposits, two people with keys, and an edition made by lines of SQL.

Holds `Bank`. The edition's balances are made from the lake's segments as the marts make them, for
what is tested here is what comes after them; `test_closed_periods` has dbt build them. Does not
test.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from audit.canonical import EVENT_SCHEMA
from audit.signed_note import Signer
from ingestion.lake import Batch, OffsetRange
from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from ledger.control_events import PeriodClosed, PeriodSoftClosed, PersonAdded
from orchestration.close import signing
from orchestration.close.signing import When
from orchestration.desk import requests
from orchestration.desk.known import read_known
from orchestration.home import Home
from orchestration.initialise import initialise
from orchestration.keys import make_person_key, person_signer
from orchestration.settings import Settings
from orchestration.status import head_of

OPENED = datetime(2025, 12, 1, tzinfo=UTC)
PEOPLE = ("ana", "ben")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Movement = tuple[str, str, date, str]
"""Account, currency, day, amount: below 0 is a withdrawal."""

_EDITION = """
create or replace table edition as
select 1 as number, $seq as commit_seq, $known as known_as_of, $home as home;
"""
_VERSIONS = """
create or replace table account_balance_versions as
select account_id, currency, cast(event_time at time zone 'UTC' as date) as business_date,
    commit_seq, ingest_time as known_from,
    cast(sum(if(event_type = 'FundsWithdrawn', -amount, amount)) as decimal(38, 4))
        as delta_amount
from read_parquet($files, hive_partitioning = false)
where commit_seq <= $seq and currency is not null
group by all
"""


@dataclass
class Bank:
    """One home. `clock` is when the next thing becomes known; it only moves forward."""

    root: Path
    clock: datetime = OPENED + timedelta(days=1)
    moved: int = 0
    people: Sequence[str] = field(default=PEOPLE)

    @property
    def settings(self) -> Settings:
        return Settings(home=self.root)

    @property
    def home(self) -> Home:
        return Home.of(self.settings)

    @property
    def when(self) -> When:
        """A second later each time."""
        self.clock += timedelta(seconds=1)
        return When(now_us=microseconds(self.clock), historical=True)

    def open(self) -> "Bank":
        initialise(self.settings, dated_us=microseconds(OPENED))
        added = [
            PersonAdded(
                person=name,
                verifier_key=make_person_key(self.home, name).public.to_text(),
                roles=("requester", "approver"),
                request_id=None,
            )
            for name in self.people
        ]
        signing.record(self.home, added, self.when)
        return self

    def signer(self, name: str) -> Signer:
        return person_signer(self.home, name)

    def move(self, *movements: Movement) -> None:
        """Deposits and withdrawals at noon of their days, known now."""
        rows = [self._row(*one, number) for number, one in enumerate(movements, self.moved)]
        frame = pl.DataFrame(rows, schema=EVENT_SCHEMA)
        stop = self.moved + len(rows)
        lake = signing.open_lake(self.home)
        at = self.when
        batch = Batch(events=frame, offsets={("bank", "p0"): OffsetRange(self.moved, stop)})
        lake.append(batch, ingest_time_us=at.now_us)
        lake.close()
        self.moved = stop

    def publish(self) -> None:
        """An edition that knows all of the lake."""
        head = head_of(CommitLog(LocalStore(self.home.lake)))
        self.home.published.mkdir(parents=True, exist_ok=True)
        files = self._files()
        with duckdb.connect(str(self.home.current)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            known = EPOCH + timedelta(microseconds=head.ingest_time_us)
            values = {"seq": head.seq, "known": known, "home": str(self.home.root)}
            connection.execute(_EDITION, values)
            connection.execute(_VERSIONS, {"seq": head.seq, "files": files})

    def close(self, period_id: str) -> None:
        """Closed as the lake records it; no figures are certified."""
        subject = {"period_id": period_id, "plan_sha256": "ab" * 32}
        ana, ben = self.signer("ana"), self.signer("ben")
        asked = requests.draft(
            self.home, ana, action="close_period", subject=subject, reason="over", when=self.when
        )
        signing.record(self.home, [asked], self.when)
        at = self.when
        approved = signing.approval(
            signing.lake_id(self.home),
            ben,
            read_known(self.home).books.requests[asked.request_id],
            when=at,
            reason="over",
            more={"acknowledged": []},
        )
        seal = PeriodSoftClosed(period_id=period_id, sealed=True, reason="over")
        signing.record(self.home, [approved, seal], at)
        closed = PeriodClosed(
            period_id=period_id,
            run_id="run",
            closed_edition=1,
            published_edition=1,
            cut_off_commit=read_known(self.home).commit_seq,
            certificate_sha256="cd" * 32,
            request_id=asked.request_id,
            controls=(),
        )
        signing.record(self.home, [closed], self.when)

    def move_edition(self) -> None:
        """The edition there is, in a home that was copied."""
        with duckdb.connect(str(self.home.current)) as connection:
            connection.execute("update edition set home = ?", [str(self.home.root)])

    def events(self, event_type: str) -> list[dict[str, Any]]:
        """The lake's events of a type, in order."""
        frame = pl.scan_parquet(self._files(), hive_partitioning=False)
        found = frame.filter(pl.col("event_type") == event_type).sort("row_index").collect()
        return found.to_dicts()

    def sums(self, event_type: str) -> dict[tuple[str, str], Decimal]:
        """Amounts of a type by account and currency."""
        found: dict[tuple[str, str], Decimal] = {}
        for one in self.events(event_type):
            key = (one["account_id"], one["currency"])
            found[key] = found.get(key, Decimal(0)) + one["amount"]
        return found

    def _files(self) -> list[str]:
        """Account segments of the lake's commits; others a killed process left."""
        commits = CommitLog(LocalStore(self.home.lake)).after(-1)
        segments = [one for logged in commits for one in logged.commit.segments]
        return [str(self.home.lake / one.path) for one in segments if one.family == "accounts"]

    @staticmethod
    def _row(account: str, currency: str, day: date, amount: str, number: int) -> dict[str, Any]:
        row: dict[str, Any] = dict.fromkeys(EVENT_SCHEMA.names())
        value = Decimal(amount)
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        return row | {
            "family": "accounts",
            "event_id": f"bank-{number}",
            "event_type": "FundsDeposited" if value >= 0 else "FundsWithdrawn",
            "schema_version": 1,
            "stream_id": account,
            "event_time": noon,
            "source": "bank",
            "source_partition": "p0",
            "source_offset": number,
            "account_id": account,
            "currency": currency,
            "amount": abs(value),
            "payload": "{}",
        }


def microseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)
