"""Notices to customers: an outbox of what to tell whom, one per account and replay.

Holds the table `notices` in SQLite, filled once per replay whatever is repeated: a notice is named
after the corrections it tells of. Does not send (a sender takes them by `notice_id`). Called by
`apply` and `ledgerlake interest notices`.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import polars as pl

from orchestration.home import Home
from orchestration.interest.planned import Plan

_SCHEMA = """
create table if not exists notices (
    notice_id text primary key, account_id text not null, period_id text not null,
    replay text not null, body text not null) without rowid
"""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What one account is told. `corrections`: currency, old, new, delta, as decimal text."""

    notice_id: str
    account_id: str
    period_id: str
    replay: str
    corrections: list[dict[str, Any]]


def put(home: Home, plan: Plan, token: str, posted: pl.DataFrame) -> int:
    """Put the notices of a replay's corrections into the outbox; how many were not there yet."""
    home.interest.mkdir(parents=True, exist_ok=True)
    with closing(_open(home)) as db, db:
        before = db.total_changes
        db.executemany(
            "insert or ignore into notices values (?, ?, ?, ?, ?)",
            _rows(plan, token, posted),
        )
        return db.total_changes - before


def read(home: Home, *, period_id: str | None, account: str | None) -> list[Notice]:
    """Notices in the outbox, by account."""
    if not _path(home).exists():
        return []
    with closing(_open(home)) as db:
        found = db.execute(
            "select notice_id, account_id, period_id, replay, body from notices"
            " where coalesce(?, period_id) = period_id and coalesce(?, account_id) = account_id"
            " order by period_id, account_id, notice_id",
            (period_id, account),
        )
        return [
            Notice(
                notice_id=notice_id,
                account_id=account_id,
                period_id=period,
                replay=replay,
                corrections=json.loads(body),
            )
            for notice_id, account_id, period, replay, body in found
        ]


def _rows(plan: Plan, token: str, posted: pl.DataFrame) -> Iterator[tuple[str, ...]]:
    """One row per account, in the order of the table: twice as fast as in another."""
    texts = [
        pl.concat_str(pl.lit(f'"{name}": "'), pl.col(name).cast(pl.String), pl.lit('"'))
        for name in ("currency", "old", "new", "delta")
    ]
    by_account = (
        posted.lazy()
        .select("account_id", "event_id", said=pl.concat_str(texts, separator=", "))
        .group_by("account_id", maintain_order=True)
        .agg(
            ids=pl.col("event_id").str.join("\n"),
            said=pl.col("said").str.join("}, {"),
        )
        .collect()
    )
    ids = [hashlib.sha256(f"interest notice\n{one}".encode()) for one in by_account["ids"]]
    named = by_account.with_columns(
        notice_id=pl.Series([one.hexdigest() for one in ids], dtype=pl.String)
    ).sort("notice_id")
    for account, said, notice_id in named.select("account_id", "said", "notice_id").iter_rows():
        yield notice_id, account, plan.period_id, token, f"[{{{said}}}]"


def _path(home: Home) -> Any:
    return home.interest / "notices.sqlite"


def _open(home: Home) -> sqlite3.Connection:
    db = sqlite3.connect(_path(home), timeout=30)
    db.execute(_SCHEMA)
    return db
