"""Commands about what a close rests on: periods, calendar, policy.

Holds arguments and drawing only. Mounted by `main`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.errors import IncorrectInput
from orchestration.cli import acting, output
from orchestration.cli.acting import ActingNow, KeyFile, Why
from orchestration.cli.arguments import day
from orchestration.cli.output import JsonFlag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ledger.calendar import Period
    from ledger.policies import Policy

_PANEL = "Close"
_PERIOD = "The period, as `ledgerlake periods list` names it."
_KIND = "month, day, iso_week, 4-4-5, 4-5-4 or 5-4-4; leave it out with --table."
_LONG = "A fiscal year of 53 weeks; repeatable. Default: as retail calendars have them."
_SOFT = "A source that may still book while a period is SoftClosed; repeatable."
_SHOWN = (
    *("period_id", "first_date", "end_date", "state", "sealed", "closed_edition", "since"),
    *("who", "why"),
)

periods_app = typer.Typer(no_args_is_help=True, help="Accounting periods and their states.")
calendar_app = typer.Typer(no_args_is_help=True, help="Which periods there are.")
policy_app = typer.Typer(no_args_is_help=True, help="How long figures may still move.")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(periods_app, name="periods", rich_help_panel=_PANEL)
    app.add_typer(calendar_app, name="calendar", rich_help_panel=_PANEL)
    app.add_typer(policy_app, name="policy", rich_help_panel=_PANEL)


@periods_app.command("list")
def periods_list(as_json: JsonFlag = False) -> None:
    """Show every period from the first event on: its state, since when, by whom and why.

    Example: `ledgerlake periods list`
    """
    from orchestration.desk.periods import list_periods

    found = list_periods(acting.home(), now_us=acting.now().now_us)
    rows = [{name: getattr(one, name) for name in _SHOWN} for one in found]
    output.emit(
        {"periods": found}, as_json=as_json, human=lambda out: out.print(output.table(rows))
    )


@periods_app.command("show")
def periods_show(
    period: Annotated[str, typer.Argument(metavar="PERIOD", help=_PERIOD)],
    as_json: JsonFlag = False,
) -> None:
    """Show one period and every state it was put into.

    Example: `ledgerlake periods show 2011-03`
    """
    from orchestration.desk.periods import show_period

    found = show_period(acting.home(), period)

    def draw(out: "Console") -> None:
        out.print(output.pairs({name: getattr(found, name) for name in _SHOWN}))
        if found.changes:
            out.print(output.table([vars(one) for one in found.changes], title="Changes"))

    output.emit(found, as_json=as_json, human=draw)


@periods_app.command("soft-close")
def periods_soft_close(
    period: Annotated[str, typer.Argument(metavar="PERIOD", help=_PERIOD)],
    who: ActingNow,
    why: Why,
    key: KeyFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Let only the sources of the policy book into a period from now on; the rest goes to people.

    Example: `ledgerlake periods soft-close 2011-03 --as alice --why "month end"`
    """
    from orchestration.desk.periods import soft_close

    home = acting.home()
    signer = acting.signer(home, who, key)
    done = soft_close(home, period, person=signer.name, reason=why, when=acting.now())

    def draw(out: "Console") -> None:
        already = "" if done.new else "already "
        out.print(f"{period} is {already}SoftClosed: {output.escape(done.period.why or '')}")

    output.emit(done, as_json=as_json, human=draw)


@calendar_app.command("show")
def calendar_show(as_json: JsonFlag = False) -> None:
    """Show the calendar in force; without one defined, calendar months.

    Example: `ledgerlake calendar show`
    """
    from orchestration.desk.calendars import show_calendar

    found = show_calendar(acting.home())
    values = {"calendar_version": found.version, "kind": found.kind, "periods": found.periods}
    output.emit(
        values,
        as_json=as_json,
        human=lambda out: _draw_calendar(out, found.version, found.kind, found.periods),
    )


@calendar_app.command("define")
def calendar_define(
    *,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help=_KIND)] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First day of the first period.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DAY", help="Generate until it is covered.")
    ] = None,
    long_year: Annotated[
        list[int] | None, typer.Option("--year-of-53-weeks", metavar="YEAR", help=_LONG)
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="FILE", help="CSV: period_id, first_date, end_date."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Define the accounting calendar, in force from now on; periods with events stay as they are.

    Before the first sale it is free. The same again changes nothing. Outside its periods, calendar
    months go on.

    Example: `ledgerlake calendar define --kind 4-4-5 --from 2011-01-31 --until 2014-01-01`
    """
    from orchestration.desk import calendars

    if table is not None and not (kind or first or until):
        kind, periods = "table", calendars.read_table(table)
    elif kind is not None and first is not None and until is not None and table is None:
        periods = calendars.generated(
            kind,
            first_date=day(first, name="--from"),
            until=day(until, name="--until"),
            years_of_53_weeks=long_year or (),
        )
    else:
        raise IncorrectInput(
            "calendar_must_be_given_one_way",
            thing="the calendar to define",
            expected="either --kind, --from and --until, or --table",
            found="another choice of options",
        )
    done = calendars.define(acting.home(), kind, periods, when=acting.now())

    def draw(out: "Console") -> None:
        _draw_calendar(out, done.calendar_version, done.kind, done.periods)
        out.print("Defined." if done.new else "It was defined so already; nothing changed.")

    output.emit(done, as_json=as_json, human=draw)


@policy_app.command("show")
def policy_show(
    *,
    source: Annotated[
        str | None, typer.Option("--source", help="Which applies to events of this source,")
    ] = None,
    one_day: Annotated[
        str | None, typer.Option("--date", metavar="DAY", help="and of this business date.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the lateness policies in force, or the one that applies to a source and day.

    Example: `ledgerlake policy show --source till --date 2011-03-05`
    """
    from orchestration.desk.known import read_known
    from orchestration.desk.policies import applying, in_force

    if (source is None) != (one_day is None):
        raise IncorrectInput(
            "source_and_date_must_be_given_together",
            thing="options --source and --date",
            expected="both, or neither",
            found="--source alone" if source else "--date alone",
        )
    books = read_known(acting.home()).books
    found = (
        [applying(books, source=source, business_date=day(one_day, name="--date"))]
        if source is not None and one_day is not None
        else in_force(books)
    )
    output.emit({"policies": found}, as_json=as_json, human=lambda out: _draw_policies(out, found))


@policy_app.command("set")
def policy_set(
    *,
    max_delay_days: Annotated[
        int, typer.Option("--max-delay-days", help="Allowed lateness after the first cut-off.")
    ],
    initial_grace_hours: Annotated[
        int, typer.Option("--initial-grace-hours", help="First cut-off after the business day.")
    ],
    source: Annotated[str | None, typer.Option("--source", help="Only this source.")] = None,
    period: Annotated[
        str | None, typer.Option("--period", metavar="PERIOD", help="Only this period.")
    ] = None,
    effective_from: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="Only business dates from then on.")
    ] = None,
    soft_close_source: Annotated[
        list[str] | None, typer.Option("--soft-close-source", metavar="SOURCE", help=_SOFT)
    ] = None,
    amount_cap: Annotated[
        str | None,
        typer.Option("--amount-cap", metavar="AMOUNT", help="Larger events go to people."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Set the lateness policy of a scope, for events of later commits. The same again is nothing.

    Example: `ledgerlake policy set --max-delay-days 3 --initial-grace-hours 6 --source till`
    """
    from ledger.control_events import LatenessPolicySet
    from orchestration.desk.lock_exceptions import read_cap
    from orchestration.desk.policies import set_policy

    event = LatenessPolicySet(
        max_delay_days=max_delay_days,
        initial_grace_hours=initial_grace_hours,
        source=source,
        period_id=period,
        effective_from=day(effective_from, name="--from") if effective_from else None,
        soft_close_sources=tuple(soft_close_source or ()),
        amount_cap=None if amount_cap is None else read_cap(amount_cap),
    )
    done = set_policy(acting.home(), event, when=acting.now())

    def draw(out: "Console") -> None:
        _draw_policies(out, [done.policy])
        out.print("Set." if done.new else "It was set so already; nothing changed.")

    output.emit(done, as_json=as_json, human=draw)


def _draw_calendar(out: "Console", version: int, kind: str, periods: "Sequence[Period]") -> None:
    if not periods:
        out.print(f"Calendar version {version}: calendar months.")
        return
    rows = [vars(one) for one in periods]
    shown = [{n: row[n] for n in ("period_id", "first_date", "end_date")} for row in rows]
    out.print(output.table(shown, title=f"Calendar version {version}, {kind}"))


def _draw_policies(out: "Console", found: "Sequence[Policy]") -> None:
    rows = [
        {
            **vars(one),
            "soft_close_sources": ", ".join(one.soft_close_sources) or None,
            "commit_seq": None if one.commit_seq < 0 else one.commit_seq,
        }
        for one in found
    ]
    numbers = ("max_delay_days", "initial_grace_hours", "amount_cap", "commit_seq")
    out.print(output.table(rows, numbers=numbers))
