"""Fixtures: a terminal with an empty home, and one home that was built and published once."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from ingestion.lake import Lake
from orchestration.build import Builder
from orchestration.home import Home
from orchestration.initialise import initialise
from orchestration.publish.publisher import publish
from orchestration.settings import Settings
from tests.cli.terminal import Terminal
from tests.events import batch, deposits, sales
from tests.prepared import once

PROJECT = Path(__file__).resolve().parents[2]
DAY = timedelta(days=1)
OPENED = datetime(2026, 1, 1, tzinfo=UTC)


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


def append_history(home: Home) -> None:
    """Three stores' worth of arrivals: day 2 in time, day 2 again 3 and 9 days late, deposits."""
    lake = Lake.open(home.lake, home.index)
    arrivals = [
        (batch(at_noon(sales(0, 70), 2), deposits(0, 22)), OPENED + 2 * DAY + DAY / 12),
        (batch(at_noon(sales(70, 7), 2)), OPENED + 5 * DAY),
        (batch(at_noon(sales(77, 7), 2)), OPENED + 11 * DAY),
    ]
    for one, moment in arrivals:
        lake.append(one, ingest_time_us=int(moment.timestamp()) * 1_000_000)
    lake.close()


def at_noon(events: pl.DataFrame, day: int) -> pl.DataFrame:
    """All events at noon of January `day`."""
    moment = OPENED + (day - 1) * DAY + DAY / 2
    return events.with_columns(event_time=pl.lit(moment).cast(pl.Datetime("us", "UTC")))


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with history, built by dbt and published."""
    return once(tmp_path_factory, "published-home", _publish)


def _publish(root: Path) -> Path:
    settings = Settings(home=root)
    initialise(settings, dated_us=int(OPENED.timestamp()) * 1_000_000)
    append_history(Home.of(settings))
    built = Builder(settings, project=PROJECT, checked=0).build()
    assert not built.failed, built.failed
    publish(settings)
    return root


@pytest.fixture
def published(terminal: Terminal, published_once: Path) -> Terminal:
    """A terminal on the published home; for commands that only read."""
    terminal.set("LEDGERLAKE_HOME", str(published_once))
    return terminal


@pytest.fixture
def own(terminal: Terminal, published_once: Path) -> Terminal:
    """A terminal on its own copy of the published home, published anew; for commands that write."""
    root = terminal.folder / "home"
    shutil.copytree(published_once, root, symlinks=True)
    terminal.set("LEDGERLAKE_HOME", str(root))
    terminal.set("LEDGERLAKE_EDITIONS__KEEP", "3")
    assert terminal.run("publish", "--full").code == 0
    return terminal
