"""Time DuckDB spends on the data of each dbt node, without dbt's own time.

Holds a stopwatch around the adapter's one way to run a statement. What dbt asks the catalogue, and
the views it lays and moves, is dbt's overhead and part of the wall clock only.
Called by build benchmarks.
"""

import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager

CATALOGUE = re.compile(
    r"information_schema|duckdb_(databases|constraints|settings)\(|select version\(\)"
    r"|^(alter|drop) |^create (or replace )?(view|schema)",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)

Times = dict[str, float]
"""Seconds by node name."""


@contextmanager
def engine_seconds() -> Iterator[Times]:
    """Collects while the block runs; statements of all threads count."""
    times: Times = defaultdict(float)
    lock = threading.Lock()
    plain = DuckDBConnectionManager.add_query

    def timed(self: Any, sql: str, *arguments: Any, **options: Any) -> Any:
        if CATALOGUE.search(_COMMENT.sub("", sql).strip()):
            return plain(self, sql, *arguments, **options)
        start = time.perf_counter()
        try:
            return plain(self, sql, *arguments, **options)
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
