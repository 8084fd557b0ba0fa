"""Time DuckDB spends on the statements of each dbt node, without dbt's own time.

Holds a stopwatch around the adapter's one way to run a statement. Called by build benchmarks.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager

Times = dict[str, float]
"""Seconds by node name."""


@contextmanager
def engine_seconds() -> Iterator[Times]:
    """Collects while the block runs; statements of all threads count."""
    times: Times = defaultdict(float)
    lock = threading.Lock()
    plain = DuckDBConnectionManager.add_query

    def timed(self: Any, *arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return plain(self, *arguments, **options)
        finally:
            took = time.perf_counter() - start
            name = str(self.get_thread_connection().name).split(".")[-1]
            with lock:
                times[name] += took

    setattr(DuckDBConnectionManager, "add_query", timed)  # noqa: B010 mypy knows it as a method
    try:
        yield times
    finally:
        setattr(DuckDBConnectionManager, "add_query", plain)  # noqa: B010
