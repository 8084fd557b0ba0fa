"""Applies a plan in a process of its own that dies at a step. Started by `test_crashes`."""

import os
from pathlib import Path

from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumuro_decoder

from tests.close.house import House


def apply(house: House, token: str, dies_at: str, parsed: Path) -> None:
    """`parsed`: the dbt project as dbt keeps it between its runs."""

    def step(name: str) -> None:
        if name == dies_at:
            os._exit(9)

    house.manifest = Manifest.from_msgpack(parsed.read_bytes(), extended_mashumuro_decoder)
    house.apply(token, step=step)
