"""One small lake made by the real writer, and a fresh copy of it for each test to break."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.lakes import build_lake, copy_of


@pytest.fixture(scope="session")
def whole_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only to be read."""
    return build_lake(tmp_path_factory.mktemp("home"))


@pytest.fixture
def lake(whole_lake: Path, tmp_path: Path) -> Path:
    return copy_of(whole_lake, tmp_path)


@pytest.fixture
def rng() -> Iterator[random.Random]:
    """Another seed each run, printed when a test fails; LEDGERLAKE_TEST_SEED repeats it."""
    seed = int(os.environ.get("LEDGERLAKE_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"LEDGERLAKE_TEST_SEED={seed}")  # noqa: T201 - pytest shows it when a test fails
    yield random.Random(seed)
