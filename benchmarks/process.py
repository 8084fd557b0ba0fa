"""A command run as a process of its own, timed, with the most memory it held.

Called by scripts that measure what a user types.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finished:
    """`peak_mib` is the largest resident set of the process, children not counted."""

    seconds: float
    peak_mib: float
    stdout: str


def ledgerlake(home: Path, *arguments: str) -> Finished:
    """Run the command line against `home`. Raises with its messages if it does not exit 0."""
    command = [sys.executable, "-m", "orchestration.cli.main", *arguments]
    return run(command, {**os.environ, "LEDGERLAKE_HOME": str(home)})


def run(command: Sequence[str], environment: dict[str, str]) -> Finished:
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        text = out.read()
        if process.returncode != 0:
            said = text[-2000:] + errors.read()[-4000:]
            raise RuntimeError(f"{' '.join(command)} exited {process.returncode}:\n{said}")
    return Finished(seconds, usage.ru_maxrss / 1024, text)
