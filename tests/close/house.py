"""A house with three stores, a lake of a few months, two people with keys, and a warehouse by dbt.

Holds `House`: sell, build, plan, apply, reopen, with clocks given; `open_house`, from which most
tests start. Does not test. The lake replays history: what happens in January 2026 is known then.
"""

import hashlib
import json
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from dbt.contracts.graph.manifest import Manifest

from audit.canonical import EVENT_SCHEMA
from audit.signed_note import Signer
from audit.statement import Statement, events_sha256, note_sha256, sign_statement
from ingestion.control.books import load_books
from ingestion.lake import Lake
from ledger.control_events import (
    ControlEvent,
    LateEventDecided,
    LockExceptionGranted,
    LockExceptionRevoked,
    PeriodSoftClosed,
    PersonAdded,
)
from orchestration.build import MANIFEST, RUN_RESULTS, Builder, Built, Tell
from orchestration.close import signing
from orchestration.close.apply import Closed, Failed, Keys, apply
from orchestration.close.plan import plan
from orchestration.close.planned import Planned
from orchestration.close.reopen import approve_reopening, request_reopening
from orchestration.close.signing import When
from orchestration.close.steps import Step
from orchestration.home import Home
from orchestration.initialise import initialise
from orchestration.keys import lake_signer, make_person_key, person_signer
from orchestration.publish.publisher import Published, publish
from orchestration.settings import Settings
from tests.events import batch, deposits, sales
from tests.models.warehouse import parsed_project

PROJECT = Path(__file__).resolve().parents[2]
DAY = timedelta(days=1)
OPENED = datetime(2025, 12, 31, tzinfo=UTC)
PEOPLE = ("ana", "ben")


class _Quick(Builder):
    """Leaves out the tests that read whole tables, and writes dbt's manifest once: a third of a
    small build's CPU, and it changes with the project only.
    """

    def check_everything(self) -> None:
        return

    def _done(self, arguments: list[str], commit: int | None, tell: Tell | None) -> Any:
        if not (self.home.target / MANIFEST).exists():
            return super()._done(arguments, commit, tell)
        done = super()._done([*arguments, "--no-write-json"], commit, tell)
        done.write(str(self.home.target / RUN_RESULTS))  # what a publication asks for
        return done


@dataclass
class House:
    """One home. `clock` is when the next thing happens; it only moves forward.

    A `careful` one runs every dbt test in every build and close, as the product does; the others
    run those of new rows, for these are tests of something else.
    """

    root: Path
    clock: datetime = OPENED
    sold: int = 0
    careful: bool = False
    manifest: Manifest | None = field(default=None, repr=False)

    @property
    def settings(self) -> Settings:
        return Settings(home=self.root)

    @property
    def home(self) -> Home:
        return Home.of(self.settings)

    @property
    def when(self) -> When:
        return When(now_us=microseconds(self.clock), historical=True)

    def open(self) -> "House":
        """Create the lake and let two people sign."""
        initialise(self.settings, dated_us=microseconds(OPENED))
        added = []
        for name in PEOPLE:
            key = make_person_key(self.home, name)
            added.append(
                PersonAdded(
                    person=name,
                    verifier_key=key.public.to_text(),
                    roles=("requester", "approver"),
                    request_id=None,
                )
            )
        self.record(*added)
        return self

    def record(self, *events: ControlEvent) -> None:
        signing.record(self.home, events, self.when)

    def signer(self, name: str) -> Signer:
        return person_signer(self.home, name)

    def trade(self, first: datetime, days: int, *, a_day: int = 9) -> None:
        """Every store sells on each day, known at 02:00 the day after; some deposits come along."""
        lake = signing.open_lake(self.home)
        for number in range(days):
            day = first + number * DAY
            self._append(lake, day, a_day, at=day + DAY + timedelta(hours=2), deposit=True)
        lake.close()

    def sell(self, day: datetime, count: int, *, at: datetime) -> None:
        """Sales of a day that the lake learns at `at`."""
        lake = signing.open_lake(self.home)
        self._append(lake, day, count, at=at)
        lake.close()

    def send_an_id_again(self, day: datetime, *, at: datetime) -> None:
        """A row with the id of the first sale and other content: it is quarantined."""
        lake = signing.open_lake(self.home)
        row = sales(self.sold, 1).with_columns(event_id=pl.lit("till-0"))
        row = row.with_columns(event_time=pl.lit(day).cast(pl.Datetime("us", "UTC")))
        done = lake.append(batch(row), ingest_time_us=microseconds(at))
        lake.close()
        assert done.quarantined == 1, done
        self.sold += 1

    def build(self, **options: bool | int) -> Built:
        built = self.builder().build(**options)  # type: ignore[arg-type]
        assert not built.failed, built.failed
        return built

    def builder(self) -> Builder:
        """One with the project parsed: which home it reads is looked up as it runs."""
        kind = Builder if self.careful else _Quick
        checked = None if self.careful else 0
        manifest = self.manifest or parsed_project()
        return kind(self.settings, project=PROJECT, checked=checked, manifest=manifest)

    def publish(self, *, full: bool = False) -> Published:
        return publish(self.settings, full=full)

    def plan(self, period: str, *, as_: str | None = "ana") -> Planned:
        signer = self.signer(as_) if as_ else None
        return plan(self.settings, period, when=self.when, signer=signer, reason="month end")

    def apply(
        self,
        token: str,
        *,
        as_: str = "ben",
        acknowledged: Sequence[str] = (),
        step: Step | None = None,
    ) -> Closed | Failed:
        keys = Keys(
            approver=self.signer(as_),
            lake=lake_signer(
                self.home, signing.lake_id(self.home), now_us=microseconds(self.clock)
            ),
        )
        return apply(
            self.settings,
            token,
            keys=keys,
            when=self.when,
            acknowledged=acknowledged,
            builder=self.builder(),
            step=step,
        )

    def close(self, period: str) -> Closed:
        """Plan and apply, all warnings acknowledged."""
        planned = self.plan(period)
        assert planned.token, planned.plan.blockers
        done = self.apply(planned.token, acknowledged=[one.code for one in planned.plan.warnings])
        assert isinstance(done, Closed), done
        return done

    def reopen(self, period: str) -> None:
        asked = request_reopening(
            self.settings, period, signer=self.signer("ana"), reason="late till", when=self.when
        )
        approve_reopening(
            self.settings, asked.request_id, signer=self.signer("ben"), reason="", when=self.when
        )

    def late(self, period_day: datetime, count: int = 3) -> list[str]:
        """Sales of a day, learned now; their event ids."""
        self.clock += timedelta(hours=1)
        first = self.sold
        self.sell(period_day, count, at=self.clock)
        return [f"till-{number}" for number in range(first, self.sold)]

    def restate(self, period: str, period_day: datetime) -> list[str]:
        """Late sales of a closed period, decided to belong there; the warehouse books them."""
        late = self.late(period_day)
        self.build()
        self.publish()
        self.reopen(period)
        self.decide(late, "restated", period)
        self.build()
        return late

    def decide(self, event_ids: Sequence[str], decision: str, posting_period: str | None) -> None:
        """Ana asks, Ben approves; the warehouse must know the exceptions."""
        found = dict(self.warehouse("select event_id, row_index from main.late_event_exceptions"))
        subject: dict[str, object] = {
            "decision": decision,
            "event_count": len(event_ids),
            "events_sha256": events_sha256(event_ids),
        }
        request_id = self._ask("decide_exceptions", subject)
        books = load_books(self.home.lake)
        decided = []
        for one in event_ids:
            before = books.decisions.get(one)
            decided.append(
                LateEventDecided(
                    event_id=one,
                    row_index=int(str(found[one])),
                    decision=decision,
                    posting_period=posting_period,
                    previous_decision=before.decision if before else None,
                    previous_posting_period=before.posting_period if before else None,
                    request_id=request_id,
                )
            )
        self.record(self._approval(request_id), *decided)

    def grant_lock(
        self, period: str, *, source: str, minutes: int, store: str | None = None
    ) -> None:
        """Ana asks, Ben approves; its id is the names of source and store, spelt out."""
        payload: dict[str, object] = {
            "lock_exception_id": _lock_id(source, store),
            "period_id": period,
            "source": source,
            "store_id": store,
            "amount_cap": None,
            "expires_at_us": microseconds(self.clock + timedelta(minutes=minutes)),
        }
        asked = self._ask("grant_lock_exception", payload)
        granted = LockExceptionGranted(
            **payload,  # type: ignore[arg-type]
            reason="late till",
            request_id=asked,
        )
        self.record(self._approval(asked), granted)

    def revoke_lock(self, source: str, *, store: str | None = None) -> None:
        found = load_books(self.home.lake).lock_exceptions[_lock_id(source, store)]
        asked = load_books(self.home.lake).requests[found.request_id]
        statement = Statement(
            action="revoke_lock_exception",
            at_us=microseconds(self.clock),
            lake_id=signing.lake_id(self.home),
            person="ben",
            reason="done",
            request_id=asked.request_id,
            request_sha256=note_sha256(asked.statements[0]),
            role="revoker",
            subject={"lock_exception_id": found.lock_exception_id},
        )
        note = sign_statement(statement, self.signer("ben"))
        self.record(LockExceptionRevoked(lock_exception_id=found.lock_exception_id, statement=note))

    def _ask(self, action: str, subject: dict[str, object]) -> str:
        asked = signing.request(
            signing.lake_id(self.home),
            self.signer("ana"),
            request_id=uuid.uuid4().hex,
            action=action,
            subject=subject,
            reason="late till",
            when=self.when,
        )
        self.record(asked)
        return asked.request_id

    def _approval(self, request_id: str) -> ControlEvent:
        return signing.approval(
            signing.lake_id(self.home),
            self.signer("ben"),
            load_books(self.home.lake).requests[request_id],
            when=self.when,
            reason="seen",
        )

    def register_store(self, store_id: str, time_zone: str) -> None:
        """A store's zone, as a file would bring it."""
        payload = {"store_id": store_id, "time_zone": time_zone, "day_cut_off": "00:00"}
        row: dict[str, object] = dict.fromkeys(EVENT_SCHEMA.names())
        row |= {
            "family": "control",
            "event_id": f"office-{store_id}-{time_zone}",
            "event_type": "StoreRegistered",
            "schema_version": 1,
            "stream_id": f"store/{store_id}",
            "event_time": self.clock,
            "source": "office",
            "source_partition": "p0",
            "source_offset": 0,
            "store_id": store_id,
            "payload": json.dumps(payload),
        }
        lake = signing.open_lake(self.home)
        lake.append(
            batch(pl.DataFrame([row], schema=EVENT_SCHEMA)),
            ingest_time_us=microseconds(self.clock),
        )
        lake.close()

    def soft_close(self, period: str) -> None:
        self.record(PeriodSoftClosed(period_id=period, sealed=False, reason="month end"))

    def copy_to(self, root: Path) -> "House":
        """The same house elsewhere; readers are shown the new place."""
        shutil.copytree(self.root, root, symlinks=True)
        copy = House(root, self.clock, self.sold, self.careful)
        copy.publish()
        return copy

    def warehouse(self, query: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.home.warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(query).fetchall()

    def tamper(self, statement: str) -> None:
        """Write into the warehouse file, past every gate."""
        with duckdb.connect(str(self.home.warehouse)) as connection:
            connection.execute(statement)

    def closed_bytes(self) -> dict[str, bytes]:
        """Every certificate, and every file it names."""
        found = {}
        for path in sorted(self.home.certificates.glob("*")):
            found[path.name] = path.read_bytes()
            if path.suffix == ".json":
                for one in json.loads(path.read_bytes())["files"]:
                    found[one["path"]] = (self.home.tables / one["path"]).read_bytes()
        return found

    def read(self, query: str) -> list[tuple[object, ...]]:
        """Rows of a query on `current.duckdb`, opened anew."""
        with duckdb.connect(":memory:") as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"attach '{self.home.current}' as current_edition (read_only)")
            connection.execute("use current_edition")
            return connection.execute(query).fetchall()

    def _append(
        self, lake: Lake, day: datetime, count: int, *, at: datetime, deposit: bool = False
    ) -> None:
        noon = pl.lit(day + DAY / 2).cast(pl.Datetime("us", "UTC"))
        store = pl.format("store-{}", pl.col("source_offset") % 3)
        sold = sales(self.sold, count).with_columns(
            event_time=noon, store_id=store, stream_id=store
        )
        frames = [sold]
        if deposit:
            first = lake.next_offset("bank", "p0")
            frames.append(deposits(first, 2).with_columns(event_time=noon))
        lake.append(batch(*frames), ingest_time_us=microseconds(at))
        self.sold += count
        self.clock = max(self.clock, at)


def open_house(root: Path) -> House:
    """January is over, a week of February has passed; built and published, nothing closed."""
    made = House(root).open()
    made.trade(day(1, 1), 31 + 8)
    made.build()
    made.publish()
    return made


def _lock_id(source: str, store: str | None) -> str:
    name = source if store is None else f"{source} {store}"
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def microseconds(at: datetime) -> int:
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def day(month: int, number: int) -> datetime:
    """A day of 2026."""
    return datetime(2026, month, number, tzinfo=UTC)
