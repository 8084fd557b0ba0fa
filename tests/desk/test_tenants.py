"""Two tenants of one home: a lake each, and nothing recorded for one is known to the other."""

import pytest

from ingestion.control.books import load_books
from ingestion.control.write import append_control
from ingestion.lake import Lake
from ingestion.lake.writer import system_clock
from ledger.control_events import ActionRequested
from ledger.errors import IncorrectInput
from orchestration.home import Home
from orchestration.settings import Settings
from tests.cli.terminal import Terminal

ROLES = ("--role", "requester", "--role", "approver")


@pytest.fixture
def both(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> tuple[Home, Home]:
    """North with two people and a request of one of them, South with a lake alone."""
    homes = []
    for tenant in ("south", "north"):
        monkeypatch.setenv("LEDGERLAKE_TENANT", tenant)
        assert terminal.run("init").code == 0
        homes.append(Home.of(Settings(home=terminal.folder / "data", tenant=tenant)))
    for name in ("alice", "bob"):
        assert terminal.run("people", "add", name, *ROLES).code == 0
    gone = ("people", "remove", "bob", "--as", "alice", "--why", "left")
    assert terminal.run(*gone).code == 0
    return homes[1], homes[0]


def test_two_tenants_of_one_home_share_nothing_that_is_recorded(
    terminal: Terminal, both: tuple[Home, Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    north, south = both
    assert north.lake != south.lake and north.index != south.index
    assert len(load_books(north.lake).requests) == 1
    assert load_books(south.lake).people == load_books(south.lake).requests == {}
    for tenant, people in (("north", 2), ("south", 0)):
        monkeypatch.setenv("LEDGERLAKE_TENANT", tenant)
        assert len(terminal.run("people", "list", "--json").json["people"]) == people
        assert terminal.run("verify", "--json").json["ok"]


def test_a_statement_counts_in_the_lake_it_was_signed_for(
    terminal: Terminal, both: tuple[Home, Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same people with the same keys are in both; a request to one is none to the other."""
    north, south = both
    monkeypatch.setenv("LEDGERLAKE_TENANT", "south")
    for name in ("alice", "bob"):
        assert terminal.run("people", "add", name, *ROLES).code == 0
    [asked] = load_books(north.lake).requests.values()
    copied = ActionRequested(
        request_id=asked.request_id, action=asked.action, statement=asked.statements[0]
    )
    lake = Lake.open(south.lake, south.index, tenant_id="south")
    with pytest.raises(IncorrectInput) as error:
        append_control(lake, [copied], now_us=system_clock())
    lake.close()
    assert error.value.rule == "statement_must_be_for_this_lake"
