"""A build that is killed in its middle, as by a power cut, in a process of its own.

Holds `build_and_die`. Called by the tests of random closes.
"""

import os
import signal
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumaro_encoder, extended_mashumuro_decoder

from orchestration.home import Home
from tests import forked
from tests.models.warehouse import FLAGS, MODELS, dbt_home, parsed_project


def build_and_die(home: Home, *, after: int) -> bool:
    """Build all models, killed once `after` statements ran; False if there were less."""
    parsed = home.root / "manifest.msgpack"
    parsed.write_bytes(parsed_project().to_msgpack(extended_mashumaro_encoder))
    home.warehouse.parent.mkdir(parents=True, exist_ok=True)
    code = forked.exit_code(forked.start(_build, home, after, parsed))
    assert code in (0, -signal.SIGKILL), code
    return code != 0


def _build(home: Home, after: int, parsed: Path) -> None:
    left = after

    def dying(event: Any) -> None:
        """After a statement, before its transaction ends."""
        nonlocal left
        left -= event.info.name == "SQLQueryStatus"
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    manifest = Manifest.from_msgpack(parsed.read_bytes(), extended_mashumuro_decoder)
    runner = dbtRunner(manifest=manifest, callbacks=[dying])
    with dbt_home(home.root):
        runner.invoke(["run", *FLAGS, "--target-path", str(home.target), "--select", *MODELS])
