"""An office for tests: a real lake, people with real Ed25519 keys, and what they do with them.

Holds `Office`. Clock and keys are given, so every run writes the same bytes. Not a test itself.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import polars as pl

from audit.canonical import EVENT_SCHEMA
from audit.signed_note import Signer
from audit.statement import Statement, events_sha256, note_sha256, sign_statement
from ingestion.control.write import append_control
from ingestion.lake import Batch, CommitResult, Lake, OffsetRange
from ledger import control_events as ev
from ledger.books import Books

NOW_US = 1_301_616_000_000_000
"""2011-04-01T00:00:00Z: March 2011 is over."""

MINUTE_US = 60_000_000
DAY_US = 24 * 60 * MINUTE_US
PLAN = "ab" * 32


@dataclass
class Clock:
    """Stands still until it is moved."""

    now_us: int = NOW_US

    def __call__(self) -> int:
        return self.now_us


def signer(name: str, key: str = "") -> Signer:
    """A key that belongs to the name (and a second one to `name` and `key`)."""
    return Signer(name=name, seed=hashlib.sha256(f"{name}{key}".encode()).digest())


def request_id(number: int) -> str:
    return f"{number:032x}"


@dataclass
class Office:
    """A lake with an index of its own, and the keys of everybody who works here."""

    folder: Path
    index: str = "index"
    clock: Clock = field(default_factory=Clock)
    requests: int = 0

    def __post_init__(self) -> None:
        self.lake = Lake.create(
            self.folder / "lake",
            self.folder / self.index,
            now=self.clock,
            ingest_time_us=NOW_US - 400 * DAY_US,
        )

    @property
    def books(self) -> Books:
        self.lake.refresh()
        return self.lake.books()

    @property
    def events(self) -> int:
        return self.lake.refresh().tree_size

    def record(self, *events: ev.ControlEvent) -> CommitResult:
        self.clock.now_us += 1
        return append_control(self.lake, events, now_us=self.clock.now_us)

    def open_for_business(self) -> Self:
        """Two people to begin with: rita asks, and asks or approves with adam."""
        self.record(person("rita", "requester", "approver"))
        self.record(person("adam", "requester", "approver"))
        return self

    def statement(self, by: str, **values: Any) -> Statement:
        """A statement by a person; what is not given is right for a request of nothing."""
        right: dict[str, Any] = {
            "action": "reopen_period",
            "at_us": self.clock.now_us,
            "lake_id": self.lake.head.lake_id,
            "person": by,
            "reason": "because",
            "request_id": request_id(self.requests),
            "request_sha256": None,
            "role": "requester",
            "subject": {},
        }
        return Statement(**(right | values))

    def asked(
        self, by: str, action: str, subject: dict[str, Any], **values: Any
    ) -> ev.ActionRequested:
        """A signed request, not recorded yet; `values` make it say something else."""
        self.requests += 1
        said = self.statement(by, action=action, subject=subject, **values)
        return ev.ActionRequested(
            request_id=said.request_id, action=action, statement=sign_statement(said, signer(by))
        )

    def ask(self, by: str, action: str, **subject: Any) -> ev.ActionRequested:
        """A signed request, recorded."""
        asked = self.asked(by, action, subject)
        self.record(asked)
        return asked

    def recorded_request(self, request: str) -> ev.ActionRequested:
        """A request as the books have it, for a process that did not make it."""
        asked = self.books.requests[request]
        return ev.ActionRequested(
            request_id=request, action=asked.action, statement=asked.statements[0]
        )

    def answer(self, by: str, asked: ev.ActionRequested, **values: Any) -> Statement:
        """What a person says to a request; `values` make it say something else."""
        subject = self.books.requests[asked.request_id].subject
        more = {"acknowledged": []} if asked.action == "close_period" else {}
        right: dict[str, Any] = {
            "action": asked.action,
            "request_id": asked.request_id,
            "request_sha256": note_sha256(asked.statement),
            "role": "approver",
            "subject": {**subject, **more},
        }
        return self.statement(by, **(right | values))

    def approval(self, by: str, asked: ev.ActionRequested, **values: Any) -> ev.ActionApproved:
        note = sign_statement(self.answer(by, asked, **values), signer(by))
        return ev.ActionApproved(request_id=asked.request_id, action=asked.action, statement=note)

    def declined(self, by: str, asked: ev.ActionRequested, **values: Any) -> ev.ActionDeclined:
        subject = self.books.requests[asked.request_id].subject
        right: dict[str, Any] = {"role": "decliner", "subject": dict(subject)}
        note = sign_statement(self.answer(by, asked, **(right | values)), signer(by))
        return ev.ActionDeclined(request_id=asked.request_id, action=asked.action, statement=note)

    def add(self, name: str, *roles: str) -> None:
        """A person more, asked for by rita, approved by adam."""
        key = signer(name).verifier.to_text()
        asked = self.ask("rita", "add_person", person=name, verifier_key=key, roles=list(roles))
        self.approve("adam", asked, person(name, *roles, request=asked.request_id))

    def remove(self, name: str, *, by: str = "rita", approver: str = "adam") -> None:
        asked = self.ask(by, "remove_person", person=name)
        gone = ev.PersonRemoved(person=name, request_id=asked.request_id)
        self.approve(approver, asked, gone)

    def approve(
        self, by: str, asked: ev.ActionRequested, *effects: ev.ControlEvent
    ) -> CommitResult:
        return self.record(self.approval(by, asked), *effects)

    def close(self, period_id: str, *, edition: int = 1, until: str = "closed") -> None:
        """Close a period as `close apply` does; `until` stops at "sealed"."""
        asked = self.ask("rita", "close_period", period_id=period_id, plan_sha256=PLAN)
        self.approve("adam", asked)
        self.record(ev.PeriodSoftClosed(period_id=period_id, sealed=True, reason="close"))
        if until == "closed":
            self.record(self.closed(period_id, asked, edition=edition))

    def closed(
        self, period_id: str, asked: ev.ActionRequested, *, edition: int = 1
    ) -> ev.PeriodClosed:
        return ev.PeriodClosed(
            period_id=period_id,
            run_id="run-1",
            closed_edition=edition,
            published_edition=edition,
            cut_off_commit=self.lake.head.seq,
            certificate_sha256="cd" * 32,
            request_id=asked.request_id,
            controls=(),
        )

    def reopen(self, period_id: str) -> None:
        asked = self.ask("rita", "reopen_period", period_id=period_id)
        self.approve("adam", asked, reopened(period_id, asked))

    def sell(self, *event_ids: str, at_us: int, source: str = "till", amount: int = 10) -> None:
        """Sales of one store that happened at `at_us`, recorded now."""
        self.clock.now_us += 1
        first = self.lake.next_offset(source, "p0")
        rows = [
            dict.fromkeys(EVENT_SCHEMA.names())
            | {
                "family": "sales",
                "event_id": event_id,
                "event_type": "SaleRecorded",
                "schema_version": 1,
                "stream_id": "s1",
                "store_id": "s1",
                "currency": "EUR",
                "amount": amount,
                "event_time": datetime.fromtimestamp(at_us / 1e6, UTC),
                "source": source,
                "source_partition": "p0",
                "source_offset": offset,
                "payload": "{}",
            }
            for offset, event_id in enumerate(event_ids, first)
        ]
        frame = pl.DataFrame(rows)
        typed = frame.select(pl.col(name).cast(kind) for name, kind in EVENT_SCHEMA.items())
        offsets = {(source, "p0"): OffsetRange(first, first + len(rows))}
        self.lake.append(Batch(events=typed, offsets=offsets))

    def decisions(
        self, event_ids: Sequence[str], decision: str, into: str | None, asked: ev.ActionRequested
    ) -> list[ev.LateEventDecided]:
        """One decision per event, building on what the books say was decided before."""
        books, rows = self.books, self.rows_of(event_ids)
        found = []
        for event_id in event_ids:
            last = books.decisions.get(event_id)
            found.append(
                ev.LateEventDecided(
                    event_id=event_id,
                    row_index=rows[event_id],
                    decision=decision,
                    posting_period=into,
                    previous_decision=last.decision if last else None,
                    previous_posting_period=last.posting_period if last else None,
                    request_id=asked.request_id,
                )
            )
        return found

    def ask_to_decide(
        self, event_ids: Sequence[str], decision: str, by: str = "rita"
    ) -> ev.ActionRequested:
        return self.ask(
            by,
            "decide_exceptions",
            decision=decision,
            event_count=len(event_ids),
            events_sha256=events_sha256(event_ids),
        )

    def decide(self, event_ids: Sequence[str], decision: str, into: str | None) -> CommitResult:
        asked = self.ask_to_decide(event_ids, decision)
        return self.approve("adam", asked, *self.decisions(event_ids, decision, into, asked))

    def rows_of(self, event_ids: Sequence[str]) -> dict[str, int]:
        files = sorted((self.folder / "lake").glob("family=sales/*/*.parquet"))
        frame = pl.concat([pl.read_parquet(f, columns=["event_id", "row_index"]) for f in files])
        wanted = frame.filter(pl.col("event_id").is_in(list(event_ids)))
        return dict(wanted.iter_rows())


def person(name: str, *roles: str, request: str | None = None) -> ev.PersonAdded:
    key = signer(name).verifier.to_text()
    return ev.PersonAdded(person=name, verifier_key=key, roles=roles, request_id=request)


def reopened(period_id: str, asked: ev.ActionRequested) -> ev.PeriodReopened:
    return ev.PeriodReopened(period_id=period_id, request_id=asked.request_id, reason="late")


def altered(event: ev.ControlEvent, **values: Any) -> Any:
    """The event with other values."""
    return replace(event, **values)
