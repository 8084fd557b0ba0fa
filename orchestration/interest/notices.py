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
    shown = posted.select("account_id", "currency", "old", "new", "delta", "event_id")
    by_account: dict[str, list[tuple[Any, ...]]] = {}
    for row in shown.iter_rows():
        by_account.setdefault(row[0], []).append(row[1:])
    for account, corrections in by_account.items():
        ids = "\n".join(sorted(one[-1] for one in corrections))
        body = json.dumps(
            [
                {"currency": currency, "old": str(old), "new": str(new), "delta": str(delta)}
                for currency, old, new, delta, _ in corrections
            ]
        )
        notice_id = hashlib.sha256(f"interest notice\n{ids}".encode()).hexdigest()
        yield notice_id, account, plan.period_id, token, body


def _path(home: Home) -> Any:
    return home.interest / "notices.sqlite"


def _open(home: Home) -> sqlite3.Connection:
    db = sqlite3.connect(_path(home), timeout=30)
    db.execute(_SCHEMA)
    return db
