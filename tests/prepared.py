"""What takes long to make and several test processes start from: made by the first that asks.

Holds `once`. Called by session fixtures of homes that are only copied or read.
"""

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """What `make(folder)` returned, in whichever process of this test run; others wait for it."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, made = shared / f"once-{name}", shared / f"once-{name}.made"
    with (shared / f"once-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            half = made.with_suffix(".half")
            half.write_bytes(pickle.dumps(make(folder)))
            half.rename(made)
        value: T = pickle.loads(made.read_bytes())
    return value
