"""Accounts between their decider, the journal and the lake: the forms of events and states.

Holds `ACCOUNT_CODEC`. Holds no rule. Reads rows of every source leniently, as facts are facts; what
it writes obeys the contracts. Called by the journal's handler and by folding.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from ingestion.contracts import registry
from ingestion.journal import NewEvent
from ledger import accounts
from ledger.accounts import ACCOUNTS, Account, AccountDecider, AccountEvent
from ledger.accounts.state import STATE_FORMAT, Opening
from ledger.control_events import canonical_json

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PLACES: Final = Decimal("0.0001")
_NUMBER: Final = re.compile(r"-?[0-9]{1,14}(\.[0-9]+)?")
"""What contracts call a decimal."""
UNKNOWN_CURRENCY: Final = "XXX"
"""ISO 4217 for "no currency": money of unknown kind is never added to money of a known one."""


class AccountCodec:
    """The `Codec` of accounts."""

    decider: AccountDecider = ACCOUNTS
    family = "accounts"
    state_format = STATE_FORMAT
    event_types = frozenset(_type.__name__ for _type in accounts.EVENTS)

    def to_new_event(self, event: AccountEvent, *, event_id: str) -> NewEvent:
        event_type = type(event).__name__
        columns: dict[str, object] = {"account_id": event.account_id}
        payload: dict[str, str] = {}
        for name, value in vars(event).items():
            if name == "currency" or (name == "amount" and not isinstance(event, _HOLDING)):
                columns[name] = value
            elif name not in ("account_id", "event_time_us"):
                payload[name] = f"{value:f}" if isinstance(value, Decimal) else value
        return NewEvent(
            event_id=event_id,
            event_type=event_type,
            schema_version=_newest(event_type),
            event_time_us=event.event_time_us,
            columns=columns,
            payload=canonical_json(payload).encode(),
        )

    def from_row(self, row: Mapping[str, Any]) -> AccountEvent:
        kind, read = _KINDS[row["event_type"]]
        at_us = (row["event_time"] - _EPOCH) // _MICROSECOND
        return kind(account_id=row["account_id"], event_time_us=at_us, **read(row))

    def state_to_bytes(self, state: Account) -> bytes:
        opening = state.opening
        values = {
            "account_id": state.account_id,
            "opening": opening
            and [opening.opened_us, opening.currency, _text(opening.overdraft_limit)],
            "closed_us": state.closed_us,
            "balances": _texts(state.balances),
            "holds": _texts(state.holds),
            "refundable": _texts(state.refundable),
            "event_count": state.event_count,
        }
        return canonical_json(values).encode()

    def state_from_bytes(self, data: bytes) -> Account:
        values = json.loads(data)
        opening = values.pop("opening")
        if opening is not None:
            opened_us, currency, limit = opening
            opening = Opening(
                opened_us=opened_us, currency=currency, overdraft_limit=Decimal(limit)
            )
        for name in ("balances", "holds", "refundable"):
            values[name] = {key: Decimal(text) for key, text in values[name].items()}
        return Account(opening=opening, **values)


ACCOUNT_CODEC: Final = AccountCodec()

_HOLDING: Final = (accounts.FundsReserved, accounts.FundsReleased)
"""Their amount moves no balance, so it is the payload's (see their contracts)."""


def _newest(event_type: str) -> int:
    return registry.load().versions(event_type)[-1]


def _text(amount: Decimal) -> str:
    return f"{amount:.4f}"


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {key: _text(amount) for key, amount in amounts.items()}


def _opened(row: Mapping[str, Any]) -> dict[str, Any]:
    limit = _number(_fields(row).get("overdraft_limit"))
    return {"currency": row["currency"], "overdraft_limit": limit}


def _money(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"currency": row["currency"] or UNKNOWN_CURRENCY, "amount": row["amount"]}


def _corrected(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**_money(row), "reason": str(_fields(row).get("reason", ""))}


def _holding(row: Mapping[str, Any]) -> dict[str, Any]:
    fields = _fields(row)
    held = {"amount": _number(fields["amount"]), "hold_id": str(fields["hold_id"])}
    return {**_money(row), **held}


def _captured(row: Mapping[str, Any]) -> dict[str, Any]:
    fields = _fields(row)
    held = {"released": _number(fields["released"]), "hold_id": str(fields["hold_id"])}
    return {**_money(row), **held}


def _refunded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**_money(row), "hold_id": str(_fields(row)["hold_id"])}


def _closed(_row: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _fields(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The payload's fields; none where it is not an object. Numbers stay text."""
    try:
        found = json.loads(row["payload"], parse_float=str, parse_int=str)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: object) -> Decimal:
    """A decimal with the lake's 4 places. What is none counts as 0: an opening of before
    overdrafts were known may hold anything under that name."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value).quantize(_PLACES, ROUND_HALF_UP)
    return Decimal(0)


_Read = Callable[[Mapping[str, Any]], dict[str, Any]]
_KINDS: Final[Mapping[str, tuple[type[AccountEvent], _Read]]] = {
    "AccountOpened": (accounts.AccountOpened, _opened),
    "FundsDeposited": (accounts.FundsDeposited, _money),
    "FundsWithdrawn": (accounts.FundsWithdrawn, _money),
    "FundsReserved": (accounts.FundsReserved, _holding),
    "FundsReleased": (accounts.FundsReleased, _holding),
    "FundsCaptured": (accounts.FundsCaptured, _captured),
    "FundsRefunded": (accounts.FundsRefunded, _refunded),
    "InterestAccrued": (accounts.InterestAccrued, _money),
    "CorrectionApplied": (accounts.CorrectionApplied, _corrected),
    "AccountClosed": (accounts.AccountClosed, _closed),
}
