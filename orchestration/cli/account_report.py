"""How an account is told and drawn.

Holds the forms that commands about accounts share. Called by `accounts` and `account_views`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ledger.accounts import Account

AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Id of the account.")]


def values(state: "Account") -> dict[str, Any]:
    """An account as commands tell it."""
    from ledger.currency import as_written

    opening = state.opening
    return {
        "account_id": state.account_id,
        "status": state.status,
        "currency": state.currency,
        "balance": _money(state, state.balance),
        "held": _money(state, state.held),
        "available": _money(state, state.available),
        "overdraft_limit": _money(state, opening.overdraft_limit if opening else Decimal(0)),
        "holds": {key: _money(state, one) for key, one in sorted(state.holds.items())},
        "refundable": {key: _money(state, one) for key, one in sorted(state.refundable.items())},
        "other_balances": {
            code: as_written(one, code)
            for code, one in sorted(state.balances.items())
            if code != state.currency
        },
    }


def _money(state: "Account", amount: Decimal) -> Decimal:
    from ledger.currency import as_written

    return as_written(amount, state.currency)


def drawn(found: Mapping[str, Any]) -> dict[str, Any]:
    """One value per line; amounts by hold or currency as `id: amount`."""
    lines: dict[str, Any] = {}
    for name, value in found.items():
        parts = value.items() if isinstance(value, Mapping) else ()
        text = ", ".join(f"{key}: {_text(one)}" for key, one in parts) if parts else _text(value)
        if text not in (None, "", {}):
            lines[name] = text
    return lines


def _text(value: Any) -> Any:
    """Amounts with the decimals they have, instants to the microsecond: what tables would cut."""
    from orchestration.cli import output

    if isinstance(value, datetime):
        return output.instant(value)
    return f"{value:,}" if isinstance(value, Decimal) else value
