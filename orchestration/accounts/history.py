"""What happened to an account, as it was told: the lake's events, then those still in the journal.

Holds `history`. Called by `ledgerlake account history`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ingestion.account_codec import ACCOUNT_CODEC
from ingestion.journal import PARTITION, SOURCE, Journal, rows
from ingestion.lake import Lake
from ledger.accounts import ACCOUNTS
from ledger.currency import as_written
from orchestration.accounts.lake_events import AccountLake
from orchestration.home import Home

_AT_ONCE = 10_000


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event, and the account after it. `known_from` None: not in the lake yet. Amounts have the
    decimals of their currency's minor unit."""

    event_type: str
    event_time: datetime
    known_from: datetime | None
    currency: str | None
    amount: Decimal | None
    hold_id: str | None
    reason: str | None
    source: str
    event_id: str
    balance: Decimal
    held: Decimal


def history(home: Home, lake: Lake, journal: Journal, account_id: str) -> list[Told]:
    """Oldest told first; none for an account nobody told of."""
    known = AccountLake(home.lake)
    known.refresh()
    state = ACCOUNTS.initial(account_id)
    told = []
    pending = _pending(lake, journal, account_id)
    for row in (*known.rows(account_id), *pending):
        event = ACCOUNT_CODEC.from_row(row)
        state = ACCOUNTS.evolve(state, event)
        currency, amount = getattr(event, "currency", None), getattr(event, "amount", None)
        told.append(
            Told(
                event_type=row["event_type"],
                event_time=row["event_time"],
                known_from=row.get("ingest_time"),
                currency=currency,
                amount=None if amount is None else as_written(amount, currency or state.currency),
                hold_id=getattr(event, "hold_id", None),
                reason=getattr(event, "reason", None),
                source=row["source"],
                event_id=row["event_id"],
                balance=as_written(state.balance, state.currency),
                held=as_written(state.held, state.currency),
            )
        )
    return told


def _pending(lake: Lake, journal: Journal, account_id: str) -> Iterator[Mapping[str, Any]]:
    """The account's events that are not drained yet."""
    at = lake.next_offset(SOURCE, PARTITION)
    while events := journal.pending(at, _AT_ONCE):
        mine = [one for one in events if one.stream_id == account_id]
        if mine:
            yield from rows.as_rows(rows.as_frame(mine))
        at = events[-1].position + 1
