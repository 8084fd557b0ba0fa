"""Where a home stands: the lake, the last build, the edition, and how far each is behind.

Reads only. Counts up to the edition come from its marts, later ones from the commit log, so the
cost follows what is new. Called by `ledgerlake status` and `doctor`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb

from ingestion.lake import Commit
from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from ledger.errors import IncorrectInput
from ledger.instants import from_us
from orchestration.home import Home
from orchestration.journal import Standing, standing
from orchestration.publish import edition as editions
from orchestration.publish.current_file import read_pointer
from orchestration.publish.edition import Edition
from orchestration.publish.export import text


@dataclass(frozen=True, kw_only=True)
class LakeState:
    """The newest commit, and how all rows ever received ended."""

    commit_seq: int
    ingest_time: datetime
    events: int
    tree_root: str
    received: int
    accepted: int
    duplicate: int
    quarantined: int


@dataclass(frozen=True, kw_only=True)
class Behind:
    """How far something is behind the lake's head."""

    commits: int
    events: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class EditionState:
    """What readers see. `exceptions_pending` counts late events that wait for a decision."""

    number: int
    commit_seq: int
    known_as_of: datetime
    exceptions_pending: int | None
    behind: Behind
    kept: list[int] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Status:
    """The whole picture; None where there is nothing yet."""

    home: str
    tenant: str
    lake: LakeState
    last_build: dict[str, Any] | None
    edition: EditionState | None
    journal: Standing | None


def read_status(home: Home) -> Status:
    """Where `home` stands. IncorrectInput if it holds no lake."""
    log = CommitLog(LocalStore(home.lake))
    if not log.exists(0):
        raise IncorrectInput(
            "lake_must_exist",
            thing=f"home {home.root}, tenant {home.tenant}",
            expected="a lake",
            found="none",
            remedy="Run `ledgerlake init` first, or set LEDGERLAKE_HOME to the home that has one.",
        )
    pointer = read_pointer(home)
    edition = editions.read(home.editions, pointer.number) if pointer else None
    published = _published_counts(home, edition) if edition else None
    newer, head = _newer(log, edition.commit_seq if edition and published else -1)
    counts = {
        name: (published or {}).get(name, 0) + newer.get(name, 0)
        for name in ("received", "accepted", "duplicate", "quarantined")
    }
    return Status(
        home=str(home.root),
        tenant=home.tenant,
        lake=LakeState(
            commit_seq=head.seq,
            ingest_time=at(head.ingest_time_us),
            events=head.tree_size,
            tree_root=head.tree_root,
            **counts,
        ),
        last_build=read_build_record(home),
        edition=_edition_state(home, edition, head) if edition else None,
        journal=standing(home),
    )


def behind(head: Commit, commit_seq: int, tree_size: int, ingest_time_us: int) -> Behind:
    """How far a state at that commit is behind `head`."""
    return Behind(
        commits=head.seq - commit_seq,
        events=head.tree_size - tree_size,
        seconds=(head.ingest_time_us - ingest_time_us) / 1_000_000,
    )


def head_of(log: CommitLog, *, after: int = -1) -> Commit:
    """The newest commit; `after` is one known to be there, to start looking from."""
    seq = max(after, 0)
    step = 1
    while log.exists(seq + step):
        seq, step = seq + step, step * 2
    while step > 1:
        step //= 2
        if log.exists(seq + step):
            seq += step
    return log.read(seq).commit


def read_build_record(home: Home) -> dict[str, Any] | None:
    """What the last `ledgerlake build` wrote about itself."""
    try:
        record = json.loads(home.build_record.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def at(microseconds: int) -> datetime:
    """An instant from microseconds since 1970-01-01T00:00:00Z."""
    return from_us(microseconds)


def _edition_state(home: Home, edition: Edition, head: Commit) -> EditionState:
    pending = None
    if edition.table("late_event_exceptions"):
        rows = _query(home, "select count(*) from late_event_exceptions where status = 'pending'")
        pending = int(rows[0][0])
    return EditionState(
        number=edition.number,
        commit_seq=edition.commit_seq,
        known_as_of=at(edition.ingest_time_us),
        exceptions_pending=pending,
        behind=behind(head, edition.commit_seq, edition.tree_size, edition.ingest_time_us),
        kept=editions.numbers(home.editions),
    )


def _published_counts(home: Home, edition: Edition) -> dict[str, int] | None:
    """Outcomes up to the edition's cut; None if it has no mart of them."""
    if edition.table("event_outcomes") is None:
        return None
    rows = _query(
        home,
        "select split_part(outcome, '_', 1), sum(event_count)::bigint"
        " from event_outcomes group by 1",
    )
    counts = {str(outcome): int(count) for outcome, count in rows}
    return {**counts, "received": sum(counts.values())}


def _newer(log: CommitLog, after: int) -> tuple[dict[str, int], Commit]:
    """Outcomes of the commits after `after`, and the newest commit."""
    counts: dict[str, int] = {}
    newest: Commit | None = None
    for commit in _commits(log, after):
        newest = commit
        for outcome in commit.outcomes:
            counts[outcome.outcome] = counts.get(outcome.outcome, 0) + outcome.rows
            counts["received"] = counts.get("received", 0) + outcome.rows
    return counts, newest or log.read(max(after, 0)).commit


def _commits(log: CommitLog, after: int) -> Iterator[Commit]:
    return (logged.commit for logged in log.after(after))


def _query(home: Home, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach {text(home.current)} as published (read_only)")
        connection.execute("use published")
        return connection.execute(query).fetchall()
