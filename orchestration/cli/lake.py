"""Commands about the lake itself: init, status, verify, doctor.

Holds arguments and drawing only. Mounted by `main`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from typing import Annotated

import typer

from orchestration.cli import output
from orchestration.cli.arguments import instant_us
from orchestration.cli.output import JsonFlag

_DATED = "Date a new lake back to this instant, so that a historical import can start there."


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("init", rich_help_panel="Lake")(init)


def init(
    dated: Annotated[str | None, typer.Option("--dated", metavar="INSTANT", help=_DATED)] = None,
    as_json: JsonFlag = False,
) -> None:
    """Create the lake and record the lateness policy of the settings.

    Running it again changes nothing, unless the policy in `ledgerlake.toml` changed: then the
    new policy is recorded as an event, in force from that commit on.

    Example: ledgerlake init
    """
    from orchestration import settings
    from orchestration.initialise import initialise

    dated_us = instant_us(dated, name="--dated") if dated else None
    done = initialise(settings.load(), dated_us=dated_us)
    values = {
        "home": done.home,
        "lake": f"{done.lake_id} ({'created' if done.created else 'was there'})",
        "lateness policy": f"first cut-off {done.initial_grace_hours} h after the business day, "
        f"{done.max_delay_days} days allowed"
        + ("" if done.policy_commit is None else f" (recorded in commit {done.policy_commit})"),
        "next": "ledgerlake ingest files PATH --mapping FILE",
    }
    output.emit(done, as_json=as_json, human=lambda out: out.print(output.pairs(values)))
