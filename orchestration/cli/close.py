"""Commands that close the books: close plan|apply|status, reopen, diff, and certificates.

Holds arguments and drawing only. Mounted by `main`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli import close_report as report
from orchestration.cli import output
from orchestration.cli.output import JsonFlag

if TYPE_CHECKING:
    from audit.signed_note import Signer
    from orchestration.close.signing import When
    from orchestration.home import Home

_PANEL = "Close"
_PERIOD = "The period, as `ledgerlake periods list` names it."
_AS = "Who you are: signs with data/keys/people/NAME.key."
_KEY = "Sign with this key file instead."
_REASON = "Why, in words; it is signed and kept."
_ACKNOWLEDGE = "Accept a warning of the plan by its code; once per warning."

Acting = Annotated[str | None, typer.Option("--as", metavar="NAME", help=_AS)]
ActingNow = Annotated[str, typer.Option("--as", metavar="NAME", help=_AS)]
KeyFile = Annotated[Path | None, typer.Option("--key", metavar="FILE", help=_KEY)]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help=_REASON)]

close_app = typer.Typer(
    no_args_is_help=True, help="Close a period: plan, apply, and see where closes stand."
)
certificates_app = typer.Typer(
    no_args_is_help=True, help="Certificates of closed periods: list, check, reproduce."
)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(close_app, name="close", rich_help_panel=_PANEL)
    app.command("reopen", rich_help_panel=_PANEL)(reopen)
    app.command("diff", rich_help_panel=_PANEL)(diff)
    app.add_typer(certificates_app, name="certificates", rich_help_panel=_PANEL)


@close_app.command("plan")
def plan(
    period: Annotated[str, typer.Argument(metavar="PERIOD", help=_PERIOD)],
    acting: Acting = None,
    key: KeyFile = None,
    reason: Reason = "",
    as_json: JsonFlag = False,
) -> None:
    """List everything that stops a close, and what would freeze; with --as, ask for it.

    Without blockers and with --as, a signed request is recorded and its token printed: another
    person gives it to `ledgerlake close apply`. Exit 1 if something blocks.

    Example: `ledgerlake close plan 2011-03 --as ana`
    """
    from orchestration import settings
    from orchestration.close.plan import plan as make_plan
    from orchestration.home import Home

    chosen = settings.load()
    signer = _signer(Home.of(chosen), acting, key) if acting else None
    done = make_plan(chosen, period, when=_now(), signer=signer, reason=reason)
    output.emit(
        {
            "plan": done.plan,
            "plan_sha256": done.plan_sha256,
            "token": done.token,
            "blockers": [one.code for one in done.plan.blockers],
            "warnings": [one.code for one in done.plan.warnings],
        },
        as_json=as_json,
        human=lambda out: report.draw_plan(out, done),
    )
    raise typer.Exit(output.CHECK_FAILED if done.plan.blockers else output.DONE)


@close_app.command("apply")
def apply(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="As `close plan` printed it.")],
    acting: ActingNow,
    key: KeyFile = None,
    acknowledge: Annotated[
        list[str] | None, typer.Option("--acknowledge", metavar="CODE", help=_ACKNOWLEDGE)
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Approve a plan and close its period; after a crash, run it again and it goes on.

    Refuses if anything moved since the plan. Exit 1 if a control does not hold: the period stays
    SoftClosed, and the report says why.

    Example: `ledgerlake close apply TOKEN --as ben --acknowledge no_store_sent_far_less_than_usual`
    """
    from orchestration import settings
    from orchestration.close.apply import Closed, Keys
    from orchestration.close.apply import apply as apply_plan
    from orchestration.close.signing import lake_id
    from orchestration.home import Home
    from orchestration.keys import lake_signer

    chosen, when = settings.load(), _now()
    home = Home.of(chosen)
    keys = Keys(
        approver=_signer(home, acting, key),
        lake=lake_signer(home, lake_id(home), now_us=when.now_us),
    )
    done = apply_plan(chosen, token, keys=keys, when=when, acknowledged=acknowledge or ())
    closed = isinstance(done, Closed)
    output.emit(
        {"outcome": "closed" if closed else "failed", **output.plain(done)},
        as_json=as_json,
        human=lambda out: report.draw_applied(out, done),
    )
    raise typer.Exit(output.DONE if closed else output.CHECK_FAILED)


@close_app.command("status")
def status(as_json: JsonFlag = False) -> None:
    """List all closes: planned, under way, closed or failed, with what to do next.

    Example: `ledgerlake close status`
    """
    from orchestration import settings
    from orchestration.close.status import read_status
    from orchestration.home import Home

    found = read_status(Home.of(settings.load()))
    output.emit({"runs": found}, as_json=as_json, human=lambda out: report.draw_status(out, found))


def reopen(
    period: Annotated[str, typer.Argument(metavar="PERIOD", help=_PERIOD)],
    *,
    acting: ActingNow,
    key: KeyFile = None,
    reason: Reason = "",
    approve: Annotated[
        str | None,
        typer.Option("--approve", metavar="REQUEST", help="Approve this request to reopen it."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask to reopen a closed period for a restatement, or approve that another person asked.

    Readers go on seeing the closed edition until the next one is closed.

    Example: `ledgerlake reopen 2011-03 --as ana --reason "till 7 was offline"`
    """
    from orchestration import settings
    from orchestration.close.reopen import approve_reopening, request_reopening
    from orchestration.home import Home

    chosen, when = settings.load(), _now()
    signer = _signer(Home.of(chosen), acting, key)
    if approve is None:
        done = request_reopening(chosen, period, signer=signer, reason=reason, when=when)
    else:
        done = approve_reopening(
            chosen, approve, period_id=period, signer=signer, reason=reason, when=when
        )
    output.emit(done, as_json=as_json, human=lambda out: report.draw_reopening(out, done))


def diff(
    period: Annotated[str, typer.Argument(metavar="PERIOD", help=_PERIOD)],
    before: Annotated[
        int | None, typer.Option("--from", metavar="N", min=1, help="Closed edition to start from.")
    ] = None,
    after: Annotated[
        int | None, typer.Option("--to", metavar="M", min=1, help="Closed edition to compare.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what changed between two closed editions of a period, row by row and in sum.

    Default: the newest edition against the one before it.

    Example: `ledgerlake diff 2011-03 --from 1 --to 2`
    """
    from orchestration import settings
    from orchestration.close.diff import diff as compare

    found = compare(settings.load(), period, before=before, after=after)
    output.emit(found, as_json=as_json, human=lambda out: report.draw_diff(out, found))


@certificates_app.command("list")
def certificates_list(as_json: JsonFlag = False) -> None:
    """List every certificate the lake knows, and whether its file is there and unaltered.

    Example: `ledgerlake certificates list`
    """
    from orchestration import settings
    from orchestration.close.certificates import list_certificates
    from orchestration.home import Home

    found = list_certificates(Home.of(settings.load()))
    output.emit(
        {"certificates": found}, as_json=as_json, human=lambda out: report.draw_listed(out, found)
    )


@certificates_app.command("verify")
def certificates_verify(
    period: Annotated[
        str | None, typer.Argument(metavar="[PERIOD]", help=f"{_PERIOD} Default: all.")
    ] = None,
    edition: Annotated[
        int | None, typer.Option("--edition", metavar="N", min=1, help="Closed edition; else all.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the bytes of the Parquet files.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check certificates as a stranger would: signatures, four eyes, files, figures, chain.

    `python -m audit.verify` does the same without this project's data. Exit 1 if one is wrong.

    Example: `ledgerlake certificates verify 2011-03`
    """
    from orchestration import settings
    from orchestration.close.certificates import verify_certificates
    from orchestration.home import Home

    found = verify_certificates(
        Home.of(settings.load()), period_id=period, closed_edition=edition, files=not quick
    )
    output.emit(
        {"ok": all(one.ok for one in found), "certificates": found},
        as_json=as_json,
        human=lambda out: report.draw_verified(out, found),
    )
    raise typer.Exit(output.DONE if all(one.ok for one in found) else output.CHECK_FAILED)


@certificates_app.command("reproduce")
def certificates_reproduce(
    period: Annotated[str, typer.Argument(metavar="PERIOD", help=_PERIOD)],
    edition: Annotated[
        int | None,
        typer.Option("--edition", metavar="N", min=1, help="Closed edition; else the newest."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a closed period's figures again from the lake alone, and compare them with its
    certificate.

    Builds in an empty warehouse in a temporary folder (TMPDIR), as known at the cut-off; writes
    nothing into the home. Exit 1 if a figure comes out otherwise.

    Example: `ledgerlake certificates reproduce 2011-03 --edition 1`
    """
    from orchestration import settings
    from orchestration.close.reproduce import reproduce

    with output.progress("build", as_json=as_json) as tell:
        found = reproduce(settings.load(), period, closed_edition=edition, tell=tell)
    output.emit(found, as_json=as_json, human=lambda out: report.draw_reproduced(out, found))
    raise typer.Exit(output.DONE if found.same else output.CHECK_FAILED)


def _now() -> "When":
    import time

    from orchestration.close.signing import When

    return When(now_us=time.time_ns() // 1000)


def _signer(home: "Home", acting: str, key: Path | None) -> "Signer":
    from orchestration.keys import person_signer

    return person_signer(home, acting, key_file=key)
