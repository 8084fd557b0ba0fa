"""Commands that look at accounts: account show|history, account snapshots build|check.

Holds arguments and drawing only. Mounted by `accounts`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.errors import IncorrectInput
from ledger.instants import to_us
from orchestration.cli import account_report, output
from orchestration.cli.account_report import AccountId
from orchestration.cli.arguments import instant
from orchestration.cli.output import JsonFlag

if TYPE_CHECKING:
    from rich.console import Console

_TOLD = (
    *("event_time", "event_type", "currency", "amount", "hold_id", "reason", "balance", "held"),
    *("known_from", "source"),
)

snapshots_app = typer.Typer(no_args_is_help=True, help="Accounts at the ends of periods.")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("show")(account_show)
    app.command("history")(account_history)
    app.add_typer(snapshots_app, name="snapshots")


def account_show(
    account: AccountId,
    *,
    valid_as_of: Annotated[
        str | None,
        typer.Option("--valid-as-of", metavar="INSTANT", help="With what had happened by then."),
    ] = None,
    known_as_of: Annotated[
        str | None,
        typer.Option("--known-as-of", metavar="INSTANT", help="As the lake knew it then."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show an account: what is in it, held and available; now, or as it was at any moment.

    Without instants: as it stands after its last command. With one or both: as the lake has it,
    where the other one is now.

    Example: `ledgerlake account show A1 --json`, `ledgerlake account show A1 --valid-as-of
    2026-01-31T23:59:59Z --known-as-of now`
    """
    if valid_as_of is None and known_as_of is None:
        values = _standing(account)
    else:
        values = _as_it_was(account, valid_as_of or "now", known_as_of or "now")
    output.emit(
        values,
        as_json=as_json,
        human=lambda out: out.print(output.pairs(account_report.drawn(values))),
    )


def _standing(account: str) -> dict[str, Any]:
    from orchestration import settings
    from orchestration.accounts.desk import open_desk

    with open_desk(settings.load()) as desk:
        state, version = desk.state(account)
    _require_known(account, version)
    return {**account_report.values(state), "version": version}


def _as_it_was(account: str, valid_as_of: str, known_as_of: str) -> dict[str, Any]:
    from orchestration import settings
    from orchestration.accounts.past import Past
    from orchestration.home import Home

    now = datetime.now(UTC)
    valid = instant(valid_as_of, name="--valid-as-of", now=now)
    known = instant(known_as_of, name="--known-as-of", now=now)
    past = Past(Home.of(settings.load()))
    found = past.state_at(account, valid_us=to_us(valid), known_us=to_us(known))
    _require_known(account, found.account.event_count, of_the_lake=True)
    return {
        **account_report.values(found.account),
        "valid_as_of": valid,
        "known_as_of": known,
        "commit_seq": found.commit,
        "event_count": found.account.event_count,
        "digest": found.account.digest,
        "from_snapshot": found.snapshot_us is not None,
        "snapshots_refused": past.refused.rule if past.refused else None,
    }


def account_history(
    account: AccountId,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Newest rows to draw.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """Show what happened to an account, in the order it was told, and its balance after each.

    Example: `ledgerlake account history A1`
    """
    from orchestration import settings
    from orchestration.accounts.desk import open_desk
    from orchestration.accounts.history import history

    with open_desk(settings.load()) as desk:
        told = history(desk.home, desk.lake, desk.journal, account)
    _require_known(account, len(told))

    def draw(out: "Console") -> None:
        shown = [{name: getattr(one, name) for name in _TOLD} for one in told[-rows:]]
        drawn = [output.with_own_decimals(one) for one in shown]
        out.print(output.table(drawn, numbers=("amount", "balance", "held")))
        if len(told) > rows:
            out.print(f"{len(told) - rows:,} more: --rows {len(told)}, or --json for all.")

    output.emit({"account_id": account, "events": told}, as_json=as_json, human=draw)


@snapshots_app.command("build")
def snapshots_build(as_json: JsonFlag = False) -> None:
    """Make the accounts at the ends of ended periods anew, so that past states are near.

    Example: `ledgerlake account snapshots build`
    """
    from orchestration import settings
    from orchestration.accounts import snapshots

    with output.progress("snapshots", as_json=as_json) as tell:
        header = snapshots.build(settings.load(), tell=tell)
    said = f"{header.rows:,} snapshots, with all events up to commit {header.until_commit:,}."
    if not header.rows:
        said += " They are of the ends of periods: no account has events before one that ended."
    output.emit(header, as_json=as_json, human=lambda out: out.print(said))


@snapshots_app.command("check")
def snapshots_check(as_json: JsonFlag = False) -> None:
    """Fold the lake's events anew and compare every snapshot. Exit 1 if one differs.

    Example: `ledgerlake account snapshots check`
    """
    from orchestration import settings
    from orchestration.accounts import snapshots
    from orchestration.home import Home

    found = snapshots.check(Home.of(settings.load()))

    def draw(out: "Console") -> None:
        out.print(f"{found.rows:,} snapshots, {len(found.wrong):,} not as the lake says.")
        for one in found.wrong[:20]:
            out.print(
                f"[red]DIFFERS[/] {output.escape(one.account_id)} at {one.at_us}:"
                f" expected {one.expected}, found {one.found}"
            )

    output.emit(found, as_json=as_json, human=draw)
    raise typer.Exit(output.CHECK_FAILED if found.wrong else output.DONE)


def _require_known(account: str, events: int, *, of_the_lake: bool = False) -> None:
    if events:
        return
    remedy = f"`ledgerlake account open {account} --currency EUR` opens it."
    if of_the_lake:
        remedy = "`ledgerlake journal drain` brings what commands did into the lake."
    raise IncorrectInput(
        "account_must_be_known",
        thing=f"account {account}",
        expected="an account",
        found="no event the lake knew by then" if of_the_lake else "none of that id",
        remedy=remedy,
    )
