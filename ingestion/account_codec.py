"""Accounts between their decider, the journal and the lake: the forms of events and states.

Holds `ACCOUNT_CODEC`. Holds no rule. Reads rows of every source leniently, as facts are facts; what
it writes obeys the contracts. Called by the journal's handler and by folding.
"""

import json
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from ingestion.contracts import registry
from ingestion.journal import NewEvent
from ledger import accounts
from ledger.accounts import ACCOUNTS, Account, AccountDecider, AccountEvent
from ledger.accounts.state import STATE_FORMAT, Opening
from ledger.control_events import canonical_json
from ledger.instants import to_us

_PLACES: Final = Decimal("0.0001")
_PAYLOAD: Final = json.JSONDecoder(parse_float=str, parse_int=str)
_NUMBER: Final = re.compile(r"-?[0-9]{1,14}(\.[0-9]+)?")
"""What contracts call a decimal."""
UNKNOWN_CURRENCY: Final = "XXX"
"""ISO 4217 for "no currency": money of unknown kind is never added to money of a known one."""


class AccountCodec:
    """The `Codec` of accounts."""

    decider: AccountDecider = ACCOUNTS
    family = "accounts"
    state_format = STATE_FORMAT
    event_types = frozenset(kind.__name__ for kind in accounts.EVENTS)

    def due_us(self, _state: Account) -> None:
        """Nothing happens to an account but by commands."""

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
        at_us = to_us(row["event_time"])
        return event_of(
            row["event_type"],
            row["account_id"],
            at_us,
            currency=row["currency"],
            amount=row["amount"],
            payload=row["payload"],
        )

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
            "recent": state.recent,
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
        values["recent"] = {
            currency: {int(day): change for day, change in days.items()}
            for currency, days in values["recent"].items()
        }
        return Account(opening=opening, **values)


ACCOUNT_CODEC: Final = AccountCodec()

KINDS: Final[Mapping[str, type[AccountEvent]]] = {kind.__name__: kind for kind in accounts.EVENTS}
"""Event type -> class."""
_HOLDING: Final = (accounts.FundsReserved, accounts.FundsReleased)
"""Their amount moves no balance, so it is the payload's (see their contracts)."""
_WITH_PAYLOAD: Final = frozenset(
    {*_HOLDING, accounts.FundsCaptured, accounts.FundsRefunded, accounts.CorrectionApplied}
)
_MONEY_ONLY: Final = frozenset(
    {accounts.FundsDeposited, accounts.FundsWithdrawn, accounts.InterestAccrued}
)
"""Most events; a replay is as fast as these are made."""


def _newest(event_type: str) -> int:
    return registry.load().versions(event_type)[-1]


def _text(amount: Decimal) -> str:
    return f"{amount:.4f}"


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {key: _text(amount) for key, amount in amounts.items()}


def event_of(
    event_type: str,
    account_id: str,
    event_time_us: int,
    *,
    currency: str | None,
    amount: Decimal | None,
    payload: str,
) -> AccountEvent:
    """The event of these columns of a row."""
    kind: Any = KINDS[event_type]
    event: AccountEvent
    if kind in _MONEY_ONLY:
        event = kind(
            account_id=account_id,
            event_time_us=event_time_us,
            currency=currency or UNKNOWN_CURRENCY,
            amount=amount,
        )
        return event
    values: dict[str, Any] = {"account_id": account_id, "event_time_us": event_time_us}
    if kind in _WITH_PAYLOAD:
        values |= {"currency": currency or UNKNOWN_CURRENCY, "amount": amount}
        values |= _of_payload(kind, _fields(payload))
    elif kind is accounts.AccountOpened:
        limit = _number(_fields(payload).get("overdraft_limit"))
        values |= {"currency": currency, "overdraft_limit": limit}
    event = kind(**values)
    return event


def _of_payload(kind: type[AccountEvent], fields: Mapping[str, Any]) -> dict[str, Any]:
    if kind is accounts.CorrectionApplied:
        return {"reason": str(fields.get("reason", ""))}
    values: dict[str, Any] = {"hold_id": str(fields["hold_id"])}
    if kind in _HOLDING:
        values["amount"] = _number(fields["amount"])
    if kind is accounts.FundsCaptured:
        values["released"] = _number(fields["released"])
    return values


def _fields(payload: str) -> Mapping[str, Any]:
    """The payload's fields; none where it is not an object. Numbers stay text."""
    text = payload.strip(" \t\n\r")
    try:
        found, end = _PAYLOAD.raw_decode(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and end == len(text) else {}


def _number(value: object) -> Decimal:
    """A decimal with the lake's 4 places. What is none counts as 0: an opening of before
    overdrafts were known may hold anything under that name."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value).quantize(_PLACES, ROUND_HALF_UP)
    return Decimal(0)
