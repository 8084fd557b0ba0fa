"""What can happen to a shop's books: arrivals, closes, decisions, deaths; and a story of these.

Holds the acts and `Story`, in which they happen to a real lake. An act the rules refuse changes
nothing. Does not choose them (`close_histories`) or say what figures must be (`close_oracle`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from audit.statement import note_sha256, sign_statement
from ingestion.lake import Batch, Lake
from ledger import control_events as ev
from ledger.calendar import Period
from ledger.errors import IncorrectInput
from ledger.periods import Closed, Reopened, SoftClosed, closed_edition_of
from tests.control.office import signer
from tests.events import batch
from tests.models.booking_oracle import StoreDays
from tests.models.close_oracle import Told, tell
from tests.models.closing import Shop, open_shop
from tests.models.event_frames import filled, from_rows
from tests.models.histories import Move, Sale, move_row, sale_row
from tests.models.killed_build import build_and_die
from tests.models.warehouse import MODELS

MONTHS = tuple(f"2025-{month:02d}" for month in range(1, 13))
"""Closed in this order; the shop opens in January."""

SOURCES = ("till", "office")
POLICIES: tuple[Mapping[str, Any], ...] = (
    {"soft_close_sources": ("office",), "amount_cap": Decimal(90_000)},
    {"max_delay_days": 12, "source": "office"},
    {"max_delay_days": 0, "initial_grace_hours": 0},
    {"max_delay_days": 30, "period_id": "2025-02"},
    {},
)
PARTIAL_BUILDS = (("+int_sales__deltas",), ("+daily_sales",), ("+late_event_exceptions",))
"""As far as a build came before it failed."""

DEATHS = ("before_segments", "linked", "before_commit", "after_commit", "remembered")
"""Steps of a commit in which its writer dies."""


class Act(Protocol):
    """Something that happens. Raises IncorrectInput if the rules refuse it."""

    def happen(self, story: "Story") -> None: ...


History = tuple[Act, ...]


class Died(Exception):
    """Stands for the end of a writer's process."""


@dataclass
class Story:
    """A shop and what became of its periods. `refused`: rules that acts broke; `killed`: builds."""

    shop: Shop
    refused: list[str] = field(default_factory=list)
    killed: int = 0
    asked: ev.ActionRequested | None = None
    locks: list[tuple[str, ev.ActionRequested]] = field(default_factory=list)
    frozen: dict[tuple[str, int], list[tuple[object, ...]]] = field(default_factory=dict)

    @classmethod
    def begin(cls, folder: Path) -> "Story":
        return cls(open_shop(folder))

    def live(self, history: History, checked: Callable[["Story"], None]) -> None:
        """Let all of it happen; `checked` is called after each whole build."""
        for act in history:
            try:
                act.happen(self)
            except IncorrectInput as refusal:
                self.refused.append(refusal.rule)
            if act == Build(MODELS):
                checked(self)

    def told(self) -> list[Told]:
        return tell(self.shop.made.home.lake)

    def month_to_close(self) -> str:
        books = self.shop.office.books
        return next(one for one in MONTHS if not isinstance(books.state(one), Closed))

    def month_in(self, state: type) -> str:
        """The latest month in this state; if there is none, the one to close next."""
        books = self.shop.office.books
        found = [one for one in MONTHS if isinstance(books.state(one), state)]
        return found[-1] if found else self.month_to_close()

    def append(self, given: Batch, *, dies_at: str | None) -> None:
        """Commit; if the writer dies in the middle, the next one sends the same again."""
        made, before = self.shop.made, self.shop.made.lake.refresh().tree_size
        if dies_at:
            try:
                self._dying_lake(dies_at).append(given, self.shop.clock.now_us)
            except Died:
                pass
            else:
                raise AssertionError(f"no step {dies_at}")
        made.append(given, self.shop.now)
        assert made.lake.head.tree_size == before + given.rows, "each once"

    def _dying_lake(self, dies_at: str) -> Lake:
        home = self.shop.made.home

        def step(name: str) -> None:
            if name == dies_at:
                raise Died

        return Lake.open(home.lake, home.index, now=self.shop.clock, step=step)


@dataclass(frozen=True)
class Wait:
    much: timedelta

    def happen(self, story: Story) -> None:
        story.shop.clock.now_us += self.much // timedelta(microseconds=1)


@dataclass(frozen=True)
class Arrive:
    """One commit: sales of one source, and movements of the bank."""

    source: str
    sales: tuple[Sale, ...] = ()
    moves: tuple[Move, ...] = ()
    dies_at: str | None = None

    def happen(self, story: Story) -> None:
        story.shop.clock.now_us += 1
        at, lake = story.shop.now, story.shop.made.lake
        parts = {
            self.source: from_rows(sale_row(one, at) for one in self.sales),
            "bank": from_rows(move_row(one, at) for one in self.moves),
        }
        frames: list[pl.DataFrame] = [
            filled(rows, source=source, first_offset=lake.next_offset(source, "p0"))
            for source, rows in parts.items()
            if rows.height
        ]
        if frames:
            story.append(batch(*frames), dies_at=self.dies_at)


@dataclass(frozen=True)
class SetPolicy:
    number: int

    def happen(self, story: Story) -> None:
        story.shop.set_policy(**POLICIES[self.number])


@dataclass(frozen=True)
class Register:
    store: str
    days: StoreDays

    def happen(self, story: Story) -> None:
        story.shop.clock.now_us += 1
        story.shop.made.register_store(
            self.store, self.days.time_zone, story.shop.now, day_cut_off=self.days.day_cut_off
        )


@dataclass(frozen=True)
class SoftClose:
    def happen(self, story: Story) -> None:
        month = story.month_to_close()
        story.shop.office.record(
            ev.PeriodSoftClosed(period_id=month, sealed=False, reason="month end")
        )


@dataclass(frozen=True)
class Seal:
    """A close begins; what arrives until it ends is not booked."""

    def happen(self, story: Story) -> None:
        office, month = story.shop.office, story.month_to_close()
        story.asked = office.ask("rita", "close_period", period_id=month, plan_sha256="ab" * 32)
        office.approve(
            "adam",
            story.asked,
            ev.PeriodSoftClosed(period_id=month, sealed=True, reason="close"),
        )


@dataclass(frozen=True)
class Finish:
    """The close ends: the period is closed, or it failed and books as SoftClosed again."""

    closed: bool

    def happen(self, story: Story) -> None:
        office, month = story.shop.office, story.month_to_close()
        state = office.books.state(month)
        if story.asked is None or not (isinstance(state, SoftClosed) and state.sealed):
            return
        if self.closed:
            edition = closed_edition_of(state) + 1
            office.record(office.closed(month, story.asked, edition=edition))
            return
        failed = ev.CloseFailed(
            period_id=month,
            run_id="run-1",
            step="gated",
            reason="",
            controls=(),
            evidence_sha256=None,
        )
        lifted = ev.PeriodSoftClosed(period_id=month, sealed=False, reason="failed")
        office.record(failed, lifted)


@dataclass(frozen=True)
class Reopen:
    def happen(self, story: Story) -> None:
        story.shop.office.reopen(story.month_in(Closed))


@dataclass(frozen=True)
class Grant:
    """A lock exception for an hour, in the month that is Reopened or is to be closed next."""

    source: str | None = None
    store_id: str | None = None
    amount_cap: Decimal | None = None

    def happen(self, story: Story) -> None:
        office = story.shop.office
        lock = f"{office.requests:032x}"
        story.shop.grant(lock, story.month_in(Reopened), **vars(self))
        asked = office.recorded_request(office.books.lock_exceptions[lock].request_id)
        story.locks.append((lock, asked))


@dataclass(frozen=True)
class Revoke:
    """Takes back the newest lock exception."""

    def happen(self, story: Story) -> None:
        if not story.locks:
            return
        lock, asked = story.locks[-1]
        office = story.shop.office
        said = office.statement(
            "adam",
            action="revoke_lock_exception",
            request_id=asked.request_id,
            request_sha256=note_sha256(asked.statement),
            role="revoker",
            subject={"lock_exception_id": lock},
        )
        note = sign_statement(said, signer("adam"))
        office.record(ev.LockExceptionRevoked(lock_exception_id=lock, statement=note))


@dataclass(frozen=True)
class Decide:
    """Two people decide some exceptions of one period, decided before or not.

    `fitting`: restated if their period is Reopened, else next_period.
    """

    first: int
    count: int
    how: str

    def happen(self, story: Story) -> None:
        waiting = [
            one
            for one in story.told()
            if one.routed.route == "exception"
            and (self.how == "pending") == (one.outcome in ("next_period", "restated", "rejected"))
        ]
        if not waiting:
            return
        first = self.first % len(waiting)
        chosen = waiting[first : first + self.count]
        books = story.shop.office.books
        own = books.calendar.period_of(chosen[0].routed.business_date)
        ids = [one.arrival.event_id for one in chosen if own.holds(one.routed.business_date)]
        is_reopened = isinstance(books.state_at(own, books.commit_seq), Reopened)
        fitting = "restated" if is_reopened else "next_period"
        how = fitting if self.how == "fitting" else self.how
        story.shop.office.decide(ids, how, _target(story, own, how))


def _target(story: Story, own: Period, how: str) -> str | None:
    if how == "next_period":
        return story.shop.office.books.first_open(own).period_id
    return own.period_id if how == "restated" else None


@dataclass(frozen=True)
class Build:
    models: tuple[str, ...]

    def happen(self, story: Story) -> None:
        story.shop.made.build(select=self.models)


@dataclass(frozen=True)
class KilledBuild:
    """A build in a process of its own that is killed after so many statements."""

    statements: int

    def happen(self, story: Story) -> None:
        story.killed += build_and_die(story.shop.made.home, after=self.statements)
