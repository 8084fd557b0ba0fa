"""Accounts on the command line: what is answered, refused, repeated, and known afterwards."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.terminal import Said, Terminal


@pytest.fixture
def desk(terminal: Terminal) -> Terminal:
    """A terminal with a lake and account A1 that holds 100 EUR."""
    assert terminal.run("init").code == 0
    assert account(terminal, "open", "A1", "--currency", "EUR").code == 0
    assert account(terminal, "deposit", "A1", "100.00").code == 0
    return terminal


def account(terminal: Terminal, *words: str) -> Said:
    return terminal.run("account", *words)


def test_money_is_held_paid_given_back_and_corrected(desk: Terminal) -> None:
    for words, balance, held in (
        (("withdraw", "A1", "40.00"), "60.00", "0.00"),
        (("reserve", "A1", "30", "--hold", "h1"), "60.00", "30.00"),
        (("capture", "A1", "25", "--hold", "h1"), "35.00", "0.00"),
        (("refund", "A1", "5", "--hold", "h1"), "40.00", "0.00"),
        (("reserve", "A1", "1", "--hold", "h2"), "40.00", "1.00"),
        (("release", "A1", "--hold", "h2"), "40.00", "0.00"),
        (("correct", "A1", "-40.00", "--why", "twice"), "0.00", "0.00"),
        (("close", "A1"), "0.00", "0.00"),
    ):
        said = account(desk, *words, "--json")
        assert said.code == 0, said.text
        assert (said.json["balance"], said.json["held"]) == (balance, held), words
    shown = account(desk, "show", "A1", "--json").json
    assert (shown["status"], shown["version"]) == ("closed", 10)
    told = account(desk, "history", "A1", "--json").json["events"]
    assert [one["event_type"] for one in told][-2:] == ["CorrectionApplied", "AccountClosed"]
    assert told[-2]["reason"] == "twice" and told[-2]["known_from"] is None


def test_a_broken_rule_is_named_and_changes_nothing(desk: Terminal) -> None:
    said = account(desk, "withdraw", "A1", "100.01")
    assert said.code == 1
    assert said.text.startswith("rejected: available_funds_must_cover_the_amount")
    as_json = account(desk, "withdraw", "A1", "100.01", "--json")
    assert as_json.code == 1
    assert as_json.json["rejected"] == "available_funds_must_cover_the_amount"
    assert account(desk, "show", "A1", "--json").json["version"] == 2


def test_wrong_use_is_told_apart_from_a_broken_rule(desk: Terminal) -> None:
    for words in (
        ("deposit", "A1", "1e3"),
        ("deposit", "A1", "1", "--at", "yesterday"),
        ("show", "A2"),
        ("history", "A2"),
    ):
        assert account(desk, *words).code == 2, words
    assert desk.run("account", "show", "A2").text.startswith("incorrect input: account_must_be")


def test_a_command_sent_again_is_answered_and_not_done_again(desk: Terminal) -> None:
    words = ("deposit", "A1", "5.00", "--idempotency-key", "k1", "--json")
    first, again = account(desk, *words), account(desk, *words)
    assert again.json == {**first.json, "repeated": True}
    other = account(desk, "deposit", "A1", "6.00", "--idempotency-key", "k1")
    assert other.code == 2 and "idempotency_key_must_not_be_reused" in other.text
    refused = ("withdraw", "A1", "500", "--idempotency-key", "k2", "--json")
    assert account(desk, *refused).json == account(desk, *refused).json
    assert account(desk, "show", "A1", "--json").json["balance"] == "105.00"


def test_a_command_is_not_dated_before_the_account_or_into_a_locked_day(desk: Terminal) -> None:
    early = account(desk, "deposit", "A1", "5", "--at", "2020-01-01T00:00:00Z", "--json")
    assert early.json["rejected"] == "event_time_must_not_be_before_the_opening"
    late = account(desk, "open", "A3", "--currency", "EUR", "--at", "2020-01-01T00:00:00Z")
    assert "rejected: event_time_must_be_inside_the_window" in late.text
    ahead = account(desk, "deposit", "A1", "5", "--at", "2999-01-01T00:00:00Z")
    assert "rejected: event_time_must_not_be_in_the_future" in ahead.text


def test_what_was_drained_is_shown_as_the_lake_has_it(desk: Terminal) -> None:
    words = ("show", "A1", "--valid-as-of", "now", "--json")
    unknown = account(desk, *words[:-1])
    assert unknown.code == 2, "the lake knows nothing of it yet"
    assert "do: `ledgerlake journal drain` brings what commands did" in unknown.text
    assert desk.run("journal", "drain").code == 0
    then = account(desk, *words).json
    now = account(desk, "show", "A1", "--json").json
    assert then["event_count"] == 2 and not then["from_snapshot"]
    assert {name: then[name] for name in ("balance", "available", "currency")} == {
        name: now[name] for name in ("balance", "available", "currency")
    }
    drawn = account(desk, "show", "A1", "--valid-as-of", "2999-01-01T00:00:00.5+01:00").text
    assert "valid as of 2998-12-31T23:00:00.500000Z" in drawn and "from snapshot no" in drawn
    before = account(desk, "show", "A1", "--valid-as-of", "2020-01-01T00:00:00Z")
    assert before.code == 2
    told = account(desk, "history", "A1", "--json").json["events"]
    assert all(one["known_from"] for one in told)
    assert account(desk, "snapshots", "check").code == 2, "none were made"
    json.dumps(told)


@pytest.mark.parametrize(
    ("currency", "nothing", "held", "left"),
    [
        ("EUR", "0.00", "1,200.00", "3,000.00"),
        ("JPY", "0", "1,200", "3,000"),
        ("BHD", "0.000", "1,200.000", "3,000.000"),
    ],
)
def test_a_history_shows_every_amount_with_the_minor_digits_of_its_currency(
    terminal: Terminal, currency: str, nothing: str, held: str, left: str
) -> None:
    assert terminal.run("init").code == 0
    for words in (
        ("open", "A1", "--currency", currency),
        ("deposit", "A1", "3000"),
        ("reserve", "A1", "1200", "--hold", "h1"),
        ("release", "A1", "--hold", "h1"),
    ):
        assert account(terminal, *words).code == 0
    for _ in ("in the journal", "in the lake"):
        told = account(terminal, "history", "A1", "--json").json["events"]
        bare = [one.replace(",", "") for one in (nothing, held, nothing)]
        assert [one["held"] for one in told[1:]] == bare
        assert told[0]["balance"] == nothing
        assert told[1]["amount"] == told[1]["balance"] == left.replace(",", "")
        lines = account(terminal, "history", "A1").out.splitlines()
        drawn = [line.split() for line in lines if "Funds" in line]
        assert [nothing in drawn[0], held in drawn[1], nothing in drawn[2]] == [True] * 3
        assert all(left in words for words in drawn)
        shown = account(terminal, "show", "A1").text
        assert f"balance {left} held {nothing} available {left}" in shown
        poor = account(terminal, "withdraw", "A1", "4000")
        assert f"expected: at most {left.replace(',', '')} found: 4000" in poor.text
        assert terminal.run("journal", "drain").code == 0


def test_old_deposits_count_in_the_currency_the_account_was_opened_in(
    desk: Terminal, tmp_path: Path
) -> None:
    """A terminal still sends version 1, which names no currency."""
    assert desk.run("journal", "drain").code == 0
    at = datetime.now(UTC).isoformat()
    (tmp_path / "old.jsonl").write_text(json.dumps({"id": "t1", "at": at, "amount": "5.00"}) + "\n")
    (tmp_path / "old.toml").write_text(OLD_TERMINAL)
    files = ("ingest", "files", str(tmp_path / "old.jsonl"))
    assert desk.run(*files, "--mapping", str(tmp_path / "old.toml")).code == 0
    shown = account(desk, "show", "A1", "--json").json
    assert (shown["balance"], shown["currency"]) == ("105.00", "EUR")
    then = account(desk, "show", "A1", "--valid-as-of", "now", "--json").json
    assert then["balance"] == "105.00"
    told = account(desk, "history", "A1", "--json").json["events"]
    assert (told[-1]["currency"], told[-1]["balance"]) == ("EUR", "105.00")
    assert desk.run("journal", "check").code == 0
    built = account(desk, "snapshots", "build")
    assert built.code == 0 and "0 snapshots" in built.text
    assert "no account has events before one that ended" in built.text
    assert account(desk, "snapshots", "check").code == 0


OLD_TERMINAL = """
mapping = 1
source = "terminal"
format = "jsonl"
[event]
type = "FundsDeposited"
version = 1
id = { column = "id" }
time = { column = "at" }
account_id = { constant = "A1" }
amount = { column = "amount" }
[columns]
amount = "decimal"
"""
