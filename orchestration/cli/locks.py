"""Commands about lock exceptions: locks grant|revoke|list|audit.

Holds arguments and drawing only. Mounted by `main`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli import acting, output
from orchestration.cli.acting import ActingNow, KeyFile, Why
from orchestration.cli.output import JsonFlag

if TYPE_CHECKING:
    from rich.console import Console

_PANEL = "Close"
_LOCK = "Id of the lock exception, or the first six digits of it or more."
_NUMBERS = ("events", "amount", "booked_amount", "commit_seq", "row_index")
_SHOWN = (
    *("lock_exception_id", "state", "period_id", "source", "store_id", "amount_cap", "expires_at"),
    *("requester", "approver", "revoked_by", "reason"),
)
_AUDITED = (
    *("event_id", "event_type", "commit_seq", "ingest_time", "business_date", "period_id"),
    *("source", "store_id", "account_id", "currency", "booked_amount", "reason"),
)

locks_app = typer.Typer(
    no_args_is_help=True, help="Lock exceptions: approved holes in a lock, for minutes or hours."
)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(locks_app, name="locks", rich_help_panel=_PANEL)


@locks_app.command("grant")
def locks_grant(
    *,
    period: Annotated[str, typer.Option("--period", metavar="PERIOD", help="Which period.")],
    lasts: Annotated[str, typer.Option("--for", metavar="TIME", help="From 5m to 24h.")],
    who: ActingNow,
    why: Why,
    source: Annotated[str | None, typer.Option("--source", help="Only this source.")] = None,
    store: Annotated[str | None, typer.Option("--store", "-s", help="Only this store.")] = None,
    amount_cap: Annotated[
        str | None,
        typer.Option("--amount-cap", metavar="AMOUNT", help="Only events up to this amount."),
    ] = None,
    key: KeyFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask for a lock exception: events in its scope book although their period is locked or past.

    Another person approves. Its time runs from now. A Closed period is reopened instead.

    Example: `ledgerlake locks grant --period 2011-03 --for 30m --why "late till" --as alice`
    """
    from orchestration.desk import lock_exceptions

    scope = lock_exceptions.Scope(
        period_id=period,
        source=source,
        store_id=store,
        amount_cap=None if amount_cap is None else lock_exceptions.read_cap(amount_cap),
    )
    lasts_us = lock_exceptions.read_duration(lasts)
    home = acting.home()
    asked = lock_exceptions.request_grant(
        home,
        scope,
        lasts_us=lasts_us,
        signer=acting.signer(home, who, key),
        reason=why,
        when=acting.now(),
    )
    request = asked.request
    values = {
        "request_id": request.request_id,
        "lock_exception_id": request.subject["lock_exception_id"],
        "subject": request.subject,
        "new": asked.new,
    }

    def draw(out: "Console") -> None:
        said = "Requested" if asked.new else "Already requested"
        out.print(f"{said}: lock exception {values['lock_exception_id']}. Another person approves:")
        out.print(f"ledgerlake requests approve {request.request_id} --as NAME")

    output.emit(values, as_json=as_json, human=draw)


@locks_app.command("revoke")
def locks_revoke(
    lock: Annotated[str, typer.Argument(metavar="LOCK", help=_LOCK)],
    who: ActingNow,
    why: Why,
    key: KeyFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Revoke a lock exception at once; needs one person only.

    Example: `ledgerlake locks revoke 8d00f2 --as bob --why "all in"`
    """
    from orchestration.desk.lock_exceptions import revoke

    home = acting.home()
    done = revoke(home, lock, signer=acting.signer(home, who, key), reason=why, when=acting.now())

    def draw(out: "Console") -> None:
        already = "" if done.new else "already "
        out.print(
            f"{done.lock_exception_id} was {already}revoked by {done.revoked_by} in commit"
            f" {done.revoked_commit:,}."
        )

    output.emit(done, as_json=as_json, human=draw)


@locks_app.command("list")
def locks_list(
    everything: Annotated[
        bool, typer.Option("--all", help="Expired, revoked and declined ones too.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show lock exceptions asked for or in force.

    Example: `ledgerlake locks list --all`
    """
    from orchestration.desk.known import read_known
    from orchestration.desk.lock_exceptions import list_locks

    found = list_locks(read_known(acting.home()).books, now_us=acting.now().now_us)
    if not everything:
        found = [one for one in found if one.state in ("asked", "in_force")]

    def draw(out: "Console") -> None:
        if not found:
            out.print("No lock exception is asked for or in force.")
            return
        rows = [{name: getattr(one, name) for name in _SHOWN} for one in found]
        out.print(output.table(rows, numbers=("amount_cap",)))

    output.emit({"locks": found}, as_json=as_json, human=draw)


@locks_app.command("audit")
def locks_audit(
    lock: Annotated[
        str | None, typer.Argument(metavar="[LOCK]", help=f"{_LOCK} Default: all.")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Most rows to draw.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """Show every event that was booked only because of a lock exception, and the sums.

    Read from the lake itself, to its newest commit.

    Example: `ledgerlake locks audit`
    """
    from orchestration.desk.known import read_known
    from orchestration.desk.lock_audit import audit, sums
    from orchestration.desk.lock_exceptions import find

    home = acting.home()
    known = read_known(home)
    books = known.books
    locks = [find(books, lock)] if lock else list(books.lock_exceptions.values())
    found = audit(home, known, locks)
    totals = sums(found)

    def draw(out: "Console") -> None:
        if found:
            drawn = [{name: getattr(one, name) for name in _AUDITED} for one in found[:rows]]
            out.print(output.table(drawn, numbers=_NUMBERS))
            if len(found) > rows:
                out.print(f"{len(found) - rows:,} more: --rows {len(found)}, or --json for all.")
            out.print(output.table(totals, title="In all", numbers=_NUMBERS))
        else:
            out.print(f"Nothing was booked under {len(locks):,} lock exceptions.")
        out.print(f"[dim]As of commit {known.commit_seq:,}.[/]")

    values = {"commit_seq": known.commit_seq, "locks": len(locks), "sums": totals, "events": found}
    output.emit(values, as_json=as_json, human=draw)
