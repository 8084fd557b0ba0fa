"""The office of the choke point's tests on paper: the same people and keys, pure books, no lake.

Holds `PaperOffice`. Not a test itself.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ingestion.control import signatures
from ingestion.lake import CommitResult, Head
from ledger import control_events as ev
from ledger.books import EMPTY, Books, Recorded, evolve_all
from ledger.errors import IncorrectInput
from ledger.routing import Arrival
from ledger.rules import Evidence, check
from tests.control.office import Office
from tests.ledger import refusals

LAKE_ID = "0123456789abcdef" * 2


@dataclass
class PaperOffice(Office):
    """`record` tries events on the books and evolves them; `sell` notes what routing reads."""

    folder: Path = Path()
    paper: Books = EMPTY
    arrivals: dict[str, Arrival] = field(default_factory=dict)
    commit: int = 0

    def __post_init__(self) -> None:
        self.lake: Any = SimpleNamespace(head=SimpleNamespace(lake_id=LAKE_ID, seq=0))

    @property
    def books(self) -> Books:
        return self.paper

    def record(self, *events: ev.ControlEvent) -> CommitResult:
        batch = self.batch(*events)
        rejection = check(self.paper, batch, self.evidence)
        if rejection is not None:
            raise rejection.error()
        self.paper = evolve_all(self.paper, batch)
        return CommitResult(
            seq=self.commit, accepted=len(batch), duplicate=0, quarantined=0, head=Head()
        )

    def batch(self, *events: ev.ControlEvent) -> list[Recorded]:
        """The events as the next commit would hold them."""
        self._next_commit()
        versions = dict(self.paper.stream_versions)
        batch = []
        for number, event in enumerate(events):
            versions[event.stream_id] = versions.get(event.stream_id, 0) + 1
            name = event.natural_id or f"{event.stream_id}/{versions[event.stream_id]}"
            batch.append(
                Recorded(
                    event=event,
                    event_id=f"{event.event_type}/{name}",
                    commit_seq=self.commit,
                    ingest_time_us=self.clock.now_us,
                    row_index=1_000 * self.commit + number,
                    stream_version=versions[event.stream_id],
                )
            )
        return batch

    @property
    def evidence(self) -> Evidence:
        return Evidence(
            lake_id=LAKE_ID,
            open_statement=signatures.open_statement,
            check_key=signatures.check_key,
            newest_event_us=max(
                (one.event_time_us for one in self.arrivals.values()), default=None
            ),
            arrivals=self.arrivals,
        )

    def sell(self, *event_ids: str, at_us: int, source: str = "till", amount: int = 10) -> None:
        self._next_commit()
        for number, event_id in enumerate(event_ids):
            self.arrivals[event_id] = Arrival(
                event_id=event_id,
                row_index=1_000 * self.commit + number,
                commit_seq=self.commit,
                event_time_us=at_us,
                ingest_time_us=self.clock.now_us,
                source=source,
                store_id="s1",
                amount=Decimal(amount),
            )

    def rows_of(self, event_ids: Any) -> dict[str, int]:
        return {one: self.arrivals[one].row_index for one in event_ids}

    def rejection(self, *events: ev.ControlEvent) -> str | None:
        """The rule these events break, None if they were recorded."""
        try:
            self.record(*events)
        except IncorrectInput as error:
            return refusals.say(error)
        return None

    def expect(self, allowed: bool, *events: ev.ControlEvent) -> None:
        """Record these events; whether the books let them is what a model foretold."""
        try:
            self.record(*events)
        except IncorrectInput as error:
            assert not allowed, error
        else:
            assert allowed, events

    def _next_commit(self) -> None:
        self.commit += 1
        self.clock.now_us += 1
        self.lake.head.seq = self.commit - 1
