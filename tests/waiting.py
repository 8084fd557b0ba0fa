"""Waiting for what another thread or process does. Called by tests that watch one."""

import time
from collections.abc import Callable


def until(seen: Callable[[], bool], *, seconds: float) -> None:
    """Look again and again; AssertionError if it has not come about in so many seconds."""
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.005)
