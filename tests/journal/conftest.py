"""Fixtures: an empty journal and an empty lake. Tests that ask for `url` or `journal` run on SQLite
and on a real PostgreSQL.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.journal import Journal
from ingestion.lake import Lake
from tests.events import FIRST_US
from tests.postgres import Server

NOW = FIRST_US + 86_400_000_000


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'journal' / 'journal.sqlite'}"
    server: Server = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    opened = Journal.open(url, now=lambda: NOW)
    yield opened
    opened.close()


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = Lake.create(tmp_path / "lake", tmp_path / "index", now=lambda: NOW)
    yield made
    made.close()
