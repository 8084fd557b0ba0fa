"""One account's interest day by day: balance, what it earned, and the sum, by the pure algorithm.

The same figures as the SQL engine's, computed the other way. Called by `ledgerlake interest
explain`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ledger.errors import IncorrectInput
from ledger.interest import algorithms
from ledger.interest.accrual import accrue, period_rates
from orchestration.desk.known import read_known
from orchestration.home import Home
from orchestration.interest.balances import MOVEMENTS, open_balances
from orchestration.interest.posted import read_posted
from orchestration.queries.edition_reader import EditionRead
from orchestration.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Explained:
    """`days` of each currency: day, balance at its beginning, and interest by algorithm."""

    edition: EditionRead
    account: str
    period_id: str
    totals: list[dict[str, Any]]
    days: list[dict[str, Any]]


def explain(settings: Settings, period_id: str, account: str, names: Sequence[str]) -> Explained:
    """What the account earns in the period under each of the algorithms, and what was posted."""
    home = Home.of(settings)
    period = read_known(home).books.calendar.get(period_id)
    chosen = [algorithms.get(name) for name in names]
    with open_balances(settings, period, account=account) as balances:
        read_posted(balances.connection, home, period)
        posted = dict(
            balances.connection.execute(
                "select currency, amount from posted where account_id = ?", [account]
            ).fetchall()
        )
        found = balances.connection.execute(
            f"select * exclude (account_id) from {MOVEMENTS} order by currency"
        ).fetchall()
        edition = balances.edition
    if not found:
        raise IncorrectInput(
            "account_must_have_a_balance",
            thing=f"account {account!r} in {period_id}",
            expected="a movement before the period's last day",
            found=f"none in edition {edition.number}",
        )
    totals, days = [], []
    for currency, *moves in found:
        total: dict[str, Any] = {"currency": currency, "posted_amount": posted.get(currency)}
        opening = _running(moves)
        rows: list[dict[str, Any]] = []
        for one in chosen:
            made = accrue(period_rates(one, currency, period.first_date, period.end_date), opening)
            total[f"amount_{one.name}"] = made.amount
            for number, day in enumerate(made.days):
                if len(rows) == number:
                    balance = opening[number]
                    rows.append({"currency": currency, "day": day.day, "balance": balance})
                rows[number][f"interest_{one.name}"] = day.interest
        totals.append(total)
        days += rows
    return Explained(
        edition=edition, account=account, period_id=period_id, totals=totals, days=days
    )


def _running(moves: Sequence[int]) -> list[Decimal]:
    """Balances at the beginning of each day, from 1/10000 moved."""
    balances, at = [], 0
    for one in moves:
        at += int(one)
        balances.append(Decimal(f"{at}E-4"))
    return balances
