"""Applies a plan in a process of its own that dies at a step: `python -m tests.close.breaker`.

Arguments: home, clock (microseconds), token, step, and a file with the parsed dbt project as dbt
keeps it between its runs. Started by `test_crashes`.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumuro_decoder

from tests.close.house import House


def main(home: str, clock_us: str, token: str, dies_at: str, parsed: str) -> None:
    def step(name: str) -> None:
        if name == dies_at:
            os._exit(9)

    clock = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(clock_us))
    manifest = Manifest.from_msgpack(Path(parsed).read_bytes(), extended_mashumuro_decoder)
    House(Path(home), clock, manifest=manifest).apply(token, step=step)


if __name__ == "__main__":
    main(*sys.argv[1:])
