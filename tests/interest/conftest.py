"""A bank with a few accounts in January 2026, whose rates change on the 16th; one that accrued."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from orchestration.interest.accrue import accrue
from tests.interest.bank import Bank
from tests.prepared import once

DECEMBER, JANUARY = date(2025, 12, 20), date(2026, 1, 10)
FEBRUARY = datetime(2026, 2, 1, 3, tzinfo=UTC)
MOVEMENTS = (
    ("rich", "EUR", DECEMBER, "12000"),
    ("poor", "EUR", JANUARY, "500.50"),
    ("poor", "JPY", DECEMBER, "1000000"),
    ("debtor", "EUR", DECEMBER, "-100"),
    ("gold", "XAU", DECEMBER, "5"),
    ("new", "EUR", date(2026, 1, 31), "900"),
)


def opened(root: Path) -> Bank:
    """A bank of these movements at the beginning of February."""
    made = Bank(root).open()
    made.move(*MOVEMENTS)
    made.publish()
    made.clock = FEBRUARY
    return made


@pytest.fixture(scope="session")
def _opened_once(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return once(tmp_path_factory, "bank", opened)


@pytest.fixture(scope="session")
def _accrued_once(_opened_once: Bank, tmp_path_factory: pytest.TempPathFactory) -> Bank:
    def accrued(root: Path) -> Bank:
        made = copied(_opened_once, root)
        accrue(made.settings, "2026-01", "v1", when=made.when)
        return made

    return once(tmp_path_factory, "bank-accrued", accrued)


@pytest.fixture
def bank(_opened_once: Bank, tmp_path: Path) -> Bank:
    """No interest was posted yet."""
    return copied(_opened_once, tmp_path / "bank")


@pytest.fixture
def accrued(_accrued_once: Bank, tmp_path: Path) -> Bank:
    """January was accrued by v1; the edition is older."""
    return copied(_accrued_once, tmp_path / "accrued")


def copied(bank: Bank, root: Path) -> Bank:
    """The same bank elsewhere; its edition says where it is."""
    shutil.copytree(bank.root, root, symlinks=True)
    made = Bank(root, clock=bank.clock, moved=bank.moved)
    made.move_edition()
    return made
