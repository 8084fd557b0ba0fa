"""Snapshots of accounts at the ends of periods: made by dbt, kept as files by bucket, checked.

Holds building, reading and checking. They are derived: whoever finds none, or some made by another
algorithm, folds all events instead. Called by `past` and the snapshot commands.
"""

import hashlib
import json
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from ingestion.account_codec import ACCOUNT_CODEC
from ingestion.contracts import registry
from ledger.accounts import ACCOUNTS, Account
from ledger.accounts.state import DIGEST_FORMAT, Opening
from ledger.errors import IncorrectInput, InternalFault
from orchestration.accounts.lake_events import AccountLake, Span
from orchestration.build import FAILED, Builder, Tell
from orchestration.desk.known import read_known
from orchestration.home import Home
from orchestration.publish.edition import replace_durably
from orchestration.settings import Settings

MODEL = "account_snapshots"
HEADER = "snapshots.json"
ROW_GROUP_ROWS = 2048
"""DuckDB's smallest. One account's rows lie in one or two groups of its bucket: 64 buckets of
2.4 million rows are 18 groups each."""

MakeBuilder = Callable[[Settings], Builder]


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a set of snapshots was made from and by; anything else is refused."""

    lake_id: str
    until_commit: int
    state_format: str
    contracts_sha256: str
    rows: int
    folder: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """An account before `at_us`, as of commit `until_commit`; `last_commit` is that of its newest
    event."""

    account: Account
    at_us: int
    until_commit: int
    last_commit: int
    last_version: int | None
    digest: str
    period_id: str


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """A snapshot that is not what the lake's events add up to."""

    account_id: str
    at_us: int
    expected: str
    found: str


@dataclass(frozen=True, kw_only=True)
class SnapshotsChecked:
    """`wrong` are those that differ, of `rows` that were folded anew."""

    rows: int
    until_commit: int
    wrong: list[Wrong]


def folder_of(home: Home) -> Path:
    """Derived: may be deleted, and is built again."""
    return home.index / MODEL


def contracts_sha256() -> str:
    """Changes with every contract of an account's events, and so with how they are read."""
    family = [one for one in registry.load() if one.family == ACCOUNT_CODEC.family]
    names = sorted(f"{one.event_type}.v{one.schema_version}.toml" for one in family)
    folder = resources.files("ingestion.contracts")
    digest = hashlib.sha256()
    for name in names:
        data = (folder / name).read_bytes()
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def build(
    settings: Settings, *, make_builder: MakeBuilder = Builder, tell: Tell | None = None
) -> Header:
    """Make all snapshots anew from the lake, in a warehouse of their own.

    Killed anywhere, the old ones stand: the header is replaced last.
    """
    home = Home.of(settings)
    known = read_known(home)
    with tempfile.TemporaryDirectory(prefix="ledgerlake-snapshots-") as name:
        apart = _with_lake_only(home, settings, Path(name))
        builder = make_builder(apart)
        for node in builder.make([MODEL], known_as_of_commit=known.commit_seq, tell=tell):
            if node.status in FAILED:
                raise InternalFault(
                    "snapshots_must_be_made",
                    thing=f"model {node.name}",
                    expected="to be made from the lake",
                    found=node.message or node.status,
                    remedy="Repair the model.",
                )
        new = folder_of(home) / f"commit-{known.commit_seq:020d}-{contracts_sha256()[:8]}"
        rows = _export(Home.of(apart).warehouse, new)
    header = Header(
        lake_id=known.lake_id,
        until_commit=known.commit_seq,
        state_format=DIGEST_FORMAT,
        contracts_sha256=contracts_sha256(),
        rows=rows,
        folder=new.name,
    )
    replace_durably(
        folder_of(home) / HEADER, (json.dumps(asdict(header), indent=1) + "\n").encode()
    )
    for old in folder_of(home).iterdir():
        if old.is_dir() and old != new:
            shutil.rmtree(old)
    return header


def _with_lake_only(home: Home, settings: Settings, folder: Path) -> Settings:
    (folder / "lake").mkdir()
    (folder / "lake" / home.tenant).symlink_to(home.lake, target_is_directory=True)
    return settings.model_copy(update={"home": folder})


def _export(warehouse: Path, target: Path) -> int:
    """One sorted file per bucket."""
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute(
            f"copy (from {MODEL} order by account_bucket, account_id, at_us) to '{target}'"
            f" (format parquet, partition_by (account_bucket), row_group_size {ROW_GROUP_ROWS})"
        )
        (rows,) = connection.execute(f"select count(*) from {MODEL}").fetchone() or (0,)
    target.mkdir(exist_ok=True)
    return int(rows)


class Snapshots:
    """The snapshots of one home, open for reading."""

    def __init__(self, home: Home, header: Header) -> None:
        self.header = header
        self._folder = folder_of(home) / header.folder
        self._buckets: dict[int, pl.LazyFrame] = {}

    @classmethod
    def open(cls, home: Home, lake_id: str) -> "Snapshots | None":
        """None if there are none. IncorrectInput for those of another algorithm, contract version
        or lake: they are refused, never misused."""
        try:
            header = Header(**json.loads((folder_of(home) / HEADER).read_bytes()))
        except FileNotFoundError:
            return None
        for rule, expected, found in (
            ("snapshot_must_be_of_this_algorithm", DIGEST_FORMAT, header.state_format),
            (
                "snapshot_must_be_of_these_contracts",
                contracts_sha256(),
                header.contracts_sha256,
            ),
            ("snapshot_must_be_of_this_lake", lake_id, header.lake_id),
        ):
            if expected != found:
                raise IncorrectInput(
                    rule,
                    thing=f"account snapshots in {folder_of(home)}",
                    expected=expected,
                    found=found,
                    remedy="Run `ledgerlake account snapshots build`.",
                )
        return cls(home, header)

    def nearest(self, account_id: str, *, valid_us: int, commit: int) -> Snapshot | None:
        """The latest one with nothing in it from after `valid_us` or not known at the commit."""
        rows = self._bucket_of(account_id)
        if rows is None:
            return None
        known = (pl.col("until_commit") <= commit) | (pl.col("last_commit_seq") <= commit)
        mine = (pl.col("account_id") == account_id) & (pl.col("at_us") - 1 <= valid_us)
        found = rows.filter(mine & known).collect()
        latest = found["at_us"].arg_max()
        return None if latest is None else _snapshot(found.row(latest, named=True))

    def all(self) -> Iterator[list[Snapshot]]:
        """Bucket by bucket, those of an account one after the other, oldest first."""
        for path in sorted(self._folder.rglob("*.parquet")):
            rows = pl.read_parquet(path, hive_partitioning=False).sort("account_id", "at_us")
            yield [_snapshot(row) for row in rows.iter_rows(named=True)]

    def _bucket_of(self, account_id: str) -> pl.LazyFrame | None:
        """Its rows, as yet unread; None if there are none, or a newer set has taken their place."""
        # As macro account_bucket in dbt_project/macros/deltas/figures.sql.
        digest = hashlib.md5(account_id.encode(), usedforsecurity=False).digest()
        bucket = int.from_bytes(digest[8:], "little") % 64
        files = sorted(self._folder.glob(f"account_bucket={bucket}/*.parquet"))
        if files and bucket not in self._buckets:
            self._buckets[bucket] = pl.scan_parquet(files, hive_partitioning=False)
        return self._buckets[bucket] if files else None


def _snapshot(row: Mapping[str, Any]) -> Snapshot:
    opening = None
    if row["opened_us"] is not None:
        opening = Opening(
            opened_us=row["opened_us"],
            currency=row["currency"],
            overdraft_limit=row["overdraft_limit"],
        )
    account = Account(
        account_id=row["account_id"],
        opening=opening,
        closed_us=row["closed_us"],
        balances=_amounts(row["balances"]),
        holds=_amounts(row["holds"]),
        refundable=_amounts(row["refundable"]),
        event_count=row["event_count"],
    )
    if account.digest != row["digest"] or row["state_format"] != DIGEST_FORMAT:
        raise InternalFault(
            "snapshot_must_have_its_digest",
            thing=f"snapshot of account {account.account_id} at {row['at_us']}",
            expected=f"{row['state_format']} {row['digest']}",
            found=f"{DIGEST_FORMAT} {account.digest}",
            remedy="Run `ledgerlake account snapshots build`.",
        )
    return Snapshot(
        account=account,
        at_us=row["at_us"],
        until_commit=row["until_commit"],
        last_commit=row["last_commit_seq"],
        last_version=row["last_version"],
        digest=row["digest"],
        period_id=row["period_id"],
    )


def _amounts(value: Mapping[str, Decimal] | None) -> dict[str, Decimal]:
    return dict(value or {})


def check(home: Home) -> SnapshotsChecked:
    """Fold the events of every snapshot anew and compare digests.

    IncorrectInput if there are none or they are refused.
    """
    known = read_known(home)
    snapshots = Snapshots.open(home, known.lake_id)
    if snapshots is None:
        raise IncorrectInput(
            "snapshots_must_be_there",
            thing=f"account snapshots in {folder_of(home)}",
            expected="snapshots",
            found="none",
            remedy="Run `ledgerlake account snapshots build`.",
        )
    lake = AccountLake(home.lake)
    lake.refresh()
    rows, wrong = 0, list[Wrong]()
    for bucket in snapshots.all():
        rows += len(bucket)
        wrong += _wrong(lake, bucket, until_commit=snapshots.header.until_commit)
    return SnapshotsChecked(rows=rows, until_commit=snapshots.header.until_commit, wrong=wrong)


def _wrong(lake: AccountLake, bucket: list[Snapshot], *, until_commit: int) -> Iterator[Wrong]:
    """Order does not matter (see `ledger.accounts.state`), so each event is folded once."""
    span = Span(valid_us=max(one.at_us for one in bucket) - 1, commit=until_commit)
    events = lake.events_of({one.account.account_id for one in bucket}, span)
    for account_id, snapshots in groupby(bucket, key=lambda one: one.account.account_id):
        waiting = deque(sorted(events[account_id], key=lambda one: one.event_time_us))
        state = ACCOUNTS.initial(account_id)
        for one in snapshots:
            while waiting and waiting[0].event_time_us < one.at_us:
                state = ACCOUNTS.evolve(state, waiting.popleft())
            if state.digest != one.digest:
                yield Wrong(
                    account_id=account_id,
                    at_us=one.at_us,
                    expected=state.digest,
                    found=one.digest,
                )
