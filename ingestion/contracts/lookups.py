"""What upcasting looks up beside an event, read from the lake as known at the event's own commit.

Holds `AccountCurrencies`; dbt's twin is model `int_accounts__openings`. Does not upcast.
Called by whoever reads events one by one: the desk, the journal's codecs.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore

FAMILY = "accounts"


@dataclass(frozen=True)
class AccountCurrencies:
    """Account -> (commit, currency) of its first opening that names one."""

    first: Mapping[str, tuple[int, str]]

    def at(self, account_id: str | None, commit_seq: int) -> dict[str, str | None]:
        """The lookups of an event of this account and commit, as `upcasting.upcast` takes them."""
        known_from, currency = self.first.get(account_id or "", (commit_seq + 1, None))
        return {"account_currency": currency if known_from <= commit_seq else None}


def account_currencies(lake: Path, accounts: Collection[str], *, until: int) -> AccountCurrencies:
    """Read from the openings of these accounts in commits up to `until`.

    Cost follows the lake's account segments: ask once for many accounts, and only if an event
    needs it.
    """
    log = CommitLog(LocalStore(lake))
    paths = [
        lake / one.path
        for seq in range(until + 1)
        for one in log.read(seq).commit.segments
        if one.family == FAMILY
    ]
    if not paths or not accounts:
        return AccountCurrencies({})
    openings = (
        pl.scan_parquet(paths, hive_partitioning=False)
        .filter(
            pl.col("event_type") == "AccountOpened",
            pl.col("account_id").is_in(sorted(accounts)),
            pl.col("currency").is_not_null(),
        )
        .sort("row_index")
        .unique("account_id", keep="first", maintain_order=True)
        .select("account_id", "commit_seq", "currency")
        .collect()
    )
    return AccountCurrencies({one[0]: (one[1], one[2]) for one in openings.iter_rows()})
