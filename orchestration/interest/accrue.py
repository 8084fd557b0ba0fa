"""Accruing: the interest of a period, one event per account and currency, each posted once.

A run that broke off is run again: what the lake has of it is left alone. Does not change what was
posted before (`replay` does). Called by `ledgerlake interest accrue`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from ledger.books import Books
from ledger.calendar import Period
from ledger.errors import IncorrectInput
from ledger.interest import algorithms
from ledger.interest.algorithms import Algorithm
from ledger.periods import BeforeFirstClose, Closed, name_of
from ledger.routing import Arrival
from orchestration.close.signing import When
from orchestration.desk.known import read_known
from orchestration.home import Home
from orchestration.interest import amounts, engine, posting
from orchestration.interest.balances import MOVEMENTS, Balances, open_balances, posted_at_us
from orchestration.interest.posted import POSTED, SOURCE, Posted, read_posted
from orchestration.interest.posting import Posting, Progress, Step
from orchestration.locks import exclusive
from orchestration.settings import Settings

EVENT_TYPE = "InterestAccrued"


@dataclass(frozen=True, kw_only=True)
class Accrued:
    """What a run posted, and what stood already. `goes_to_people`: why it is an exception."""

    period_id: str
    algorithm: str
    known_as_of_commit: int
    balances: int
    posted: int
    posted_before: int
    without_rates: int
    first_commit: int | None
    last_commit: int | None
    goes_to_people: str | None
    sums: Sequence[Mapping[str, Any]]


def accrue(
    settings: Settings,
    period_id: str,
    algorithm_name: str,
    *,
    when: When,
    progress: Progress = lambda _done, _total: None,
    step: Step = lambda _name: None,
) -> Accrued:
    """Post the interest of a period to every account that has none of it yet.

    IncorrectInput when the period is not over, is closed, or was accrued by another algorithm.
    """
    home = Home.of(settings)
    algorithm = algorithms.get(algorithm_name)
    known = read_known(home)
    period = known.books.calendar.get(period_id)
    _require_over(period, when)
    _require_not_closed(known.books, period)
    with (
        exclusive(home.interest_lock, doing=f"interest accrue {period_id}"),
        open_balances(settings, period) as balances,
    ):
        posted = read_posted(balances.connection, home, period)
        _require_same_algorithm(period, algorithm, posted)
        rows = _rows(balances, period, algorithm)
        ids = "\n".join(rows["event_id"]).encode()
        made = Posting(
            run_id=f"accrual-{hashlib.sha256(ids).hexdigest()[:32]}",
            event_type=EVENT_TYPE,
            period=period,
            rows=rows,
        )
        lake = posting.open_lake(home, step)
        try:
            done = posting.post(lake, made, when=when, progress=progress)
        finally:
            lake.close()
        return Accrued(
            period_id=period_id,
            algorithm=algorithm.name,
            known_as_of_commit=balances.edition.commit_seq,
            balances=balances.accounts,
            posted=done.posted,
            posted_before=posted.accruals,
            without_rates=_without_rates(balances.connection),
            first_commit=done.first_commit,
            last_commit=done.last_commit,
            goes_to_people=reason_for_people(known.books, period, when) if done.posted else None,
            sums=_sums(rows),
        )


def reason_for_people(books: Books, period: Period, when: When) -> str | None:
    """Why interest of this period, posted now, would be an exception; None: it is booked."""
    arrival = Arrival(
        event_id="",
        row_index=-1,
        commit_seq=books.commit_seq + 1,
        event_time_us=posted_at_us(period),
        ingest_time_us=when.now_us,
        source=SOURCE,
        store_id=None,
        amount=None,
    )
    return books.route(arrival).reason


def _rows(balances: Balances, period: Period, algorithm: Algorithm) -> pl.DataFrame:
    """The events to post: interest that is not 0, of accounts that have none of the period."""
    work = engine.Work(
        variants=[algorithm],
        first=period.first_date,
        end=period.end_date,
        movements=MOVEMENTS,
    )
    connection = balances.connection
    engine.compute(connection, work, into="computed")
    amounts.load_minor_units(connection, [algorithm])
    payload = json.dumps(
        {
            "algorithm": algorithm.name,
            "algorithm_sha256": algorithm.sha256,
            "known_as_of_commit": balances.edition.commit_seq,
            "period_id": period.period_id,
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    name = amounts.event_id(("accrued", algorithm.name, period.period_id), "currency", "account_id")
    return connection.execute(
        f"""
        select
            {name} as event_id,
            account_id,
            currency,
            {amounts.as_amount("v0")} as amount,
            $payload as payload
        from computed
        inner join {amounts.MINOR_UNITS} using (currency)
        anti join {POSTED} using (account_id, currency)
        where v0 <> 0
        order by account_id, currency
        """,
        {"payload": payload},
    ).pl()


def _without_rates(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute(
        f"select count(*) from {MOVEMENTS} anti join computed using (account_id, currency)"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _sums(rows: pl.DataFrame) -> list[dict[str, Any]]:
    return (
        rows.group_by("currency")
        .agg(accounts=pl.len(), amount=pl.col("amount").sum())
        .sort("currency")
        .to_dicts()
    )


def _require_over(period: Period, when: When) -> None:
    if when.now_us <= posted_at_us(period):
        raise IncorrectInput(
            "period_must_be_over",
            thing=f"interest of {period.period_id}",
            expected=f"a period that ended: this one ends with {period.end_date}, exclusive, UTC",
            found="one that still runs",
            remedy="Accrue it once its last day is over.",
        )


def _require_not_closed(books: Books, period: Period) -> None:
    state = books.state_at(period, books.commit_seq)
    if isinstance(state, Closed | BeforeFirstClose):
        raise IncorrectInput(
            "posting_date_must_be_in_an_open_period",
            thing=f"interest of {period.period_id}",
            expected="a period that is not closed",
            found=f"{period.period_id} {name_of(state)}",
            remedy="What a closed period should have earned is a correction: `ledgerlake replay"
            f" interest --from v1 --to v2 --period {period.period_id}`.",
        )


def _require_same_algorithm(period: Period, algorithm: Algorithm, posted: Posted) -> None:
    others = [one for one in posted.algorithms if one != algorithm.name]
    if others:
        raise IncorrectInput(
            "period_must_be_accrued_by_one_algorithm",
            thing=f"interest of {period.period_id}",
            expected=f"--algorithm {others[0]}, as {posted.accruals:,} accounts had before",
            found=algorithm.name,
            remedy="To put it right: ledgerlake replay interest"
            f" --from {others[0]} --to {algorithm.name} --period {period.period_id}",
        )
