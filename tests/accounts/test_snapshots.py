"""Snapshots are what replay gives, and any moment is the nearest one and the events after it.

One lake with random histories of 40 accounts over five months, in commits that learn of them late;
one run of dbt. `SEED` is printed with a failure.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion import contracts
from ingestion.journal.drain import as_batch
from ingestion.lake import Lake
from ledger import accounts
from ledger.accounts import ACCOUNTS, Account, AccountEvent
from ledger.business_days import DAY_US
from ledger.errors import IncorrectInput, InternalFault
from orchestration.accounts import snapshots
from orchestration.accounts.past import Past
from orchestration.accounts.snapshots import HEADER, MODEL, Snapshots, folder_of
from orchestration.build import ON_DEMAND, Builder
from orchestration.desk.known import read_known
from orchestration.home import Home
from orchestration.initialise import initialise
from orchestration.settings import Settings
from tests.accounts.journaled import journaled
from tests.models.warehouse import PROJECT, parsed_project

SEED = 20260131
START_US = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
COMMITS, EACH, DAYS = 6, 120, 150
NAMES = [f"A{number}" for number in range(39)] + ['quote"é\n']


@dataclass
class History:
    """A home, and what was told to its lake: (commit, when told, event)."""

    settings: Settings
    told: list[tuple[int, int, AccountEvent]]

    @property
    def home(self) -> Home:
        return Home.of(self.settings)

    def replayed(self, account_id: str, *, valid_us: int, known_us: int) -> Account:
        """All of them from the first on."""
        events = [
            one
            for _, told_us, one in self.told
            if one.account_id == account_id
            and told_us <= known_us
            and one.event_time_us <= valid_us
        ]
        return reduce(ACCOUNTS.evolve, events, ACCOUNTS.initial(account_id))


def some_event(lot: random.Random, latest_us: int) -> AccountEvent:
    """Any event, mostly on a day's first instant or its last: where periods begin and end."""
    at_us = START_US + lot.randrange(DAYS) * DAY_US - lot.choice((0, 1, lot.randrange(DAY_US)))
    kind = lot.choice(accounts.EVENTS)
    values: dict[str, Any] = {
        "account_id": lot.choice(NAMES),
        "event_time_us": min(at_us, latest_us),
    }
    amount = Decimal(lot.randrange(30_000)) / 10_000
    if kind is accounts.AccountOpened:
        return kind(**values, currency=lot.choice(("EUR", None)), overdraft_limit=amount)
    if kind is accounts.AccountClosed:
        return kind(**values)
    values |= {"amount": amount, "currency": lot.choice(("EUR", "EUR", "USD"))}
    fields = kind.__dataclass_fields__
    if "hold_id" in fields:
        values["hold_id"] = lot.choice("hij")
    if "released" in fields:
        values["released"] = Decimal(lot.randrange(3))
    return kind(**values)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    settings = Settings(home=tmp_path_factory.mktemp("snapshots") / "home")
    initialise(settings, dated_us=START_US)
    home, lot = Home.of(settings), random.Random(SEED)
    made = History(settings, [])
    with_lake = Lake.open(home.lake, home.index)
    for number in range(COMMITS):
        told_us = START_US + (number + 1) * DAYS * DAY_US // COMMITS
        events = [some_event(lot, told_us) for _ in range(EACH)]
        first = number * EACH
        batch = as_batch(journaled(events, first), contracts.load(), latest_event_us=told_us)
        assert batch.quarantine.is_empty(), (SEED, batch.quarantine)
        with_lake.append(batch, ingest_time_us=told_us)
        made.told += [(number, told_us, one) for one in events]
    with_lake.close()
    snapshots.build(settings, make_builder=builder)
    yield made


def builder(settings: Settings) -> Builder:
    return Builder(settings, project=PROJECT, manifest=parsed_project())


@pytest.fixture
def kept(history: History) -> Iterator[Path]:
    """The header of the snapshots, put back as it was."""
    path = folder_of(history.home) / HEADER
    before = path.read_bytes()
    yield path
    path.write_bytes(before)


def test_snapshots_are_what_replay_gives_at_the_ends_of_ended_periods(history: History) -> None:
    read = Snapshots.open(history.home, lake_id(history))
    assert read is not None
    found = {(one.account.account_id, one.at_us): one for bucket in read.all() for one in bucket}
    ends = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 6)]
    ends_us = [int(end.timestamp()) * 1_000_000 for end in ends]
    assert {at for _, at in found} == set(ends_us), "December's events lie before 2026; May goes on"
    assert len(found) == read.header.rows > 100
    for (account_id, at_us), one in found.items():
        then = history.replayed(account_id, valid_us=at_us - 1, known_us=2**62)
        assert one.account == then, (SEED, account_id, at_us)
        assert one.digest == then.digest
    assert snapshots.check(history.home).wrong == []


def test_any_moment_is_the_nearest_snapshot_and_the_events_after_it(history: History) -> None:
    past, lot = Past(history.home), random.Random(SEED)
    assert past.refused is None
    used = 0
    for number in range(80):
        account_id = lot.choice(NAMES)
        moment = {
            "valid_us": START_US + lot.randrange(-1, DAYS) * DAY_US - lot.choice((0, 1)),
            "known_us": START_US + (lot.randrange(-1, DAYS) if number % 2 else DAYS) * DAY_US,
        }
        found = past.state_at(account_id, **moment)
        assert found.account == history.replayed(account_id, **moment), (SEED, account_id, moment)
        used += found.snapshot_us is not None
    assert 20 < used < 60, "snapshots are used"


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"state_format": "account/0"}, "snapshot_must_be_of_this_algorithm"),
        ({"contracts_sha256": "00"}, "snapshot_must_be_of_these_contracts"),
        ({"lake_id": "00"}, "snapshot_must_be_of_this_lake"),
    ],
)
def test_snapshots_of_another_making_are_refused_and_all_events_folded(
    history: History, kept: Path, changed: dict[str, str], rule: str
) -> None:
    kept.write_text(json.dumps({**json.loads(kept.read_bytes()), **changed}))
    with pytest.raises(IncorrectInput) as refused:
        Snapshots.open(history.home, lake_id(history))
    assert refused.value.rule == rule
    past = Past(history.home)
    assert past.refused is not None and past.refused.rule == rule
    found = past.state_at("A1", valid_us=2**62, known_us=2**62)
    assert found.snapshot_us is None
    assert found.account == history.replayed("A1", valid_us=2**62, known_us=2**62)


def test_sums_hold_any_number_of_amounts_of_any_size(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    initialise(settings, dated_us=START_US)
    largest, name = Decimal("99999999999999.9999"), "A1"
    told: list[AccountEvent] = [
        kind(account_id=name, event_time_us=START_US, currency=currency, amount=largest)
        for kind, currency, times in (
            (accounts.FundsDeposited, "EUR", 12),
            (accounts.FundsDeposited, "USD", 1),
            (accounts.FundsWithdrawn, "EUR", 1),
        )
        for _ in range(times)
    ]
    with_lake = Lake.open(Home.of(settings).lake, Home.of(settings).index)
    batch = as_batch(journaled(told, 0), contracts.load(), latest_event_us=START_US)
    with_lake.append(batch, ingest_time_us=START_US + DAY_US)
    with_lake.close()
    found = Past(Home.of(settings)).state_at(name, valid_us=2**62, known_us=2**62)
    assert found.account == reduce(ACCOUNTS.evolve, told, ACCOUNTS.initial(name))
    assert found.account.balances == {"EUR": 11 * largest, "USD": largest}
    assert found.events == 14


def test_a_changed_snapshot_is_found(history: History) -> None:
    read = Snapshots.open(history.home, lake_id(history))
    assert read is not None
    path = sorted(folder_of(history.home).rglob("*.parquet"))[0]
    before, other = path.read_bytes(), path.with_suffix(".other")
    more = "* replace (event_count + 1 as event_count)"
    duckdb.execute(f"copy (select {more} from '{path}') to '{other}' (format parquet)")
    other.replace(path)
    with pytest.raises(InternalFault) as found:
        list(read.all())
    path.write_bytes(before)
    assert found.value.rule == "snapshot_must_have_its_digest"


def test_check_finds_what_the_lake_does_not_say(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(self: Any, account_ids: Any, span: Any) -> Any:
        return events_of(self, account_ids, replace(span, valid_us=START_US))

    events_of = snapshots.AccountLake.events_of
    monkeypatch.setattr(snapshots.AccountLake, "events_of", short)
    assert len(snapshots.check(history.home).wrong) > 100


def lake_id(history: History) -> str:
    return read_known(history.home).lake_id


def test_builds_leave_them_out() -> None:
    (node,) = (one for one in parsed_project().nodes.values() if one.name == MODEL)
    assert ON_DEMAND in node.tags
