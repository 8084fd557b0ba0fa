"""Processes of their own that have the slow imports done when they start.

Holds `start` and `meeting`, for tests in which many processes die. They are forked from a server
that has only imported, so neither threads nor open files come along. Called by tests that kill.
"""

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Barrier

from tests.garbage import look_seldom

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        *("dbt.cli.main", "dbt.adapters.duckdb", "expectations.evidence"),
        *("tests.close.house", "tests.lake.producer", "tests.control.clerk"),
        "orchestration.cli.main",
        *("tests.journal.racer", "tests.sagas.shop", "sqlalchemy.dialects.sqlite", "psycopg"),
    ]
)


def start(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """Run `target(*arguments)`; a module-level function."""
    process = _CONTEXT.Process(target=_run, args=(target, *arguments))
    process.start()
    return process


def _run(target: Callable[..., None], *arguments: object) -> None:
    look_seldom()
    target(*arguments)


def meeting(parties: int) -> Barrier:
    """Where that many processes wait for each other; an argument of `start`."""
    return _CONTEXT.Barrier(parties)


def exit_code(process: ForkServerProcess) -> int | None:
    """Wait for its end; negative: the signal that killed it."""
    process.join()
    return process.exitcode
