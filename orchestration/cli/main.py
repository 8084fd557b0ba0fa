"""The command line `ledgerlake`: assembles the commands and turns errors into exit codes.

Holds no command. Command modules import what is heavy (polars, dbt) inside the command, so
that `--help` answers at once.
"""

import gc
import sys

import typer

from ledger.errors import LedgerlakeError
from orchestration.cli import (
    accounts,
    close,
    contracts,
    exceptions,
    interest,
    journal,
    lake,
    locks,
    output,
    people,
    periods,
    proofs,
    questions,
    saga,
    warehouse,
)
from orchestration.cli.ingest import ingest_app
from orchestration.ctrl_c import is_ctrl_c

COLLECT_EVERY = 100_000
"""Objects made between two runs of the cycle collector. Imports make some 130,000 that stay: with
Python's 700 it looks through them 190 times, a fifth of a start (1.15 s of CPU against 0.93 s)."""

app = typer.Typer(
    name="ledgerlake",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def ledgerlake() -> None:
    """Figures that keep changing after they were reported: what, when known, why, and proven."""


lake.register(app)
app.add_typer(ingest_app, name="ingest", rich_help_panel="Lake")
warehouse.register(app)
journal.register(app)
questions.register(app)
people.register(app)
exceptions.register(app)
locks.register(app)
periods.register(app)
close.register(app)
proofs.register(app)
interest.register(app)
contracts.register(app)
accounts.register(app)
saga.register(app)


def main() -> None:
    """Entry point of the console script."""
    gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])
    as_json = "--json" in sys.argv[1:]
    try:
        app()
    except Exception as error:  # noqa: BLE001 - raised again unless it is known what it says
        sys.exit(_exit_code(error, as_json=as_json))


def _exit_code(error: Exception, *, as_json: bool) -> int:
    """The code of an error that was told, or went without words after a Ctrl-C."""
    if is_ctrl_c(error):
        return output.INTERRUPTED
    if isinstance(error, LedgerlakeError):
        return output.fail(error, as_json=as_json)
    if isinstance(error, OSError):
        return output.fail(output.machine_refused(error), as_json=as_json)
    raise error


if __name__ == "__main__":
    main()
