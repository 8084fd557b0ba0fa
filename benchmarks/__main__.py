"""`make bench`: every script in turn, one JSON result each, and a table at the end.

Does not measure. Exit 0 whatever the figures are: they are to be read, not to fail a build.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.process import run

SCRIPTS = (
    "commit",
    "dedupe",
    "ingest",
    "full_refresh",
    "build",
    "publish",
    "asof",
    "watch",
    "controls",
    "residual",
    "close",
    "restate",
    "proofs",
    "upcast",
    "journal",
    "accounts",
    "sagas",
    "interest",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("scripts", nargs="*", choices=[*SCRIPTS, []], help="default: all")
    parser.add_argument("--events", type=int, default=1_000_000, help="events of history")
    parser.add_argument("--cache", type=Path, required=True, help="folder for prepared lakes")
    parser.add_argument("--results", type=Path, help="folder for JSON; default: in the cache")
    parser.add_argument("--small", action="store_true", help="as little work as still runs it all")
    given = parser.parse_args()
    results = (given.results or given.cache / "results").resolve()
    drawn = Table("measured", "value", "must be", "compared with", "ratio", "reached")
    for name in given.scripts or SCRIPTS:
        sys.stderr.write(f"# {name}\n")
        output = results / f"{name}.json"
        options = ["--events", str(given.events), "--cache", str(given.cache)]
        small = ["--small", "--repeats", "1"] if given.small else []
        script = [sys.executable, "-m", f"benchmarks.{name}", "--output", str(output)]
        run([*script, *options, *small], dict(os.environ))
        for row in json.loads(output.read_text())["results"]:
            drawn.add_row(*_cells(row))
    Console(width=None if sys.stdout.isatty() else 160).print(drawn)


def _cells(row: dict[str, object]) -> tuple[str, ...]:
    limits = {"at_most": "<=", "at_least": ">=", "ratio_at_most": "ratio <="}
    bound = ", ".join(f"{sign} {row[key]}" for key, sign in limits.items() if key in row)
    reached = {True: "yes", False: "no", None: ""}[row.get("reached")]  # type: ignore[index]
    compared = f"{row['baseline']}: {row['baseline_value']}" if "baseline" in row else ""
    ratio = str(row.get("ratio", ""))
    return str(row["what"]), f"{row['value']} {row['unit']}", bound, compared, ratio, reached


if __name__ == "__main__":
    main()
