"""A producer process for fault tests: appends numbered batches, says what was acknowledged.

Holds `Producer`, started as a process of its own. Writes `ack <last offset> <seq> <started ns>
<ended ns>` to its file after each append. Called by tests/lake/test_faults.py.
"""

import itertools
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from ingestion.lake import Lake
from tests.events import batch, deposits, rejects, sales


def dying(step: str, nth: int):
    """Kill this process with SIGKILL when `step` is reached for the nth time."""
    seen = itertools.count(1)  # steps are reached in several threads

    def at(name: str) -> None:
        if name == step and next(seen) == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


@dataclass(frozen=True, kw_only=True)
class Producer:
    """`die_at` is a step and how often it is reached before the process kills itself."""

    home: Path
    name: str
    batches: int
    rows: int
    index: str = "index"
    die_at: tuple[str, int] | None = None

    @property
    def acks(self) -> Path:
        return self.home / f"{self.name}.acks"

    def acknowledged(self) -> list[list[int]]:
        """The acks so far: last offset, seq, started and ended in nanoseconds."""
        if not self.acks.exists():
            return []
        lines = self.acks.read_text().splitlines()
        return [[int(word) for word in line.split()[1:]] for line in lines]

    def run(self) -> None:
        step = dying(*self.die_at) if self.die_at else None
        lake = Lake.open(self.home / "lake", self.home / self.index, step=step)
        done = lake.next_offset(self.name, "p0")
        with self.acks.open("w") as acks:
            while done < self.batches * self.rows:
                events = sales(done, self.rows, source=self.name)
                moves = deposits(done, self.rows, source=f"{self.name}-bank")
                started = time.monotonic_ns()
                bad = rejects(done // self.rows, 1, source=f"{self.name}-bad")
                result = lake.append(batch(events, moves, quarantine=bad))
                done += self.rows
                acks.write(f"ack {done} {result.seq} {started} {time.monotonic_ns()}\n")
                acks.flush()


def run(producer: Producer) -> None:
    """What the new process does."""
    producer.run()
