"""What every account held on each day of a period, from the published edition.

Holds the reading, and the refusal of an edition that does not know all of it. A deposit that was
dated back is in it on its own day. Does not compute interest. Called by `accrue` and `replay`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from ledger.calendar import Period
from ledger.errors import IncorrectInput
from ledger.instants import to_us
from orchestration.home import Home
from orchestration.queries.edition_reader import EditionRead, open_edition
from orchestration.settings import Settings

MOVEMENTS = "movements"
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Balances:
    """A connection whose temporary table `movements` is what `engine.Work` asks for."""

    edition: EditionRead
    connection: duckdb.DuckDBPyConnection
    accounts: int


def posted_at_us(period: Period) -> int:
    """When a period's interest is posted: its last microsecond, UTC. It earns from the next
    period on, so that computing a period again never sees what was posted for it."""
    end = datetime.combine(period.end_date, datetime.min.time(), tzinfo=UTC)
    return to_us(end) - 1


@contextmanager
def open_balances(
    settings: Settings, period: Period, *, account: str | None = None
) -> Iterator[Balances]:
    """Balances of all accounts, or of one, as the edition knows them.

    IncorrectInput if there is no edition, or the lake has learned of movements since.
    """
    home = Home.of(settings)
    with open_edition(home) as reader:
        require_all_known(home, reader.edition.commit_seq, period)
        connection = reader.connection
        connection.execute(f"set memory_limit = '{settings.duckdb.memory_limit}'")
        connection.execute(f"set threads = {settings.threads}")
        connection.execute(_movements(period), {"account": account})
        row = connection.execute(f"select count(*) from {MOVEMENTS}").fetchone()
        assert row is not None
        yield Balances(edition=reader.edition, connection=connection, accounts=int(row[0]))


def _movements(period: Period) -> str:
    """d1: what lay there when the first day began; d2: what that day added; and so on."""
    days = (period.end_date - period.first_date).days
    columns = ", ".join(
        f"sum(if(slot = {slot}, units, 0)) as d{slot}" for slot in range(1, days + 1)
    )
    return f"""
        create or replace temp table {MOVEMENTS} as
        with moved as (
            select
                account_id,
                currency,
                greatest(date_diff('day', date '{period.first_date}', business_date) + 2, 1)
                    as slot,
                cast(delta_amount * 10000 as hugeint) as units
            from account_balance_versions
            where
                business_date < date '{period.end_date - _DAY}'
                and ($account is null or account_id = $account)
        )

        select account_id, currency, {columns}
        from moved
        group by account_id, currency
    """


def require_all_known(home: Home, known_commit: int, period: Period) -> None:
    """No newer commit may hold a movement that could lie before the period's last one."""
    until_us = posted_at_us(period)
    for logged in CommitLog(LocalStore(home.lake)).after(known_commit):
        for one in logged.commit.segments:
            if one.family == "accounts" and one.min_event_time_us < until_us:
                raise IncorrectInput(
                    "edition_must_know_all_movements",
                    thing=f"interest of {period.period_id}",
                    expected="balances that know every movement until its last day",
                    found=f"an edition that ends at commit {known_commit}, and movements in"
                    f" commit {logged.commit.seq}",
                    remedy="Run `ledgerlake build --publish`, then this again.",
                )
