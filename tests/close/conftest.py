"""Houses that stand ready, each made once and copied for every test that changes it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.close.house import House, open_house
from tests.prepared import once

JANUARY = "2026-01"
FEBRUARY = "2026-02"

Copy = Callable[[str], House]
"""A copy of the house in the state named: open or closed."""


class Street:
    """The house in each state; a later one is made from the one before."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory

    def house(self, state: str) -> House:
        make = {"open": open_house, "closed": self._closed}[state]
        return once(self._factory, f"house-{state}", make)

    def _closed(self, root: Path) -> House:
        made = self.house("open").copy_to(root)
        made.close(JANUARY)
        return made


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    return Street(tmp_path_factory)


@pytest.fixture
def house(street: Street, tmp_path: Path) -> Copy:
    return lambda state: street.house(state).copy_to(tmp_path / state)


@pytest.fixture
def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    """Works in a folder of its own."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return Terminal(tmp_path, monkeypatch, capsys)
