"""A clerk for race and crash tests: approves one decision about events a and b, in a process.

Holds `Clerk`, for `tests.forked`. Says the commit's number, or the rule that refused it, in a file.
Called by tests/control/test_races.py.
"""

from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path

from ingestion.control.write import append_control
from ingestion.lake import Lake
from ledger.errors import IncorrectInput
from tests.control.office import Clock, Office
from tests.lake.producer import dying


@dataclass(frozen=True, kw_only=True)
class Clerk:
    """`die_at` is a step and how often it is reached before the process kills itself."""

    home: Path
    index: str
    request_id: str
    who: str
    decision: str
    into: str | None
    die_at: tuple[str, int] | None = None

    @property
    def said(self) -> Path:
        return self.home / f"{self.index} {self.who}.said"

    def approve(self, all_ready: Barrier) -> None:
        office = Office(self.home, index=self.index, clock=Clock())
        office.clock.now_us = office.lake.head.ingest_time_us + 1
        asked = office.recorded_request(self.request_id)
        events = office.decisions(["a", "b"], self.decision, self.into, asked)
        approval = office.approval(self.who, asked)
        lake = office.lake
        if self.die_at:
            step = dying(*self.die_at)
            folder = self.home / "lake"
            lake = Lake.open(folder, self.home / self.index, now=office.clock, step=step)
        all_ready.wait(timeout=60)
        try:
            result = append_control(lake, [approval, *events], now_us=office.clock.now_us)
            self.said.write_text(f"commit {result.seq}")
        except IncorrectInput as error:
            self.said.write_text(f"refused {error.rule}")


def approve(clerk: Clerk, all_ready: Barrier) -> None:
    """What the new process does."""
    clerk.approve(all_ready)
