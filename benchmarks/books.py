"""A prepared history with people, keys and a calendar, ready to be closed.

Holds what the scripts about the close share. Does not measure. Called by `close` and `restate`.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import duckdb

from audit.signed_note import Signer
from audit.statement import events_sha256
from benchmarks import generate
from benchmarks.prepare import days_of, prepared_warehouse
from benchmarks.prepare import settings as settings_of
from ingestion.control.books import load_books
from ledger.control_events import (
    CalendarDefined,
    ControlEvent,
    LateEventDecided,
    PeriodDates,
    PeriodReopened,
    PersonAdded,
)
from orchestration.build import Builder
from orchestration.close import signing
from orchestration.close.apply import Closed, Keys, apply
from orchestration.close.plan import plan
from orchestration.close.planned import Planned
from orchestration.close.signing import When
from orchestration.home import Home
from orchestration.keys import lake_signer, make_person_key, person_signer
from orchestration.settings import Settings

DAY_US = 86_400_000_000
ASKS, APPROVES = "ana", "ben"


def prepared_books(cache: Path, events: int, *, days: int) -> Path:
    """A built and published home whose history lies in periods of `days` days."""
    return prepared_warehouse(
        cache,
        events,
        name=f"books-{days}",
        first=lambda root: Books(root, events, days=days).begin(),
    )


class Books:
    """A home whose history of `events` events is divided into periods of `days` days."""

    def __init__(self, root: Path, events: int, *, days: int) -> None:
        self.settings: Settings = settings_of(root)
        self.home = Home.of(self.settings)
        self.builder = Builder(self.settings)
        self._now_us = generate.arrival_us(days_of(events)) + DAY_US
        self._days = days
        self._last = days_of(events)

    @property
    def when(self) -> When:
        self._now_us += 1_000_000
        return When(now_us=self._now_us, historical=True)

    @property
    def last_period(self) -> str:
        """The last one that the history fills."""
        return f"P{self._last // self._days:03d}"

    def begin(self) -> None:
        """Let people sign and divide the time to come, before anything is booked."""
        first = generate.FIRST_DAY.date()
        periods = [
            PeriodDates(
                period_id=f"P{number:03d}",
                first_date=first + timedelta(days=start),
                end_date=first + timedelta(days=start + self._days),
            )
            for number, start in enumerate(range(0, self._last, self._days), 1)
        ]
        events: list[ControlEvent] = [
            PersonAdded(
                person=name,
                verifier_key=make_person_key(self.home, name).public.to_text(),
                roles=("requester", "approver"),
                request_id=None,
            )
            for name in (ASKS, APPROVES)
        ]
        calendar = CalendarDefined(calendar_version=1, kind="table", periods=tuple(periods))
        at = When(now_us=generate.stores().ingest_time_us - 500_000, historical=True)
        signing.record(self.home, [*events, calendar], at)

    def plan(self, period_id: str) -> Planned:
        """Asked for by the one person."""
        return plan(self.settings, period_id, when=self.when, signer=self._signer(ASKS))

    def apply(self, planned: Planned) -> Closed:
        """Approved by the other, every warning acknowledged."""
        if planned.token is None:
            raise RuntimeError(str(planned.plan.blockers))
        when = self.when
        lake = lake_signer(self.home, signing.lake_id(self.home), now_us=when.now_us)
        done = apply(
            self.settings,
            planned.token,
            keys=Keys(approver=self._signer(APPROVES), lake=lake),
            when=when,
            acknowledged=[one.code for one in planned.plan.warnings],
            builder=self.builder,
        )
        if not isinstance(done, Closed):
            raise RuntimeError(f"the close failed at {done.step}: {done.reason}")
        return done

    def restate(self, period_id: str) -> None:
        """Reopen the period, and decide that every pending exception belongs to it."""
        self._approve(
            "reopen_period",
            {"period_id": period_id},
            lambda request_id: [
                PeriodReopened(period_id=period_id, request_id=request_id, reason="benchmark")
            ],
        )
        waiting = self.pending()
        subject = {
            "decision": "restated",
            "event_count": len(waiting),
            "events_sha256": events_sha256([event_id for event_id, _ in waiting]),
        }
        self._approve(
            "decide_exceptions",
            subject,
            lambda request_id: [
                LateEventDecided(
                    event_id=event_id,
                    row_index=row_index,
                    decision="restated",
                    posting_period=period_id,
                    previous_decision=None,
                    previous_posting_period=None,
                    request_id=request_id,
                )
                for event_id, row_index in waiting
            ],
        )

    def pending(self) -> list[tuple[str, int]]:
        """(event id, row) of exceptions nobody has decided, as the warehouse knows."""
        with duckdb.connect(str(self.home.warehouse), read_only=True) as connection:
            return connection.execute(
                "select event_id, row_index from main.late_event_exceptions"
                " where status = 'pending' order by row_index"
            ).fetchall()

    def _approve(
        self,
        action: str,
        subject: dict[str, object],
        effects: Callable[[str], list[ControlEvent]],
    ) -> None:
        lake_id, request_id = signing.lake_id(self.home), uuid.uuid4().hex
        asked = signing.request(
            lake_id,
            self._signer(ASKS),
            request_id=request_id,
            action=action,
            subject=subject,
            reason="benchmark",
            when=self.when,
        )
        signing.record(self.home, [asked], self.when)
        request = load_books(self.home.lake).requests[request_id]
        approved = signing.approval(
            lake_id, self._signer(APPROVES), request, when=self.when, reason="benchmark"
        )
        signing.record(self.home, [approved, *effects(request_id)], self.when)

    def _signer(self, name: str) -> Signer:
        return person_signer(self.home, name)
