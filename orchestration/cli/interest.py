"""Commands about interest: interest accrue|explain|algorithms|notices, replay interest|apply.

Holds arguments only; drawing is in `interest_report`. Mounted by `main`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from ledger.errors import IncorrectInput
from orchestration.cli import acting, output
from orchestration.cli import interest_report as report
from orchestration.cli.acting import Acting, ActingNow, KeyFile, Why
from orchestration.cli.output import JsonFlag

_PANEL = "Accounts"
_PERIOD = "The period, as `ledgerlake periods list` names it."
_ALGORITHM = "As `ledgerlake interest algorithms` names it."
_MATERIALITY = "Post no correction smaller than this, in units of its currency; it is reported."

Period = Annotated[str, typer.Option("--period", metavar="PERIOD", help=_PERIOD)]
Rows = Annotated[int, typer.Option("--rows", min=1, help="Most rows to draw (--json gives all).")]

interest_app = typer.Typer(no_args_is_help=True, help="Interest: what accounts earn in a period.")
replay_app = typer.Typer(
    no_args_is_help=True, help="Replay what was posted by another algorithm, and put it right."
)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(interest_app, name="interest", rich_help_panel=_PANEL)
    app.add_typer(replay_app, name="replay", rich_help_panel=_PANEL)


@interest_app.command("accrue")
def accrue(
    period: Period,
    algorithm: Annotated[str, typer.Option("--algorithm", metavar="NAME", help=_ALGORITHM)],
    as_json: JsonFlag = False,
) -> None:
    """Post a period's interest: one InterestAccrued per account and currency, each once.

    Balances are those of the published edition, so that a deposit dated back earns from its own
    day on. Run again, it posts what is missing: after a crash the rest, else nothing.

    Example: `ledgerlake interest accrue --period 2026-01 --algorithm v1`
    """
    from orchestration import settings
    from orchestration.interest.accrue import accrue as post_interest

    with output.progress("post interest", as_json=as_json) as tell:
        done = post_interest(settings.load(), period, algorithm, when=acting.now(), progress=tell)
    output.emit(done, as_json=as_json, human=lambda out: report.draw_accrued(out, done))


@interest_app.command("explain")
def explain(
    account: Annotated[str, typer.Option("--account", "-a", help="Account.")],
    period: Period,
    algorithm: Annotated[
        list[str], typer.Option("--algorithm", metavar="NAME", help=f"{_ALGORITHM} Repeatable.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Show one account's interest day by day, under one algorithm or more side by side.

    Example: `ledgerlake interest explain -a 4711 --period 2026-01 --algorithm v1 --algorithm v2`
    """
    from orchestration import settings
    from orchestration.interest.explain import explain as explained

    found = explained(settings.load(), period, account, algorithm)
    output.emit(found, as_json=as_json, human=lambda out: report.draw_explained(out, found))


@interest_app.command("algorithms")
def algorithms(as_json: JsonFlag = False) -> None:
    """List the algorithms, what each is made of, and what is wrong with it.

    Example: `ledgerlake interest algorithms`
    """
    found = report.declared()
    output.emit(
        {"algorithms": found}, as_json=as_json, human=lambda out: report.draw_declared(out, found)
    )


@interest_app.command("notices")
def notices(
    period: Annotated[str | None, typer.Option("--period", metavar="PERIOD", help=_PERIOD)] = None,
    account: Annotated[str | None, typer.Option("--account", "-a", help="Account.")] = None,
    rows: Rows = 50,
    as_json: JsonFlag = False,
) -> None:
    """List what customers are to be told of corrections: one notice per account and replay.

    Example: `ledgerlake interest notices --period 2026-01`
    """
    from orchestration.interest.notices import read

    found = read(acting.home(), period_id=period, account=account)
    output.emit(
        {"notices": found},
        as_json=as_json,
        human=lambda out: report.draw_notices(out, found, rows),
    )


@replay_app.command("interest")
def replay_interest(
    *,
    before: Annotated[str, typer.Option("--from", metavar="NAME", help=_ALGORITHM)],
    after: Annotated[str, typer.Option("--to", metavar="NAME", help=_ALGORITHM)],
    period: Period,
    materiality: Annotated[
        str, typer.Option("--materiality", metavar="AMOUNT", help=_MATERIALITY)
    ] = "0",
    who: Acting = None,
    why: Why = "",
    key: KeyFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare posted interest with what another algorithm makes of it: who is affected, and why.

    Writes a report (CSV of every account, HTML) and posts nothing. With --as, a signed request is
    recorded and its token printed: another person gives it to `ledgerlake replay apply`. With the
    same algorithm twice it finds what back-dated movements changed.

    Example: `ledgerlake replay interest --from v1 --to v2 --period 2026-01 --as ana --why "rate
    change of 16 January missed"`
    """
    from orchestration import settings
    from orchestration.interest.plan import Asking, plan

    asking = Asking(
        signer=acting.signer(acting.home(), who, key) if who else None,
        reason=why,
    )
    with output.progress("compare", as_json=as_json) as tell:
        done = plan(
            settings.load(),
            period,
            before=before,
            after=after,
            materiality=_amount(materiality),
            asking=asking,
            when=acting.now(),
            progress=tell,
        )
    output.emit(
        report.planned_values(done), as_json=as_json, human=lambda out: report.draw_plan(out, done)
    )


@replay_app.command("apply")
def replay_apply(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="As `replay interest` printed it.")],
    who: ActingNow,
    key: KeyFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Approve a replay and post its corrections; after a crash, run it again and it goes on.

    Refuses if anything moved since the plan. Corrections of a closed period are booked as
    prior-period adjustments in the first open one.

    Example: `ledgerlake replay apply TOKEN --as ben`
    """
    from orchestration import settings
    from orchestration.interest.apply import apply

    signer = acting.signer(acting.home(), who, key)
    with output.progress("post corrections", as_json=as_json) as tell:
        done = apply(settings.load(), token, signer=signer, when=acting.now(), progress=tell)
    output.emit(done, as_json=as_json, human=lambda out: report.draw_applied(out, done))


def _amount(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise IncorrectInput(
            "materiality_must_be_an_amount",
            thing="option --materiality",
            expected="an amount such as 0.05, not below 0",
            found=repr(text),
        )
    return value
