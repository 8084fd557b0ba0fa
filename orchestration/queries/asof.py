"""Figures as known at a moment: sales of stores and days, the balance of an account on a day.

Always both times: what the figure is about and when it was known. Does not hold balances at an
instant (`balance_at`). Called by `ledgerlake asof`.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from orchestration.home import Home
from orchestration.queries.edition_reader import EditionRead, EditionReader, open_edition

_SALES = """
select store_id, category, channel, currency, business_date, amount, quantity, event_count,
    reported_amount, correction_amount, correction_count, known_from
from daily_sales_as_of($last, $known_as_of, valid_from := $first)
where $store is null or store_id = $store
order by business_date, store_id, category, channel, currency
"""
_BALANCE = """
select account_id, currency, balance, event_count, last_business_date, known_from
from account_balance_as_of($account, $valid_as_of, $known_as_of) order by currency
"""


@dataclass(frozen=True, kw_only=True)
class SalesAsOf:
    """Sales of [first, last] as known at `known_as_of`, and their sums per currency."""

    edition: EditionRead
    store: str | None
    first: date
    last: date
    known_as_of: datetime
    totals: list[dict[str, Any]]
    cells: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class BalanceAsOf:
    """An account's balances at the end of business day `valid_as_of` as known at `known_as_of`, one
    row per currency, from the edition."""

    edition: EditionRead
    account: str
    valid_as_of: date
    valid_as_of_is: Literal["day"] = field(default="day", init=False)
    known_as_of: datetime
    balances: list[dict[str, Any]]


def sales_as_of(
    home: Home, *, store: str | None, first: date, last: date, known_as_of: datetime
) -> SalesAsOf:
    """Sales of a store, or of all, on the business dates [first, last]."""
    with open_edition(home) as reader:
        cells = _ask_sales(reader, store, first, last, known_as_of)
        return SalesAsOf(
            edition=reader.edition,
            store=store,
            first=first,
            last=last,
            known_as_of=known_as_of,
            totals=_totals(cells),
            cells=cells,
        )


def balance_as_of(
    home: Home, *, account: str, valid_as_of: date, known_as_of: datetime
) -> BalanceAsOf:
    """The balance of an account at the end of a day."""
    with open_edition(home) as reader:
        arguments = {"account": account, "valid_as_of": valid_as_of, "known_as_of": known_as_of}
        return BalanceAsOf(
            edition=reader.edition,
            account=account,
            valid_as_of=valid_as_of,
            known_as_of=known_as_of,
            balances=reader.rows(_BALANCE, arguments),
        )


def _ask_sales(
    reader: EditionReader, store: str | None, first: date, last: date, known_as_of: datetime
) -> list[dict[str, Any]]:
    arguments = {"first": first, "last": last, "store": store, "known_as_of": known_as_of}
    return reader.rows(_SALES, arguments)


def _totals(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    totals: dict[str, dict[str, Any]] = {}
    for one in cells:
        nothing = {"currency": one["currency"], "amount": Decimal(0), "quantity": Decimal(0)}
        total = totals.setdefault(one["currency"], {**nothing, "event_count": 0})
        for name in ("amount", "quantity", "event_count"):
            total[name] += one[name]
    return [totals[currency] for currency in sorted(totals)]
