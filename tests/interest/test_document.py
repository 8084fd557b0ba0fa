"""docs/interest.md does what it shows: its commands on a bank, its new algorithm in a replay."""

import json
import shlex
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ledger.interest import algorithms
from ledger.interest.algorithms import ALGORITHMS
from orchestration.interest.accrue import accrue
from orchestration.interest.plan import plan
from tests.cli.terminal import Terminal
from tests.house.documents import Block, blocks
from tests.interest.bank import Bank


def _shown(info: str) -> list[Block]:
    return [
        one for one in blocks() if one.where.startswith("docs/interest.md:") and one.info == info
    ]


@pytest.fixture
def terminal(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LEDGERLAKE_HOME", str(bank.root))
    monkeypatch.chdir(bank.root.parent)
    return Terminal(bank.root.parent, monkeypatch, capsys)


def test_the_commands_run_in_order(terminal: Terminal, bank: Bank) -> None:
    lines = [line for block in _shown("sh bank") for line in block.text.splitlines()]
    assert len(lines) == 8
    said, token = [], ""
    for line in lines:
        words = [token if word == "TOKEN" else word for word in shlex.split(line)[1:]]
        done = terminal.run(*words)
        assert done.code == 0, (line, done.text)
        token = _token(done.text) or token
        said.append(done.text)
    assert "4 accruals of 2026-01 posted by v1" in said[1]
    assert "4 balances compared, 4 differ, 4 corrections to post." in said[3]
    assert "3 corrections to post." in said[4]
    assert "3 corrections of 2026-01 posted; 2 notices" in said[5]
    assert "1 differ, 1 corrections to post." in said[7]
    assert len(bank.events("CorrectionApplied")) == 3


def _token(text: str) -> str | None:
    before, _, after = text.partition("ledgerlake replay apply ")
    return after.split()[0] if before and after else None


def test_every_command_says_the_same_as_json(terminal: Terminal) -> None:
    terminal.run("interest", "accrue", "--period", "2026-01", "--algorithm", "v1")
    again = terminal.run("interest", "accrue", "--period", "2026-01", "--algorithm", "v1", "--json")
    assert (again.json["posted"], again.json["posted_before"]) == (0, 4)
    replay = ("replay", "interest", "--from", "v1", "--to", "v2", "--period", "2026-01")
    asked = terminal.run(*replay, "--as", "ana", "--why", "missed", "--json").json
    assert asked["plan"]["corrections"] == 4
    listed = terminal.run("requests", "list").text
    assert "interest of 2026-01, v1 to v2: 4 corrections" in listed
    applied = terminal.run("replay", "apply", asked["token"][:8], "--as", "ben", "--json").json
    assert (applied["posted"], applied["notices"]) == (4, 3)
    told = terminal.run("interest", "notices", "--account", "poor", "--json").json["notices"]
    assert [one["account_id"] for one in told] == ["poor"]
    declared = terminal.run("interest", "algorithms", "--json").json["algorithms"]
    assert [one["name"] for one in declared] == list(ALGORITHMS)
    explained = terminal.run(
        *("interest", "explain", "-a", "rich", "--period", "2026-01", "--algorithm", "v2", "--json")
    )
    assert explained.json["totals"][0]["amount_v2"] == "19.94"


def test_amounts_are_drawn_with_the_minor_digits_of_their_currency(terminal: Terminal) -> None:
    posted = terminal.run("interest", "accrue", "--period", "2026-01", "--algorithm", "v1").text
    assert "JPY 1 85 " in posted
    assert "exceptions decide --source interest --decision next_period --why REASON --as NAME`" in (
        posted
    )
    explain = ("interest", "explain", "-a", "poor", "--period", "2026-01", "--algorithm", "v1")
    assert "JPY 85 85 " in terminal.run(*explain).text
    replay = ("replay", "interest", "--from", "v1", "--to", "v2", "--period", "2026-01")
    asked = terminal.run(*replay, "--as", "ana", "--why", "missed")
    assert "JPY 1 85 129 44 44 0 " in asked.text and "rate_read JPY 1 44 " in asked.text
    token = _token(asked.text)
    assert token is not None
    (page,) = terminal.folder.glob(f"**/{token}/report.html")
    cells = "".join(f'<td class="n">{one}</td>' for one in (85, 129, 44, 0, 44, "yes"))
    assert f"<td>poor</td><td>JPY</td>{cells}" in page.read_text("utf-8")
    assert "is not posted" not in page.read_text("utf-8"), "there is no materiality"
    signed = terminal.run("requests", "show", token).out.splitlines()
    assert any(json.loads(line)["reason"] == "missed" for line in signed if line.startswith("{"))
    assert terminal.run("replay", "apply", token, "--as", "ben").code == 0
    assert "44 JPY" in terminal.run("interest", "notices", "--account", "poor").text


def test_a_replay_with_nothing_to_post_says_so(terminal: Terminal) -> None:
    terminal.run("interest", "accrue", "--period", "2026-01", "--algorithm", "v1")
    replay = ("replay", "interest", "--from", "v1", "--to", "v2", "--period", "2026-01")
    said = terminal.run(*replay, "--materiality", "1000", "--as", "ana", "--why", "again")
    assert "0 corrections to post." in said.text
    assert said.text.endswith("Nothing to post, so nothing to ask for.")
    assert "cannot be booked" not in said.text
    (page,) = terminal.folder.glob("**/report.html")
    assert "A difference below 1000, in units of its currency, is not posted." in page.read_text()


@pytest.mark.parametrize("amount", ["-1", "x", "NaN"])
def test_what_is_no_threshold_is_refused(terminal: Terminal, amount: str) -> None:
    replay = ("replay", "interest", "--from", "v1", "--to", "v2", "--period", "2026-01", "--json")
    done = terminal.run(*replay, "--materiality", amount)
    assert (done.code, done.json["error"]) == (2, "materiality_must_be_an_amount")


def test_the_algorithm_that_is_added_puts_right_what_the_one_before_it_posted(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    accrue(bank.settings, "2026-01", "v2", when=bank.when)
    (block,) = _shown("python")
    names: dict[str, Any] = {"replace": replace, "ALGORITHMS": ALGORITHMS}
    exec(block.text, names)
    added = names["v3"]
    monkeypatch.setattr(algorithms, "ALGORITHMS", {**ALGORITHMS, added.name: added})
    made = plan(bank.settings, "2026-01", before="v2", after="v3", when=bank.when)
    assert [(one["because"], one["currency"], one["accounts"]) for one in made.plan.why] == [
        ("tiering", "EUR", 1)
    ]
    # By hand: 10,000 at 1.50 and 1.90 %, 2,000 at 1.75 and 2.15 %, 15 and 16 days of 365.
    by_hand = (Decimal(150 + 35) * 15 + Decimal(190 + 43) * 16) / 365
    assert made.plan.sums[0]["new"] == f"{round(by_hand, 2)}00"
    assert json.loads((made.folder / "plan.json").read_bytes())["to_algorithm"] == "v3"
