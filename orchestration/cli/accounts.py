"""Commands to accounts: account open|deposit|withdraw|reserve|release|capture|refund|correct|close.

Holds arguments and drawing only; those that only look are in `account_views`. Mounted by `main`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli import account_report, account_views, output
from orchestration.cli.account_report import AccountId
from orchestration.cli.arguments import instant_us
from orchestration.cli.output import JsonFlag

if TYPE_CHECKING:
    from rich.console import Console

    from ledger.deciding import Rejection
    from orchestration.accounts.desk import Make, Sent

_PANEL = "Accounts"
_NEGATIVE = {"ignore_unknown_options": True}
"""So that -5.00 is an amount and not an option."""

Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="As 100.00; never rounded.")]
HoldId = Annotated[str, typer.Option("--hold", metavar="ID", help="Id of the hold.")]
Key = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="KEY",
        help="Sent again with the same key, a command is answered and not done again.",
    ),
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="INSTANT", help="When it happened, with its zone. Default: now."),
]

account_app = typer.Typer(
    no_args_is_help=True, help="Accounts: money in, money out, money held back."
)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    account_views.register(account_app)
    app.add_typer(account_app, name="account", rich_help_panel=_PANEL)


@account_app.command("open")
def account_open(
    account: AccountId,
    *,
    currency: Annotated[str, typer.Option("--currency", metavar="CODE", help="As EUR.")],
    overdraft_limit: Annotated[
        str,
        typer.Option("--overdraft-limit", metavar="AMOUNT", help="How far below zero it may go."),
    ] = "0",
    key: Key = None,
    at: At = None,
    as_json: JsonFlag = False,
) -> None:
    """Open an account in a currency.

    Example: `ledgerlake account open A1 --currency EUR`
    """
    from ledger.accounts import OpenAccount
    from orchestration.accounts.desk import read_amount

    limit = read_amount(overdraft_limit, name="option --overdraft-limit")
    _send(
        account,
        lambda moment: OpenAccount(at=moment, currency=currency, overdraft_limit=limit),
        {"command": "open", "currency": currency, "overdraft_limit": overdraft_limit},
        key=key,
        at=at,
        as_json=as_json,
    )


@account_app.command("deposit")
def account_deposit(
    account: AccountId,
    amount: Amount,
    *,
    key: Key = None,
    at: At = None,
    as_json: JsonFlag = False,
) -> None:
    """Pay money in.

    Example: `ledgerlake account deposit A1 100.00`
    """
    from ledger.accounts import Deposit

    _send_money("deposit", Deposit, account, amount, key=key, at=at, as_json=as_json)


@account_app.command("withdraw")
def account_withdraw(
    account: AccountId,
    amount: Amount,
    *,
    key: Key = None,
    at: At = None,
    as_json: JsonFlag = False,
) -> None:
    """Take money out, as far as it is available.

    Example: `ledgerlake account withdraw A1 40.00`
    """
    from ledger.accounts import Withdraw

    _send_money("withdraw", Withdraw, account, amount, key=key, at=at, as_json=as_json)


@account_app.command("reserve")
def account_reserve(
    account: AccountId,
    amount: Amount,
    *,
    hold: HoldId,
    key: Key = None,
    at: At = None,
    as_json: JsonFlag = False,
) -> None:
    """Hold money back for a payment to come: less is available, the balance stays.

    Example: `ledgerlake account reserve A1 30.00 --hold order-7`
    """
    from ledger.accounts import Reserve

    _send_money("reserve", Reserve, account, amount, hold=hold, key=key, at=at, as_json=as_json)


@account_app.command("release")
def account_release(
    account: AccountId,
    *,
    hold: HoldId,
    key: Key = None,
    at: At = None,
    as_json: JsonFlag = False,
) -> None:
    """Let all that is held under an id go.

    Example: `ledgerlake account release A1 --hold order-7`
    """
    from ledger.accounts import Release

    _send(
        account,
        lambda moment: Release(at=moment, hold_id=hold),
        {"command": "release", "hold_id": hold},
        key=key,
        at=at,
        as_json=as_json,
    )


@account_app.command("capture")
def account_capture(
    account: AccountId,
    amount: Amount,
    *,
    hold: HoldId,
    key: Key = None,
    at: At = None,
    as_json: JsonFlag = False,
) -> None:
    """Pay out of a hold, all or part; the rest of it is free again.

    Example: `ledgerlake account capture A1 25.00 --hold order-7`
    """
    from ledger.accounts import Capture

    _send_money("capture", Capture, account, amount, hold=hold, key=key, at=at, as_json=as_json)


@account_app.command("refund")
def account_refund(
    account: AccountId,
    amount: Amount,
    *,
    hold: HoldId,
    key: Key = None,
    at: At = None,
    as_json: JsonFlag = False,
) -> None:
    """Give back of what was captured, at most that.

    Example: `ledgerlake account refund A1 5.00 --hold order-7`
    """
    from ledger.accounts import Refund

    _send_money("refund", Refund, account, amount, hold=hold, key=key, at=at, as_json=as_json)


@account_app.command("correct", context_settings=_NEGATIVE)
def account_correct(
    account: AccountId,
    amount: Amount,
    *,
    why: Annotated[str, typer.Option("--why", metavar="REASON", help="Why it was wrong.")],
    key: Key = None,
    at: At = None,
    as_json: JsonFlag = False,
) -> None:
    """Put a wrong balance right by a signed amount.

    Example: `ledgerlake account correct A1 -5.00 --why "deposited twice"`
    """
    from ledger.accounts import ApplyCorrection

    _send_money(
        "correct", ApplyCorrection, account, amount, reason=why, key=key, at=at, as_json=as_json
    )


@account_app.command("close")
def account_close(
    account: AccountId, key: Key = None, at: At = None, as_json: JsonFlag = False
) -> None:
    """Close an account that is empty.

    Example: `ledgerlake account close A1`
    """
    from ledger.accounts import CloseAccount

    _send(
        account,
        lambda moment: CloseAccount(at=moment),
        {"command": "close"},
        key=key,
        at=at,
        as_json=as_json,
    )


def _send_money(
    name: str,
    kind: Any,
    account: str,
    amount: str,
    *,
    key: str | None,
    at: str | None,
    as_json: bool,
    hold: str | None = None,
    reason: str | None = None,
) -> None:
    from orchestration.accounts.desk import read_amount

    money = read_amount(amount, name="argument AMOUNT")
    more = {"hold_id": hold, "reason": reason}
    given = {field: value for field, value in more.items() if value is not None}
    _send(
        account,
        lambda moment: kind(at=moment, amount=money, **given),
        {"command": name, "amount": amount, **given},
        key=key,
        at=at,
        as_json=as_json,
        amount=money,
    )


def _send(
    account: str,
    make: "Make",
    body: Mapping[str, Any],
    *,
    key: str | None,
    at: str | None,
    as_json: bool,
    amount: Decimal | None = None,
) -> None:
    from ingestion.journal import Rejected
    from orchestration import settings
    from orchestration.accounts.desk import open_desk

    at_us = None if at is None else instant_us(at, name="--at")
    key = key or secrets.token_hex(16)
    with open_desk(settings.load()) as desk:
        sent = desk.send(account, make, key=key, body=body, at_us=at_us, amount=amount)
    answer = sent.answer
    if isinstance(answer, Rejected):
        _refuse(answer.rejection, key=key, as_json=as_json)
        raise typer.Exit(output.CHECK_FAILED)
    values = {
        **account_report.values(sent.account),
        "version": answer.version,
        "event_ids": answer.event_ids,
        "idempotency_key": key,
        "repeated": answer.repeated,
    }
    output.emit(values, as_json=as_json, human=lambda out: _draw_sent(out, sent, values))


def _refuse(rejection: "Rejection", *, key: str, as_json: bool) -> None:
    """A rule said no: that is an answer, and not a wrong use of the command."""
    if as_json:
        body = {"rejected": rejection.rule, **vars(rejection), "idempotency_key": key}
        output.emit(body, as_json=True, human=lambda _out: None)
    else:
        output.draw_refusal("rejected", rejection.error())


def _draw_sent(out: "Console", sent: "Sent", values: Mapping[str, Any]) -> None:
    done = "Was done before" if sent.answer.repeated else "Done"
    out.print(f"{done}: event {values['version']:,} of account {sent.account.account_id}.")
    out.print(output.pairs(account_report.drawn(account_report.values(sent.account))))
