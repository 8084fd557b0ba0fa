"""Commands about sagas: saga start|run|list|show|decide.

Holds arguments and drawing only. Mounted by `main`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli import output
from orchestration.cli.output import JsonFlag

if TYPE_CHECKING:
    from rich.console import Console

    from ingestion.journal import Answer
    from orchestration.sagas.desk import SagaDesk
    from orchestration.sagas.runner import Runner

SagaId = Annotated[str, typer.Argument(metavar="SAGA", help="Id of the saga, as of the order.")]


class Decision(StrEnum):
    """What a person may say."""

    retry = "retry"
    turn_back = "turn_back"
    settled = "settled"


class Status(StrEnum):
    """How a saga may stand."""

    running = "running"
    undoing = "undoing"
    waiting = "waiting"
    completed = "completed"
    compensated = "compensated"
    settled = "settled"


saga_app = typer.Typer(no_args_is_help=True, help="Payments in steps: ended whole, or undone.")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(saga_app, name="saga", rich_help_panel="Accounts")


@saga_app.command("start")
def start(
    saga: SagaId,
    *,
    account: Annotated[str, typer.Option("--account", metavar="ID", help="Account that pays.")],
    amount: Annotated[str, typer.Option("--amount", metavar="AMOUNT", help="As 30.00.")],
    currency: Annotated[str, typer.Option("--currency", metavar="CODE", help="As EUR.")],
    as_json: JsonFlag = False,
) -> None:
    """Place an order: its payment begins. Nothing is paid until `saga run`.

    The same order again is answered as before. Exit 1 if a rule says no, as for the id of another
    order.

    Example: `ledgerlake saga start order-7 --account A1 --amount 30.00 --currency EUR`
    """
    from ledger.payments import PAYMENT
    from orchestration import settings
    from orchestration.sagas.desk import open_sagas

    details = {"account_id": account, "amount": amount, "currency": currency}
    with open_sagas(settings.load()) as desk:
        answer = desk.begin(PAYMENT.name, saga, details)
        _tell(desk, saga, answer, as_json=as_json)


@saga_app.command("run")
def run(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Only what is due now; wait for nothing.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on for new sagas until stopped with Ctrl-C.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make the calls that are due, and again until every saga has ended or waits for a person.

    Ctrl-C starts no more calls and records the answers of those under way. Killed at any point,
    the next run makes the same call with the same key. What came of it is drained into the lake.
    Exit 1 if a saga waits for a person.

    Example: `ledgerlake saga run`
    """
    from orchestration import settings
    from orchestration.sagas.desk import open_sagas

    with open_sagas(settings.load()) as desk:
        runner = desk.runner()
        with _stopped_by_signals(runner), output.progress("sagas", as_json=as_json) as tell:
            ran = desk.run(runner, once=once, watch=watch, progress=tell)
    values = {
        "calls": ran.calls,
        **{name: ran.ended.get(name, 0) for name in ("completed", "compensated")},
        "open": ran.open,
        "waiting_for_a_person": ran.waiting,
    }
    output.emit(values, as_json=as_json, human=lambda out: out.print(output.pairs(values)))
    raise typer.Exit(output.CHECK_FAILED if ran.waiting else output.DONE)


@contextmanager
def _stopped_by_signals(runner: "Runner") -> Iterator[None]:
    names = (signal.SIGINT, signal.SIGTERM)
    before = {name: signal.signal(name, lambda _number, _frame: runner.stop()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _tell(desk: "SagaDesk", saga_id: str, answer: "Answer", *, as_json: bool) -> None:
    """How the saga stands after a command; exit 1 for a broken rule."""
    from ingestion.journal import Rejected

    if isinstance(answer, Rejected):
        if as_json:
            body = {"rejected": answer.rejection.rule, **vars(answer.rejection)}
            output.emit(body, as_json=True, human=lambda _out: None)
        else:
            output.draw_refusal("rejected", answer.rejection.error())
        raise typer.Exit(output.CHECK_FAILED)
    values: dict[str, Any] = {"saga_id": saga_id, "status": desk.state(saga_id).status}
    values["repeated"] = answer.repeated
    output.emit(values, as_json=as_json, human=lambda out: out.print(output.pairs(values)))


@saga_app.command("list")
def list_(
    *,
    status: Annotated[
        Status | None, typer.Option("--status", help="Only sagas that stand so.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Most sagas shown.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List sagas by id: how each stands, what is next and when.

    Changes nothing. The counts are of all sagas, shown or not.

    Example: `ledgerlake saga list --status waiting`
    """
    from collections import Counter

    from orchestration import settings
    from orchestration.cli import saga_report
    from orchestration.sagas.desk import open_sagas

    counts: Counter[str] = Counter()
    shown: list[dict[str, Any]] = []
    with open_sagas(settings.load()) as desk:
        for one in desk.all():
            counts[one.status] += 1
            if len(shown) < limit and status in (None, one.status):
                shown.append(saga_report.row(one))
    values = {"counts": dict(sorted(counts.items())), "sagas": shown}
    output.emit(values, as_json=as_json, human=lambda out: _draw_list(out, values, status))


@saga_app.command("show")
def show(saga: SagaId, as_json: JsonFlag = False) -> None:
    """Draw the path of one saga: what was done, what failed, what was undone, what is next.

    Changes nothing.

    Example: `ledgerlake saga show order-7`
    """
    from orchestration import settings
    from orchestration.cli import saga_report
    from orchestration.sagas.desk import open_sagas

    with open_sagas(settings.load()) as desk:
        values = saga_report.whole(desk.state(saga), desk.history(saga))
    output.emit(values, as_json=as_json, human=lambda out: saga_report.draw(out, values))


@saga_app.command("decide")
def decide(
    saga: SagaId,
    decision: Annotated[
        Decision,
        typer.Argument(help="Ask again, undo what was done, or: it was put right by hand."),
    ],
    *,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who decided.")],
    why: Annotated[str, typer.Option("--why", metavar="REASON", help="Why so.")],
    as_json: JsonFlag = False,
) -> None:
    """Decide on a saga that waits for a person. What follows is done by `saga run`.

    Exit 1 if a rule says no, as for a saga that does not wait.

    Example: `ledgerlake saga decide order-7 retry --by ana --why "the gateway is back"`
    """
    from orchestration import settings
    from orchestration.sagas.desk import open_sagas

    with open_sagas(settings.load()) as desk:
        desk.state(saga)
        answer = desk.intervene(saga, decision.value, by=by, why=why)
        _tell(desk, saga, answer, as_json=as_json)


def _draw_list(out: "Console", values: dict[str, Any], status: str | None) -> None:
    if values["sagas"]:
        out.print(output.table(values["sagas"], numbers=["attempt"]))
    elif status and values["counts"]:
        out.print(f"No saga is {status}. Of all:")
    counts = ", ".join(f"{count:,} {name}" for name, count in values["counts"].items())
    out.print(counts or "No saga was begun yet.")
