"""Killed while it approves, a command leaves all or nothing, and doing it again finishes."""

import contextlib
import functools
import io
import os
import signal
import sys
from pathlib import Path

import pytest

from ingestion.control.books import load_books
from ingestion.lake import Lake
from orchestration.cli.main import main
from tests import forked
from tests.desk.conftest import LATE, Desk
from tests.lake.producer import dying

STEPS = ("linked", "before_commit", "after_commit")
"""The segment is there, the commit is about to be, the commit is there and nobody was told."""


def _killed_at(step: str, folder: Path, *arguments: str) -> None:
    """`ledgerlake` in a new process, whose commit dies at the step."""
    for name in ("HOME", "TENANT"):
        os.environ.pop(f"LEDGERLAKE_{name}", None)
    os.chdir(folder)
    sys.argv = ["ledgerlake", *arguments]
    Lake.open = functools.partial(Lake.open, step=dying(step, 1))  # type: ignore[method-assign]
    with contextlib.redirect_stdout(io.StringIO()):
        main()


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_while_approving_leaves_all_or_nothing(desk: Desk, step: str) -> None:
    request = desk.decide("rejected", "--all")
    approve = ("requests", "approve", request, "--as", "bob")
    killed = forked.start(_killed_at, step, desk.terminal.folder, *approve)
    assert forked.exit_code(killed) == -signal.SIGKILL
    books = load_books(desk.home.lake)
    assert (books.requests[request].state, len(books.decisions)) in {
        ("open", 0),
        ("approved", LATE),
    }
    assert desk.run(*approve).code == 0
    books = load_books(desk.home.lake)
    assert (books.requests[request].state, len(books.decisions)) == ("approved", LATE)
