"""The demo's steps: the very commands a user types, one after the other, shown as they run.

Holds which commands and in which order. Running them again changes nothing.
Called by `orchestration.demo.__main__`.
"""

import os
import shlex
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

from rich.console import Console

from ledger.errors import InternalFault
from orchestration.demo import arrivals
from orchestration.demo.arrivals import ARRIVED_AT, Arrivals
from orchestration.home import Home
from orchestration.settings import Settings

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
OPENED = "2010-11-30T00:00:00Z"
"""Date of the demo's lake: before the first store is registered and the first day arrives."""


def run(chosen: Settings, until: date | None) -> None:
    """From the sample to a published edition. Stops at the first command that fails."""
    console = Console(highlight=False, soft_wrap=True)
    home = Home.of(chosen)
    arrived = _deliver(home, until, console)
    for arguments in _commands(arrived):
        _run(arguments, home, console)


def _deliver(home: Home, until: date | None, console: Console) -> Arrivals:
    start = time.perf_counter()
    arrived = arrivals.write(SAMPLE / "online_retail.parquet", home.root / "demo" / "inbox", until)
    took = time.perf_counter() - start
    console.print(
        f"[bold]# {len(arrived.files)} files have arrived, {arrived.rows:,} rows, one file a day at"
        f" 02:00; {arrived.late_rows:,} rows are late[/]  {took:.1f} s"
    )
    return arrived


def _commands(arrived: Arrivals) -> list[list[str]]:
    inbox = arrived.files[0].parent
    sales = ["--mapping", str(SAMPLE / "online_retail.toml"), "--ingest-time", ARRIVED_AT]
    stores = ["--mapping", str(SAMPLE / "stores.toml"), "--ingest-time", "registered_at"]
    return [
        ["init", "--dated", OPENED],
        ["ingest", "files", str(SAMPLE / "stores.csv"), *stores],
        ["ingest", "files", str(inbox), *sales],
        ["build"],
        ["publish"],
        ["verify"],
    ]


def _run(arguments: list[str], home: Home, console: Console) -> None:
    """Run one command quietly; its whole output is shown if it fails."""
    shown = shlex.join(["ledgerlake", *(_short(argument) for argument in arguments)])
    console.print(f"[bold]$ {shown}[/]", end="  ")
    start = time.perf_counter()
    finished = subprocess.run(
        [sys.executable, "-m", "orchestration.cli.main", *arguments],
        env={**os.environ, "LEDGERLAKE_HOME": str(home.root)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    console.print(f"{time.perf_counter() - start:.1f} s")
    if finished.returncode != 0:
        raise InternalFault(
            "demo_commands_must_succeed",
            thing=shown,
            expected="exit code 0",
            found=f"exit code {finished.returncode}\n{finished.stdout[-4000:]}",
            remedy="Set LEDGERLAKE_HOME to an empty folder if this home holds another lake.",
        )


def _short(argument: str) -> str:
    """A path as the user would type it from the working folder."""
    path = Path(argument)
    return str(relative(path)) if path.is_absolute() else argument


def relative(path: Path) -> Path:
    """A path below the working folder without what is before it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
