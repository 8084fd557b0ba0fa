"""The balance of any account at any pair of moments, by day and by instant.

One home with random histories of nine accounts over twenty days, in commits that learn of them up
to four days late; L's last events come too late for their day. The plain replay adds amounts up and
shares no code with the commands. `SEED` is printed with a failure.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingestion import contracts
from ingestion.journal.drain import as_batch
from ingestion.lake import Lake
from ledger import accounts
from ledger.accounts import AccountEvent
from ledger.instants import from_us, to_us
from orchestration.build import Builder
from orchestration.home import Home
from orchestration.initialise import initialise
from orchestration.publish.publisher import publish
from orchestration.settings import Settings
from tests.accounts.journaled import journaled
from tests.cli.conftest import DAY, OPENED, PROJECT
from tests.cli.terminal import Said, Terminal
from tests.prepared import once

SEED = 20260207
DAYS, EACH, LATEST_DAYS, TOO_LATE_DAYS = 20, 30, 4, 12
IN_TIME = ("A1", "A2", "A3", "A4", "A5", "A6", "J", "[/]é")
LATE = "L"
ADD = (
    *(accounts.FundsDeposited, accounts.InterestAccrued),
    *(accounts.CorrectionApplied, accounts.FundsRefunded),
)
TAKE = (accounts.FundsWithdrawn, accounts.FundsCaptured)
NOON = "2026-01-15T12:00:00Z"
END_OF_DAY = DAY - timedelta(microseconds=1)

Told = list[tuple[datetime, AccountEvent]]
"""(when the lake learned it, event)."""


def histories() -> Told:
    """A commit each noon, with events of that morning and of the four days before."""
    lot = random.Random(SEED)
    told: Told = []
    for number in range(1, DAYS):
        known = OPENED + number * DAY + DAY / 2
        told += [(known, _event(lot, known)) for _ in range(EACH)]
    told += [(known, _deposit(LATE, known - TOO_LATE_DAYS * DAY, "7.00")) for _ in range(3)]
    return told


def _event(lot: random.Random, known: datetime) -> AccountEvent:
    account_id = lot.choice((*IN_TIME, LATE))
    back = lot.choice((timedelta(), LATEST_DAYS * DAY)) * lot.random()
    at_us = to_us(max(OPENED, known - back)) - lot.randrange(2) * lot.randrange(1_000_000)
    kind = lot.choice(accounts.EVENTS[:-1])
    values: dict[str, Any] = {"account_id": account_id, "event_time_us": at_us}
    own = "JPY" if account_id == "J" else "EUR"
    if kind is accounts.AccountOpened:
        return kind(**values, currency=own)
    values |= {"amount": Decimal(lot.randrange(1, 900_000)) / 100, "currency": own}
    if account_id == "A6" and lot.random() < 0.3:
        values["currency"] = "USD"
    fields = kind.__dataclass_fields__
    values |= {"hold_id": lot.choice("hij")} if "hold_id" in fields else {}
    values |= {"released": Decimal(0)} if "released" in fields else {}
    return kind(**values)


def _deposit(account_id: str, at: datetime, amount: str) -> AccountEvent:
    return accounts.FundsDeposited(
        account_id=account_id, event_time_us=to_us(at), currency="EUR", amount=Decimal(amount)
    )


def replayed(told: Told, account_id: str, valid: datetime, known: datetime) -> dict[str, Decimal]:
    """Balance by currency. An opened account has its own currency's, if only zero."""
    balances: dict[str, Decimal] = defaultdict(Decimal)
    for learned, event in told:
        if event.account_id != account_id or learned > known or event.event_time_us > to_us(valid):
            continue
        if isinstance(event, ADD):
            balances[event.currency] += event.amount
        elif isinstance(event, TAKE):
            balances[event.currency] -= event.amount
        elif isinstance(event, accounts.AccountOpened):
            balances[event.currency or ""] += 0
    return dict(balances)


def _make(root: Path) -> Path:
    settings = Settings(home=root)
    initialise(settings, dated_us=to_us(OPENED))
    home, position = Home.of(settings), 0
    lake = Lake.open(home.lake, home.index)
    told = histories()
    for known in sorted({learned for learned, _ in told}):
        events = [event for learned, event in told if learned == known]
        batch = as_batch(
            journaled(events, position), contracts.load(), latest_event_us=to_us(known)
        )
        assert batch.quarantine.is_empty(), (SEED, batch.quarantine)
        lake.append(batch, ingest_time_us=to_us(known))
        position += len(events)
    lake.close()
    built = Builder(settings, project=PROJECT, checked=0).build()
    assert not built.failed, built.failed
    publish(settings)
    return root


@pytest.fixture(scope="session")
def moments_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "moments-home", _make)


@pytest.fixture
def bank(terminal: Terminal, moments_home: Path) -> Terminal:
    """A terminal on the home with histories; for commands that only read."""
    terminal.set("LEDGERLAKE_HOME", str(moments_home))
    return terminal


def balance(terminal: Terminal, account_id: str, valid: str, known: str, *more: str) -> Said:
    moments = ("--valid-as-of", valid, "--known-as-of", known)
    return terminal.run("asof", "balance", "--account", account_id, *moments, *more)


def amounts(said: Said) -> dict[str, Decimal]:
    assert said.code == 0, said.text
    return {one["currency"]: Decimal(one["balance"]) for one in said.json["balances"]}


def pairs(told: Told) -> Iterator[tuple[str, datetime, datetime]]:
    """An account and two moments: on an event or a commit, just before it, or anywhere."""
    lot = random.Random(SEED)
    commits = sorted({learned for learned, _ in told})
    for _ in range(90):
        account_id = lot.choice((*IN_TIME, LATE, LATE))
        own = [event for _, event in told if event.account_id == account_id]
        valid = from_us(lot.choice(own).event_time_us - lot.randrange(2))
        if lot.random() < 0.3:
            valid = OPENED + lot.random() * DAYS * DAY
        known = lot.choice(commits) - timedelta(microseconds=lot.randrange(2))
        if lot.random() < 0.5:
            known = OPENED + lot.random() * (DAYS + 1) * DAY
        yield account_id, valid, known


def spelled(moment: datetime, hours: int) -> str:
    """As a reader elsewhere may write it."""
    return moment.astimezone(timezone(timedelta(hours=hours))).isoformat()


def test_a_balance_at_an_instant_is_the_replay_and_what_account_show_says(bank: Terminal) -> None:
    told, seen = histories(), Counter[str]()
    for number, (account_id, valid, known) in enumerate(pairs(told)):
        why = (SEED, account_id, valid, known)
        texts = spelled(valid, number % 20 - 8), spelled(known, number % 7)
        said = balance(bank, account_id, *texts, "--json")
        assert amounts(said) == replayed(told, account_id, valid, known), why
        show = ("account", "show", account_id, "--json")
        shown = bank.run(*show, "--valid-as-of", texts[0], "--known-as-of", texts[1])
        if not said.json["event_count"]:
            assert shown.code == 2 and said.json["balances"] == [], why
            seen["nothing known"] += 1
            continue
        found = {one["currency"]: one["balance"] for one in said.json["balances"]}
        own = {} if shown.json["currency"] is None else {shown.json["currency"]: "balance"}
        alike = {code: shown.json[name] for code, name in own.items()}
        assert found == {**alike, **shown.json["other_balances"]}, why
        for name in ("valid_as_of", "known_as_of", "commit_seq", "event_count"):
            assert said.json[name] == shown.json[name], (name, why)
        late = any(learned > known and to_us(valid) >= one.event_time_us for learned, one in told)
        seen["some were told later"] += late
    assert seen["nothing known"] > 2 and seen["some were told later"] > 30, (SEED, seen)


def test_the_end_of_a_day_is_its_last_instant_but_for_what_people_have_to_book(
    bank: Terminal,
) -> None:
    """All are UTC days here. Three times 7.00 of L were too late: they happened, unbooked."""
    lot = random.Random(SEED)
    for number in range(40):
        account_id = LATE if number % 4 == 0 else lot.choice(IN_TIME)
        day = OPENED + lot.randrange(DAYS) * DAY
        known = (OPENED + lot.random() * (DAYS + 1) * DAY).isoformat()
        if number % 8 == 0:
            day, known = OPENED + (DAYS - 2) * DAY, "now"
        booked = amounts(balance(bank, account_id, str(day.date()), known, "--json"))
        happened = amounts(balance(bank, account_id, str(day + END_OF_DAY), known, "--json"))
        moved = {code: one for code, one in happened.items() if one or code in booked}
        if number % 8 == 0:
            assert moved == {"EUR": booked["EUR"] + 21}, (SEED, account_id, day)
        elif account_id != LATE:
            assert moved == booked, (SEED, account_id, day, known)


def test_json_says_which_was_answered_and_has_the_same_keys_for_both(bank: Terminal) -> None:
    by_day = balance(bank, "J", "2026-01-15", "now", "--json").json
    at_noon = balance(bank, "J", "2026-01-15T13:00:00+01:00", "now", "--json").json
    keys = {"edition", "account", "valid_as_of", "known_as_of", "balances"}
    assert set(by_day) == keys | {"valid_as_of_is"}
    assert set(at_noon) > set(by_day)
    assert set(at_noon["balances"][0]) == set(by_day["balances"][0])
    assert (by_day["valid_as_of_is"], by_day["valid_as_of"]) == ("day", "2026-01-15")
    assert (at_noon["valid_as_of_is"], at_noon["valid_as_of"]) == ("instant", NOON)
    assert by_day["edition"]["number"] == 1 and at_noon["edition"] is None
    assert at_noon["commit_seq"] == by_day["edition"]["commit_seq"]


def test_drawn_it_says_of_which_moment_and_from_where(bank: Terminal) -> None:
    at = balance(bank, "[/]é", NOON, "2026-01-16T00:00:00Z")
    title = f"Balance of [/]é at {NOON}, as known at 2026-01-16T00:00:00Z"
    assert title in at.out.splitlines(), "a narrow table does not break its title"
    assert "events of the lake up to commit" in at.text and "late ones count" in at.text
    day = balance(bank, "[/]é", "2026-01-15", "now")
    assert "Balance of [/]é at the end of 2026-01-15" in day.text
    early = balance(bank, "A1", "now", "2020-01-01T00:00:00Z")
    assert early.code == 0
    assert "no event was known. The lake had no commit then" in early.text


REFUSED = [
    ("2026-01-15T12:00:00", "a time without its zone"),
    ("2026-01-15 12:00", "a time without its zone"),
    ("2026-02-30", "text that is no ISO 8601 date and time"),
    ("2026-02-30T00:00:00Z", "text that is no ISO 8601 date and time"),
    ("yesterday", "text that is no ISO 8601 date and time"),
    ("", "text that is no ISO 8601 date and time"),
    ("0001-01-01T00:00:00+14:00", "a time outside the years 1 to 9999 in UTC"),
]


@pytest.mark.parametrize(("valid", "why"), REFUSED)
def test_what_is_no_day_and_no_instant_with_its_zone_is_refused(
    bank: Terminal, valid: str, why: str
) -> None:
    said = balance(bank, "A1", valid, "now", "--json")
    assert said.code == 2
    assert said.json["error"] == "moment_must_be_a_day_or_an_instant_with_its_zone"
    assert said.json["thing"] == "option --valid-as-of"
    assert "a day such as 2011-06-30, or an instant such as" in said.json["expected"]
    assert said.json["found"] == f"{valid!r}: {why}"
    assert "Z for UTC" in said.json["remedy"]
    assert "do:       Write the zone" in balance(bank, "A1", valid, "now").err


def test_known_as_of_takes_no_day_and_no_time_without_its_zone(bank: Terminal) -> None:
    for known in ("2026-01-15", "2026-01-15T12:00:00", "9999-12-31T23:00:00-14:00"):
        for valid in ("2026-01-15", NOON):
            said = balance(bank, "A1", valid, known)
            assert said.code == 2
            assert "instant_must_have_a_zone option --known-as-of" in said.text
            assert "Write the zone" in said.text


def test_without_a_lake_an_instant_is_refused_by_both_commands(terminal: Terminal) -> None:
    at = balance(terminal, "A1", "now", "now")
    shown = terminal.run("account", "show", "A1", "--valid-as-of", "now")
    for said in (at, shown):
        assert said.code == 2
        assert said.text.startswith("incorrect input: lake_must_exist")


def test_an_instant_needs_no_edition_and_asks_the_lake_of_the_tenant(terminal: Terminal) -> None:
    for tenant, amount in (("default", "100.00"), ("other", "3000")):
        terminal.set("LEDGERLAKE_TENANT", tenant)
        assert terminal.run("init").code == 0
        currency = "EUR" if tenant == "default" else "JPY"
        assert terminal.run("account", "open", "A1", "--currency", currency).code == 0
        assert terminal.run("account", "deposit", "A1", amount).code == 0
        assert balance(terminal, "A1", "now", "now", "--json").json["balances"] == []
        assert terminal.run("journal", "drain").code == 0
    terminal.set("LEDGERLAKE_TENANT", "default")
    found = balance(terminal, "A1", "now", "now", "--json").json
    assert [one["balance"] for one in found["balances"]] == ["100.00"]
    terminal.set("LEDGERLAKE_TENANT", "other")
    assert "JPY 3,000 " in balance(terminal, "A1", "now", "now").text
    by_day = balance(terminal, "A1", "2999-01-01", "now")
    assert "edition_must_be_published_first" in by_day.text


def test_an_account_in_which_nothing_moved_has_its_currencys_zero(terminal: Terminal) -> None:
    assert terminal.run("init").code == 0
    assert terminal.run("account", "open", "A1", "--currency", "BHD").code == 0
    assert terminal.run("journal", "drain").code == 0
    (row,) = balance(terminal, "A1", "now", "now", "--json").json["balances"]
    assert (row["currency"], row["balance"]) == ("BHD", "0.000")


def test_its_help_shows_a_day_and_an_instant(terminal: Terminal) -> None:
    said = terminal.run("asof", "balance", "--help")
    assert "--valid-as-of 2011-06-30 --known-as-of now" in said.text
    assert "--valid-as-of 2011-06-30T12:00:00Z --known-as-of 2011-07-01T09:30:00+02:00" in said.text
    assert "DAY|INSTANT" in said.text
