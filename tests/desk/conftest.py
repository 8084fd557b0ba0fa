"""Fixtures: a terminal with a small home whose lake holds in-time, late and very late sales."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.lake import Lake
from orchestration.home import Home
from orchestration.initialise import initialise
from orchestration.settings import Settings
from tests.cli.terminal import Said, Terminal
from tests.events import batch, sales

DAY = timedelta(days=1)
OPENED = datetime(2026, 1, 1, tzinfo=UTC)
LATE = 7
"""Sales that came 20 days late, of stores 0 to 6."""


def append(home: Home, first: int, count: int, *, arrived: datetime | None) -> None:
    """Sales of 1 January, arrived at a moment in the past or now."""
    lake = Lake.open(home.lake, home.index)
    at_us = None if arrived is None else int(arrived.timestamp()) * 1_000_000
    lake.append(batch(sales(first, count)), ingest_time_us=at_us)
    lake.close()


class Desk:
    """A home with people, and short words for what they do."""

    def __init__(self, terminal: Terminal, home: Home) -> None:
        self.terminal, self.home = terminal, home

    def run(self, *arguments: str) -> Said:
        return self.terminal.run(*arguments)

    def done(self, *arguments: str) -> Said:
        said = self.run(*arguments)
        assert said.code == 0, said.text
        return said

    def ask(self, *arguments: str, by: str = "alice") -> str:
        """The id of the request that a command made."""
        said = self.done(*arguments, "--as", by, "--json").json
        found = said["decisions"][0] if "decisions" in said else said
        return str(found["request_id"])

    def decide(self, decision: str, *which: str, by: str = "alice") -> str:
        why = ("--why", "the till was offline", "--yes")
        return self.ask("exceptions", "decide", "--decision", decision, *why, *which, by=by)

    def approve(self, request_id: str, *, by: str = "bob") -> Said:
        return self.run("requests", "approve", request_id, "--as", by)

    def exceptions(self, *arguments: str) -> dict[str, dict[str, object]]:
        found = self.done("exceptions", "list", "--json", *arguments).json["exceptions"]
        return {one["event_id"]: one for one in found}

    def head(self) -> int:
        return int(self.done("status", "--json").json["lake"]["commit_seq"])


@pytest.fixture
def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    """Works in a folder of its own, whose `data` is the home."""
    for name in ("HOME", "TENANT"):
        monkeypatch.delenv(f"LEDGERLAKE_{name}", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return Terminal(tmp_path, monkeypatch, capsys)


@pytest.fixture
def empty_desk(terminal: Terminal) -> Desk:
    """A lake with sales, and nobody to decide about them."""
    settings = Settings(home=terminal.folder / "data")
    initialise(settings, dated_us=int(OPENED.timestamp()) * 1_000_000)
    home = Home.of(settings)
    append(home, 0, 70, arrived=OPENED + DAY)
    append(home, 70, LATE, arrived=OPENED + 20 * DAY)
    return Desk(terminal, home)


@pytest.fixture
def desk(empty_desk: Desk) -> Desk:
    """The same with alice and bob, who both may ask and approve."""
    for name in ("alice", "bob"):
        empty_desk.done("people", "add", name, "--role", "requester", "--role", "approver")
    return empty_desk
