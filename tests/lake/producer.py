"""A producer process for fault tests: appends numbered batches, says what was acknowledged.

Run as `python -m tests.lake.producer HOME NAME BATCHES ROWS [--die-at STEP NTH] [--index DIR]`.
Prints `ack <last offset> <seq> <started ns> <ended ns>` after each append.
Called by tests/lake/test_faults.py.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from ingestion.lake import Lake
from tests.events import batch, deposits, rejects, sales


def dying(step: str, nth: int):
    """Kill this process with SIGKILL when `step` is reached for the nth time."""
    seen = 0

    def at(name: str) -> None:
        nonlocal seen
        seen += name == step
        if name == step and seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("name")
    parser.add_argument("batches", type=int)
    parser.add_argument("rows", type=int)
    parser.add_argument("--die-at", nargs=2, metavar=("STEP", "NTH"))
    parser.add_argument("--index", type=Path)
    given = parser.parse_args()
    step = dying(given.die_at[0], int(given.die_at[1])) if given.die_at else None
    index = given.index or given.home / "index"
    lake = Lake.open(given.home / "lake", index, step=step)
    done = lake.next_offset(given.name, "p0")
    while done < given.batches * given.rows:
        events = sales(done, given.rows, source=given.name)
        moves = deposits(done, given.rows, source=f"{given.name}-bank")
        started = time.monotonic_ns()
        bad = rejects(done // given.rows, 1, source=f"{given.name}-bad")
        result = lake.append(batch(events, moves, quarantine=bad))
        done += given.rows
        sys.stdout.write(f"ack {done} {result.seq} {started} {time.monotonic_ns()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
