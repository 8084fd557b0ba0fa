"""Commands that answer: asof sales, asof balance, corrections, explain sales.

Holds arguments and drawing only. Mounted by `main`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli import output
from orchestration.cli.arguments import day, day_or_instant, days, instant
from orchestration.cli.output import JsonFlag

if TYPE_CHECKING:
    from rich.console import Console

    from orchestration.queries.asof import BalanceAsOf, SalesAsOf
    from orchestration.queries.balance_at import BalanceAt
    from orchestration.queries.corrections import Corrections
    from orchestration.queries.edition_reader import EditionRead
    from orchestration.queries.explain import Explained

_KNOWN = "When it was known: an instant with its zone, or `now`."
_VALID = "What it is about: the end of this business day, or an instant with its zone, or `now`."
_STORE = "Store; default: all."
_ROWS = "Most rows to draw (--json gives all)."
_PANEL = "Questions"
_MONEY = (
    *("amount", "quantity", "event_count", "balance", "reported_amount", "correction_amount"),
    *("amount_before", "amount_delta", "amount_after", "lateness_days", "correction_seq"),
    *("correction_count", "commit_seq", "cells", "events"),
)

KnownAsOf = Annotated[str, typer.Option("--known-as-of", metavar="INSTANT", help=_KNOWN)]
Store = Annotated[str | None, typer.Option("--store", "-s", help=_STORE)]
Rows = Annotated[int, typer.Option("--rows", min=1, help=_ROWS)]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    asof = typer.Typer(no_args_is_help=True, help="Figures as they were known at a moment.")
    asof.command("sales")(asof_sales)
    asof.command("balance")(asof_balance)
    app.add_typer(asof, name="asof", rich_help_panel=_PANEL)
    app.command("corrections", rich_help_panel=_PANEL)(corrections)
    explain = typer.Typer(no_args_is_help=True, help="Why a figure is what it is.")
    explain.command("sales")(explain_sales)
    explain.callback()(_only_group)
    app.add_typer(explain, name="explain", rich_help_panel=_PANEL)


def asof_sales(
    *,
    known_as_of: KnownAsOf,
    store: Store = None,
    one_day: Annotated[str | None, typer.Option("--date", metavar="DAY")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="DAY")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY")] = None,
    rows: Rows = 50,
    as_json: JsonFlag = False,
) -> None:
    """Sales of business days, as they were known at a moment.

    Example: `ledgerlake asof sales --store France --date 2010-12-03 --known-as-of
    2010-12-05T12:00:00Z`
    """
    from orchestration import settings
    from orchestration.home import Home
    from orchestration.queries.asof import sales_as_of

    start, stop = days(one_day, first, last)
    found = sales_as_of(
        Home.of(settings.load()),
        store=store,
        first=start,
        last=stop,
        known_as_of=instant(known_as_of, name="--known-as-of", now=datetime.now(UTC)),
    )
    output.emit(found, as_json=as_json, human=lambda out: _draw_sales(out, found, rows))


def asof_balance(
    account: Annotated[str, typer.Option("--account", "-a", help="Account.")],
    valid_as_of: Annotated[
        str,
        typer.Option("--valid-as-of", metavar="DAY|INSTANT", help=_VALID),
    ],
    known_as_of: KnownAsOf,
    as_json: JsonFlag = False,
) -> None:
    """An account's balance at the end of a day or at an instant, as it was known at a moment.

    A day: what was booked up to its end, from the edition. An instant: what had happened by then,
    from the lake, as `ledgerlake account show` has it: late events count, decided by people or not.

    Example: `ledgerlake asof balance --account 4711 --valid-as-of 2011-06-30 --known-as-of now`,
    `ledgerlake asof balance --account 4711 --valid-as-of 2011-06-30T12:00:00Z --known-as-of
    2011-07-01T09:30:00+02:00`
    """
    now = datetime.now(UTC)
    found = _balance(
        account,
        day_or_instant(valid_as_of, name="--valid-as-of", now=now),
        instant(known_as_of, name="--known-as-of", now=now),
    )
    output.emit(found, as_json=as_json, human=lambda out: _draw_balance(out, found))


def _balance(account: str, valid: date, known: datetime) -> "BalanceAsOf | BalanceAt":
    from orchestration import settings
    from orchestration.home import Home

    home = Home.of(settings.load())
    if isinstance(valid, datetime):
        from orchestration.queries.balance_at import balance_at

        return balance_at(home, account=account, valid_as_of=valid, known_as_of=known)
    from orchestration.queries.asof import balance_as_of

    return balance_as_of(home, account=account, valid_as_of=valid, known_as_of=known)


def corrections(
    known_from: Annotated[
        str, typer.Option("--from", metavar="INSTANT", help="Corrections known from then on.")
    ],
    known_to: Annotated[
        str,
        typer.Option("--to", metavar="INSTANT", help="Until then, exclusive; `now` is allowed."),
    ] = "now",
    store: Store = None,
    rows: Rows = 50,
    as_json: JsonFlag = False,
) -> None:
    """Changes of figures after they were reported, by when the change became known.

    Example: `ledgerlake corrections --from 2010-12-01T00:00:00Z --to 2011-01-01T00:00:00Z`
    """
    from orchestration import settings
    from orchestration.home import Home
    from orchestration.queries.corrections import corrections_between

    now = datetime.now(UTC)
    found = corrections_between(
        Home.of(settings.load()),
        known_from=instant(known_from, name="--from"),
        known_to=instant(known_to, name="--to", now=now),
        store=store,
    )
    output.emit(found, as_json=as_json, human=lambda out: _draw_corrections(out, found, rows))


def explain_sales(
    store: Annotated[str, typer.Option("--store", "-s", help="Store.")],
    one_day: Annotated[str, typer.Option("--date", metavar="DAY", help="Business date.")],
    events: Annotated[
        int, typer.Option("--events", min=0, help="Most events to draw of each (--json gives all).")
    ] = 20,
    as_json: JsonFlag = False,
) -> None:
    """A store's day: the figure now, as first reported, and every correction with its events.

    Example: `ledgerlake explain sales --store France --date 2010-12-03`
    """
    from orchestration import settings
    from orchestration.home import Home
    from orchestration.queries.explain import explain_sales as explained

    found = explained(
        Home.of(settings.load()),
        store=store,
        day=day(one_day, name="--date"),
        events_each=None if as_json else events,
    )
    output.emit(found, as_json=as_json, human=lambda out: _draw_explained(out, found, events))


def _only_group() -> None:
    """Why a figure is what it is."""


def _draw_sales(out: "Console", found: "SalesAsOf", rows: int) -> None:
    about = found.store or "all stores"
    span = str(found.first) if found.first == found.last else f"{found.first} to {found.last}"
    title = f"Sales of {about}, {span}, as known at {output.instant(found.known_as_of)}"
    if not found.cells:
        out.print(f"{title}: none was known.")
    else:
        out.print(output.table(found.cells[:rows], title=title, numbers=_MONEY))
        _say_cut(out, len(found.cells), rows)
        out.print(output.table(found.totals, title="In all", numbers=_MONEY))
    _say_edition(out, found.edition, found.known_as_of)


def _draw_balance(out: "Console", found: "BalanceAsOf | BalanceAt") -> None:
    if found.valid_as_of_is == "day":
        _draw_booked(out, found)
    else:
        _draw_happened(out, found)


def _draw_booked(out: "Console", found: "BalanceAsOf") -> None:
    title = (
        f"Balance of {output.escape(found.account)} at the end of {found.valid_as_of}, as known at"
        f" {output.instant(found.known_as_of)}"
    )
    if found.balances:
        out.print(output.table(found.balances, title=title, numbers=_MONEY))
    else:
        out.print(f"{title}: no movement was known.")
    _say_edition(out, found.edition, found.known_as_of)


def _draw_happened(out: "Console", found: "BalanceAt") -> None:
    title = (
        f"Balance of {output.escape(found.account)} at {output.instant(found.valid_as_of)},"
        f" as known at {output.instant(found.known_as_of)}"
    )
    if found.balances:
        drawn = [output.with_own_decimals(one) for one in found.balances]
        out.print(output.table(drawn, title=title, numbers=_MONEY))
    else:
        out.print(f"{title}: no event was known.")
    said = "The lake had no commit then"
    if found.commit_seq >= 0:
        said = f"{found.event_count:,} events of the lake up to commit {found.commit_seq:,}"
    out.print(f"[dim]{said}; late ones count, decided by people or not.[/]")


def _draw_corrections(out: "Console", found: "Corrections", rows: int) -> None:
    title = (
        f"Corrections that became known from {output.instant(found.known_from)} to"
        f" {output.instant(found.known_to)}"
    )
    if found.corrections:
        hidden = ("quantity_delta", "event_count_delta", "commit_seq")
        shown = [
            {name: value for name, value in one.items() if name not in hidden}
            for one in found.corrections[:rows]
        ]
        out.print(output.table(shown, title=title, numbers=_MONEY))
        _say_cut(out, len(found.corrections), rows)
    else:
        out.print(f"{title}: none.")
    _say_edition(out, found.edition, found.known_to)


def _draw_explained(out: "Console", found: "Explained", events: int) -> None:
    title = f"Sales of {found.store} on {found.business_date}"
    if not found.figures and not found.exceptions:
        out.print(f"{title}: nothing is known of that day.")
    if found.figures:
        out.print(output.table(found.figures, title=title, numbers=_MONEY))
    for number, one in enumerate(found.corrections, start=1):
        delta = f"{output.cell(one['amount_delta'], money=True)} {one['currency']}"
        out.print(
            f"Correction {number}: {delta} became known {output.instant(one['known_from'])} in"
            f" commit {one['commit_seq']:,}, {one['lateness_days']} days after the first cut-off"
            f" ({one['reason']}, {one['event_count_delta']} events)"
        )
        if one["events"]:
            out.print(output.table(one["events"], numbers=_MONEY))
        _say_cut(out, one["event_count_delta"], len(one["events"]), option="--events")
    if not found.corrections and found.figures:
        out.print("Never corrected: it stands as first reported.")
    if found.exceptions:
        statuses = Counter(str(one["status"]) for one in found.exceptions)
        counts = ", ".join(f"{count:,} {status}" for status, count in sorted(statuses.items()))
        title = f"Too late to be booked on arrival, so that people decide: {counts}"
        if events:
            out.print(output.table(found.exceptions[:events], title=title, numbers=_MONEY))
        else:
            out.print(title)
        _say_cut(out, len(found.exceptions), events, option="--events")
    _say_edition(out, found.edition, None)


def _say_cut(out: "Console", rows: int, shown: int, *, option: str = "--rows") -> None:
    if rows > shown:
        more = "1 more row" if rows - shown == 1 else f"{rows - shown:,} more rows"
        out.print(f"{more}: {option} {rows}, or --json for all.")


def _say_edition(out: "Console", edition: "EditionRead", asked: datetime | None) -> None:
    said = f"Edition {edition.number}, which knows commit {edition.commit_seq:,}"
    if asked is not None and asked > edition.known_as_of:
        said += f"; nothing after {output.instant(edition.known_as_of)}"
    out.print(f"[dim]{said}.[/]")
