"""The demo's first steps: the very commands a user types, from the sample to a published edition.

Holds which commands and in which order; they run in this process, so that the project is loaded and
parsed once. Running them again changes nothing. Called by `orchestration.demo.__main__`.
"""

import io
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from datetime import date
from pathlib import Path

from ledger.errors import InternalFault
from orchestration.build import project_folder
from orchestration.cli import output
from orchestration.cli.main import app
from orchestration.demo import arrivals
from orchestration.demo.arrivals import ARRIVED_AT, Arrivals
from orchestration.demo.stage import Stage

OPENED = "2010-11-30T00:00:00Z"
"""Date of the demo's lake: before the first store is registered and the first day arrives."""


def sample() -> Path:
    """Where the sample lies: in the project the user stands in."""
    return project_folder() / "data" / "sample"


def run(stage: Stage, until: date | None) -> date:
    """From the sample to a published edition; the day of the last arrival."""
    stage.section("From files to figures")
    arrived = _deliver(stage, until)
    for arguments in _commands(arrived):
        _run(stage, arguments)
    stage.look(["build"], stage.build)
    stage.look(["publish"], stage.publish)
    return arrived.last


def _deliver(stage: Stage, until: date | None) -> Arrivals:
    start = time.perf_counter()
    inbox = stage.home.root / "demo" / "inbox"
    arrived = arrivals.write(sample() / "online_retail.parquet", inbox, until)
    took = time.perf_counter() - start
    stage.console.print(f"[bold]# {len(arrived.files)} files have arrived, one a day at 02:00[/]")
    stage.say(f"{arrived.rows:,} rows, {arrived.late_rows:,} of them late  [dim]{took:.1f} s[/]")
    return arrived


def _commands(arrived: Arrivals) -> list[list[str]]:
    inbox = arrived.files[0].parent
    sales = ["--mapping", str(sample() / "online_retail.toml"), "--ingest-time", ARRIVED_AT]
    stores = ["--mapping", str(sample() / "stores.toml"), "--ingest-time", "registered_at"]
    return [
        ["init", "--dated", OPENED],
        ["ingest", "files", str(sample() / "stores.csv"), *stores],
        ["ingest", "files", str(inbox), *sales],
    ]


def _run(stage: Stage, arguments: Sequence[str]) -> None:
    """Run one command quietly; its whole output is shown if it fails."""

    def do() -> str:
        said = io.StringIO()
        with redirect_stdout(said):
            code = app(list(arguments), standalone_mode=False) or output.DONE
        if code == output.INTERRUPTED:
            raise KeyboardInterrupt
        if code != output.DONE:
            raise InternalFault(
                "demo_commands_must_succeed",
                thing=" ".join(["ledgerlake", *arguments]),
                expected="exit code 0",
                found=f"exit code {code}\n{said.getvalue()[-4000:]}",
                remedy="Set LEDGERLAKE_HOME to an empty folder if this home holds another lake.",
            )
        head = stage.newest()
        return f"the lake has {head.tree_size:,} events in {head.seq + 1:,} commits"

    stage.look([short(one) for one in arguments], do)


def short(argument: str) -> str:
    """A path as the user would type it from the working folder."""
    path = Path(argument)
    return str(relative(path)) if path.is_absolute() else argument


def relative(path: Path) -> Path:
    """A path below the working folder without what is before it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
