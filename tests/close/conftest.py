"""Houses that stand ready, each made once and copied for every test that changes it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.close.house import House, day
from tests.prepared import once

JANUARY = "2026-01"
FEBRUARY = "2026-02"

Copy = Callable[[str], House]
"""A copy of the house in the state named: open, soft_closed, closed, reopened or restated."""


class _Street:
    """The house in each state; a later one is made from the one before."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory

    def house(self, state: str) -> House:
        return once(self._factory, f"house-{state}", getattr(self, f"_{state}"))

    def _open(self, root: Path) -> House:
        """January is over, a week of February has passed."""
        made = House(root).open()
        made.trade(day(1, 1), 31 + 8)
        made.build()
        made.publish()
        return made

    def _soft_closed(self, root: Path) -> House:
        made = self.house("open").copy_to(root)
        made.soft_close(JANUARY)
        made.build()
        made.publish()
        return made

    def _closed(self, root: Path) -> House:
        made = self.house("open").copy_to(root)
        made.close(JANUARY)
        return made

    def _reopened(self, root: Path) -> House:
        made = self.house("closed").copy_to(root)
        made.reopen(JANUARY)
        made.build()
        made.publish()
        return made

    def _restated(self, root: Path) -> House:
        """January is closed again, as edition 2."""
        made = self.house("closed").copy_to(root)
        made.restate(JANUARY, day(1, 20))
        made.close(JANUARY)
        return made


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> _Street:
    return _Street(tmp_path_factory)


@pytest.fixture
def house(street: _Street, tmp_path: Path) -> Copy:
    return lambda state: street.house(state).copy_to(tmp_path / state)


@pytest.fixture
def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    """Works in a folder of its own."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return Terminal(tmp_path, monkeypatch, capsys)
