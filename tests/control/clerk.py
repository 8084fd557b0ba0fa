"""A clerk's process for race and crash tests: approves one decision about one event.

Run as `python -m tests.control.clerk HOME INDEX REQUEST WHO DECISION INTO [--die-at STEP NTH]`.
Prints the commit's number, or the rule that refused it. Called by tests/control/test_races.py.
"""

import argparse
import sys
from pathlib import Path

from ingestion.control.write import append_control
from ingestion.lake import Lake
from ledger.errors import IncorrectInput
from tests.control.office import Clock, Office
from tests.lake.producer import dying


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("index")
    parser.add_argument("request")
    parser.add_argument("who")
    parser.add_argument("decision")
    parser.add_argument("into")
    parser.add_argument("--die-at", nargs=2, metavar=("STEP", "NTH"))
    given = parser.parse_args()
    office = Office(given.home, index=given.index, clock=Clock())
    office.clock.now_us = office.lake.head.ingest_time_us + 1
    asked = office.recorded_request(given.request)
    into = None if given.into == "-" else given.into
    events = office.decisions(["a", "b"], given.decision, into, asked)
    approval = office.approval(given.who, asked)
    lake = office.lake
    if given.die_at:
        lake = Lake.open(
            given.home / "lake",
            given.home / given.index,
            now=office.clock,
            step=dying(given.die_at[0], int(given.die_at[1])),
        )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    try:
        result = append_control(lake, [approval, *events], now_us=office.clock.now_us)
        sys.stdout.write(f"commit {result.seq}\n")
    except IncorrectInput as error:
        sys.stdout.write(f"refused {error.rule}\n")


if __name__ == "__main__":
    main()
