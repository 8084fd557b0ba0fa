"""Killed while it approves, a command leaves all or nothing, and doing it again finishes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.control.books import load_books
from tests.desk.conftest import LATE, Desk

ROOT = Path(__file__).resolve().parents[2]
STEPS = ("linked", "before_commit", "after_commit")
"""The segment is there, the commit is about to be, the commit is there and nobody was told."""

KILLED_AT = """
import functools, os, signal, sys
from ingestion.lake import Lake
step = sys.argv.pop(1)
def die(name):
    if name == step:
        os.kill(os.getpid(), signal.SIGKILL)
Lake.open = functools.partial(Lake.open, step=die)
from orchestration.cli.main import main
main()
"""


def in_process(desk: Desk, program: tuple[str, ...], *arguments: str) -> int:
    """The exit code of another Python process on the desk's home."""
    return subprocess.run(
        [sys.executable, *program, *arguments],
        cwd=desk.terminal.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    ).returncode


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_while_approving_leaves_all_or_nothing(desk: Desk, step: str) -> None:
    request = desk.decide("rejected", "--all")
    approve = ("requests", "approve", request, "--as", "bob")
    assert in_process(desk, ("-c", KILLED_AT, step), *approve) == -signal.SIGKILL
    books = load_books(desk.home.lake)
    assert (books.requests[request].state, len(books.decisions)) in {
        ("open", 0),
        ("approved", LATE),
    }
    assert in_process(desk, ("-m", "orchestration.cli.main"), *approve) == 0
    books = load_books(desk.home.lake)
    assert (books.requests[request].state, len(books.decisions)) == ("approved", LATE)
