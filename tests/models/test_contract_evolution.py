"""Deposits of three versions at once, from producers old and new: no stop, no rewrite, right marts.

The lake is filled from files through the contracts, built in steps; what must come out is computed
here in Python, event by event.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from ingestion import contracts
from ingestion.contracts.lookups import account_currencies
from ingestion.contracts.upcasting import upcast
from orchestration.close.lake_totals import sum_lake
from orchestration.desk.late_events import read_late_events
from tests.ingest.given import batch_of
from tests.models.warehouse import Tables, Warehouse, open_warehouse

START = datetime(2025, 3, 10, 9, tzinfo=UTC)
LATE = timedelta(days=30)
"""Past the allowed window: such a deposit goes to people."""

HEAD = """
mapping = 1
source = "{source}"
format = "jsonl"
[event]
type = "{type}"
version = {version}
id = {{ column = "id" }}
time = {{ column = "at" }}
account_id = {{ column = "account" }}
"""
AMOUNT = '[columns]\namount = "decimal"\n'
OLD = 'amount = { column = "amount" }\n'
NEW = OLD + 'currency = { column = "currency" }\n'
MAPPINGS = {
    0: HEAD.format(source="branch", type="AccountOpened", version=1)
    + 'currency = { column = "currency" }\n',
    1: HEAD.format(source="terminal", type="FundsDeposited", version=1) + OLD,
    2: HEAD.format(source="web", type="FundsDeposited", version=2) + NEW,
    3: HEAD.format(source="app", type="FundsDeposited", version=3) + NEW,
}
"""By version of the deposit; 0 is the opening of an account."""


@dataclass
class Bank:
    """`arrive` commits rows of one producer; `balances` is what the marts must then say."""

    made: Warehouse
    folder: Path
    number: int = 0
    openings: dict[str, str] = field(default_factory=dict)
    balances: dict[tuple[str, str], Decimal] = field(
        default_factory=lambda: defaultdict(lambda: Decimal(0))
    )

    def arrive(self, version: int, *rows: dict[str, Any], ago: timedelta = timedelta()) -> None:
        at = START + timedelta(hours=self.number)
        path = self.folder / f"{self.number}.jsonl"
        told = [
            {"id": f"{self.number}-{n}", "at": (at - ago).isoformat(), **row}
            for n, row in enumerate(rows)
        ]
        path.write_text("".join(json.dumps(one) + "\n" for one in told))
        batch = batch_of(path, MAPPINGS[version])
        assert batch.quarantine.is_empty(), batch.quarantine
        self.made.append(batch, at)
        self.number += 1
        for row in rows:
            self._learn(version, row, in_time=not ago)

    def _learn(self, version: int, row: dict[str, Any], *, in_time: bool) -> None:
        if version == 0:
            if row.get("currency"):
                self.openings.setdefault(row["account"], row["currency"])
                self.balances[row["account"], row["currency"]] += 0
        elif in_time:
            currency = row.get("currency") or self.openings.get(row["account"], "XXX")
            self.balances[row["account"], currency] += Decimal(row["amount"])


def three_at_once(bank: Bank) -> Iterator[str]:
    """What happens, commit by commit; yields where a build comes in between."""
    bank.arrive(0, {"account": "anna", "currency": "SEK"}, {"account": "ben", "currency": "EUR"})
    bank.arrive(0, {"account": "carla"})
    bank.arrive(1, {"account": "anna", "amount": "10.50"}, {"account": "ben", "amount": "3"})
    bank.arrive(1, {"account": "carla", "amount": "7"}, {"account": "dora", "amount": "100"})
    bank.arrive(
        2,
        {"account": "anna", "amount": "1", "currency": "SEK", "payer": "x / y"},
        {"account": "anna", "amount": "2", "currency": "EUR", "reference": "rent"},
    )
    yield "a new producer beside them"
    bank.arrive(0, {"account": "dora", "currency": "JPY"}, {"account": "anna", "currency": "NOK"})
    bank.arrive(1, {"account": "dora", "amount": "50"}, {"account": "anna", "amount": "4"})
    bank.arrive(3, {"account": "ben", "amount": "5", "currency": "EUR", "payer_name": "Eva"})
    late_deposits(bank)
    yield "all three"
    bank.arrive(1, {"account": "anna", "amount": "0.25"}, {"account": "ben", "amount": "9"})
    bank.arrive(0, {"account": "carla", "currency": "CHF"}, {"account": "emil", "currency": "EUR"})
    bank.arrive(1, {"account": "carla", "amount": "8"}, {"account": "emil", "amount": "6"})


def late_deposits(bank: Bank) -> None:
    told = {"account": "anna", "reference": "rent", "payer": "Anna Ek / SE45 / 1"}
    bank.arrive(1, {**told, "amount": "11"}, ago=LATE)
    bank.arrive(2, {**told, "amount": "12", "currency": "EUR"}, ago=LATE)
    bank.arrive(2, {**told, "amount": "13", "currency": "EUR", "payer": "Ben"}, ago=LATE)
    newest = {"payment_reference": "rent", "payer_name": "Cy", "payer_account": "DE1"}
    bank.arrive(
        3, {"account": "ben", "amount": "14", "currency": "EUR", **newest, "payer": "no"}, ago=LATE
    )


WANTED_LATE = [
    ("SEK", Decimal(11), "rent", "Anna Ek", "SE45 / 1"),
    ("EUR", Decimal(12), "rent", "Anna Ek", "SE45 / 1"),
    ("EUR", Decimal(13), "rent", "Ben", None),
    ("EUR", Decimal(14), "rent", "Cy", "DE1"),
]


def segments(made: Warehouse) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in made.home.lake.glob("family=*/*/*.parquet")
    }


LATE_SQL = """
select currency, amount, payment_reference, payer_name, payer_account
from late_event_exceptions order by row_index
"""
BALANCES = "select account_id, currency, balance from {}"
FIGURES = ("+account_balances", "+account_balance_versions", "+late_event_exceptions")


@dataclass(frozen=True)
class Seen:
    """What was read on the way: by live views and the desk before the last build, then by it."""

    bank: Bank
    live: dict[tuple[str, str], Decimal]
    desk: list[tuple[str | None, Decimal | None]]
    by_increments: Tables
    anew: Tables


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Built in three steps, then all anew; old segments are compared after each."""
    folder = tmp_path_factory.mktemp("bank")
    bank = Bank(open_warehouse(folder / "home"), folder)
    made, before = bank.made, dict[str, str]()
    for _ in three_at_once(bank):
        made.build(select=[*FIGURES, "+live__account_balances"])
        assert before.items() <= segments(made).items(), "old segments must stay as they are"
        before = segments(made)
    live = _with_tail(made, BALANCES.format("live.account_balances"))
    desk = [(one.currency, one.amount) for one in read_late_events(made.home).events]
    made.build(select=FIGURES)
    by_increments = made.tables()
    made.build(select=FIGURES, full_refresh=True)
    assert before.items() <= segments(made).items()
    return Seen(bank, live, desk, by_increments, made.tables())


def test_views_of_the_newest_commits_and_builds_and_a_refresh_say_the_same(seen: Seen) -> None:
    wanted = dict(seen.bank.balances)
    assert seen.live == wanted
    assert _balances(seen.bank.made.rows(BALANCES.format("account_balances"))) == wanted
    assert seen.anew == seen.by_increments
    assert {currency for _, currency in wanted} == {"SEK", "EUR", "XXX", "JPY", "NOK", "CHF"}


def _balances(rows: list[tuple[Any, ...]]) -> dict[tuple[str, str], Decimal]:
    return {(account, currency): balance for account, currency, balance in rows}


def _with_tail(made: Warehouse, query: str) -> dict[tuple[str, str], Decimal]:
    """Balances by the live views, with the commits no build has seen as their tail."""
    files = sorted(str(one) for one in made.home.lake.glob("family=accounts/*/*.parquet"))
    with duckdb.connect(str(made.home.warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        booked = "(select max(commit_seq) from staging.stg_lake__commits)"
        tail = f"from read_parquet({files}, hive_partitioning = false) where commit_seq > {booked}"
        connection.execute(f"insert into live.tail_found_accounts by name select * {tail}")
        connection.execute(
            f"insert into live.tail_commits by name"
            f" select distinct commit_seq, ingest_time, false as is_booked {tail}"
        )
        found = connection.execute(query).fetchall()
        connection.execute("delete from live.tail_found_accounts; delete from live.tail_commits")
        return _balances(found)


def test_python_reads_every_deposit_as_the_marts_do(seen: Seen) -> None:
    bank = seen.bank
    lake, known = bank.made.home.lake, contracts.load()
    events = pl.concat(pl.read_parquet(one) for one in lake.glob("family=accounts/*/*.parquet"))
    head = bank.made.lake.head.seq
    currencies = account_currencies(lake, set(events["account_id"]), until=head)
    told: dict[tuple[str, str], Decimal] = defaultdict(lambda: Decimal(0))
    for row in events.filter(event_type="FundsDeposited").iter_rows(named=True):
        read = upcast(
            known,
            event_type=row["event_type"],
            schema_version=row["schema_version"],
            columns=row,
            payload=row["payload"],
            lookups=currencies.at(row["account_id"], row["commit_seq"]),
        )
        if row["ingest_time"] - row["event_time"] < LATE:
            told[row["account_id"], read.columns["currency"]] += row["amount"]
    assert told == {key: sum_ for key, sum_ in bank.balances.items() if sum_}
    assert account_currencies(lake, set(), until=head).at("anna", head) == {
        "account_currency": None
    }


def test_people_see_late_deposits_of_every_version_alike(seen: Seen) -> None:
    assert seen.bank.made.rows(LATE_SQL) == WANTED_LATE
    assert seen.desk == [row[:2] for row in WANTED_LATE]


def test_control_totals_of_the_close_name_the_currencies_of_the_deltas(seen: Seen) -> None:
    made = seen.bank.made
    with made.open() as connection:
        sum_lake(connection, made.home.lake, date(2025, 3, 1), date(2025, 4, 1))
        assert connection.execute(
            "select currency, business_date, sum(amount), sum(event_count)"
            " from gate_lake where ledger = 'accounts' group by all order by all"
        ).fetchall() == made.rows(
            "select currency, business_date, sum(amount), sum(event_count)"
            " from intermediate.int_accounts__deltas"
            " where business_date >= date '2025-03-01' group by all order by all"
        )


def test_without_old_events_nothing_is_looked_up(tmp_path: Path) -> None:
    """A lake of the newest versions alone pays for no join: its openings are not even there."""
    bank = Bank(open_warehouse(tmp_path / "home"), tmp_path)
    bank.arrive(3, {"account": "ben", "amount": "5", "currency": "EUR"})
    bank.made.build(
        select=["staging", "int_stores__versions", "int_policies__versions", "int_accounts__deltas"]
    )
    assert bank.made.rows("select currency, amount from intermediate.int_accounts__deltas") == [
        ("EUR", Decimal(5))
    ]
