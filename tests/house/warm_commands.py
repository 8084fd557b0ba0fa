"""The command `ledgerlake` with its imports done: one process per call, forked from a warm server.

A start of the command line takes over a second of CPU, nearly all of it imports, and the documents
show some sixty commands. Each call still is a process of its own, with its own arguments, folder,
environment, input, output and exit code. Called by tests that run what documents show.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestration.cli.main import main
from tests.garbage import look_seldom
from tests.house.sources import ROOT

CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"3"], [0, 1, 2])
    call = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
    server.sendall(json.dumps(call).encode())
    server.shutdown(socket.SHUT_WR)
    answer = server.recv(1)
sys.exit(answer[0] if answer else 70)
"""

PRELOADED = (
    *("dbt.cli.main", "duckdb", "polars", "ingestion.control.gate", "ingestion.lake.writer"),
    *("orchestration.build", "orchestration.cli.ingest_run", "orchestration.desk.decide"),
    *("orchestration.publish.publisher", "orchestration.verification"),
)


@contextmanager
def warm_commands() -> Iterator[Path]:
    """A folder for the PATH that holds `ledgerlake`, as long as the server behind it runs."""
    # Not below the tests' own folder: the path of a socket has a hundred characters at most.
    with TemporaryDirectory(prefix="warm-") as name:
        folder = Path(name)
        address = folder / "socket"
        script = folder / "ledgerlake"
        script.write_text(CLIENT.format(python=sys.executable, address=str(address)))
        script.chmod(0o755)
        server = subprocess.Popen([sys.executable, "-m", __name__, str(address)], cwd=ROOT)
        try:
            while not address.exists():
                assert server.poll() is None, "the server must start"
                time.sleep(0.05)
            yield folder
        finally:
            server.kill()
            server.wait()


def serve(address: str) -> None:
    """Fork a process for each call, for ever."""
    for name in PRELOADED:
        __import__(name)
    look_seldom()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel clears away those that ended
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{address}.early")
        listener.listen()
        Path(f"{address}.early").rename(address)
        while True:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    listener.close()
                    _answer(connection)


def _answer(connection: socket.socket) -> None:
    _, descriptors, *_ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rb") as said:
        call = json.loads(said.read())
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.argv = ["ledgerlake", *call["arguments"]]
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([code]))
    os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
