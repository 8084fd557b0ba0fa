"""A build that is killed in its middle, as by a power cut: `python -m tests.models.killed_build`.

Holds `build_and_die`, and the process it starts. Arguments: home, number of statements, and a file
with the parsed dbt project as dbt keeps it between its runs. Called by the tests of random closes.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumaro_encoder, extended_mashumuro_decoder

from orchestration.home import Home
from tests.models.warehouse import FLAGS, MODELS, PROJECT, dbt_home, parsed_project


def build_and_die(home: Home, *, after: int) -> None:
    """Start a build of all models; SIGKILL once `after` statements ran, if it has as many."""
    parsed = home.root / "manifest.msgpack"
    parsed.write_bytes(parsed_project().to_msgpack(extended_mashumaro_encoder))
    home.warehouse.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.models.killed_build", str(home.root), str(after)]
    code = subprocess.run([*command, str(parsed)], cwd=PROJECT, check=False).returncode
    assert code in (0, -signal.SIGKILL), code


def main(root: str, after: str, parsed: str) -> None:
    left = int(after)

    def dying(event: Any) -> None:
        """After a statement, before its transaction ends."""
        nonlocal left
        left -= event.info.name == "SQLQueryStatus"
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    manifest = Manifest.from_msgpack(Path(parsed).read_bytes(), extended_mashumuro_decoder)
    runner = dbtRunner(manifest=manifest, callbacks=[dying])
    target = str(Path(root) / "warehouse" / "target")
    with dbt_home(Path(root)):
        runner.invoke(["run", *FLAGS, "--target-path", target, "--select", *MODELS])


if __name__ == "__main__":
    main(*sys.argv[1:])
