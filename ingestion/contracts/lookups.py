"""Rows of the lake as their newest contracts have them, with what that takes to look up.

Holds `as_newest`, `frame_as_newest` and `AccountCurrencies`, read from the lake as known at each
event's own commit; dbt's twin is model `int_accounts__openings`. Called by whoever reads events
one by one.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.contracts.registry import Registry, load
from ingestion.contracts.upcast_steps import PREFIX, Add
from ingestion.contracts.upcasting import upcast
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
    if not accounts:
        return AccountCurrencies({})
    log = CommitLog(LocalStore(lake))
    paths = [
        lake / one.path
        for seq in range(until + 1)
        for one in log.read(seq).commit.segments
        if one.family == FAMILY
    ]
    if not paths:
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


def as_newest(lake: Path, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the lake's account or sales segments with the columns of their newest contract.

    They keep their order, payload and `schema_version`. Needs event_type, schema_version,
    account_id and commit_seq of each; only if one is old are openings read.
    """
    known = load()
    old = [one for one in rows if _is_old(known, one)]
    until = max((one["commit_seq"] for one in old), default=-1)
    accounts = {one["account_id"] for one in old if one["account_id"]}
    return list(_newest(known, rows, account_currencies(lake, accounts, until=until)))


def frame_as_newest(lake: Path, events: pl.DataFrame) -> pl.DataFrame:
    """The same of a frame with the canonical columns; one without such events comes back as it is.

    Row by row only where a column is empty that a newer contract fills.
    """
    wanted = _may_be_filled(load())
    old = events.with_row_index("at").filter(wanted) if wanted is not None else events.clear()
    if old.is_empty():
        return events
    filled = pl.DataFrame(as_newest(lake, old.drop("at").to_dicts()), schema=events.schema)
    rest = events.with_row_index("at").join(old.select("at"), on="at", how="anti")
    return pl.concat([rest, filled.insert_column(0, old["at"])]).sort("at").drop("at")


def _may_be_filled(known: Registry) -> pl.Expr | None:
    """Rows of an old version with nothing in a column that a newer one adds."""
    found = [
        (pl.col("event_type") == one.event_type)
        & (pl.col("schema_version") < one.schema_version)
        & pl.col(step.target).is_null()
        for one in known
        for step in one.upcast
        if isinstance(step, Add) and not step.target.startswith(PREFIX)
    ]
    return pl.any_horizontal(found) if found else None


def _newest(
    known: Registry, rows: Sequence[Mapping[str, Any]], currencies: AccountCurrencies
) -> Iterator[dict[str, Any]]:
    for row in rows:
        if not _is_old(known, row):
            yield dict(row)
            continue
        read = upcast(
            known,
            event_type=row["event_type"],
            schema_version=row["schema_version"],
            columns=row,
            payload=row.get("payload", "{}"),
            lookups=currencies.at(row["account_id"], row["commit_seq"]),
        )
        yield dict(read.columns)


def _is_old(known: Registry, row: Mapping[str, Any]) -> bool:
    return int(row["schema_version"]) < max(known.versions(row["event_type"]), default=0)
