"""The command line `ledgerlake`: assembles the commands and turns errors into exit codes.

Holds no command. Command modules import what is heavy (polars, dbt) inside the command, so
that `--help` answers at once.
"""

import sys

import typer

from ledger.errors import LedgerlakeError
from orchestration.cli import (
    close,
    exceptions,
    lake,
    locks,
    output,
    people,
    periods,
    proofs,
    questions,
    warehouse,
)
from orchestration.cli.ingest import ingest_app

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
questions.register(app)
people.register(app)
exceptions.register(app)
locks.register(app)
periods.register(app)
close.register(app)
proofs.register(app)


def main() -> None:
    """Entry point of the console script."""
    as_json = "--json" in sys.argv[1:]
    try:
        app()
    except LedgerlakeError as error:
        sys.exit(output.fail(error, as_json=as_json))
    except OSError as error:
        sys.exit(output.fail(output.machine_refused(error), as_json=as_json))


if __name__ == "__main__":
    main()
