"""`dagster dev` from the project's folder, with a real daemon: a late file reaches the readers.

At night; in CI what the daemon would load is loaded, and jobs and sensors run in the tests beside.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from dagster import AssetKey, DagsterInstance, DefaultSensorStatus

from orchestration.home import Home
from orchestration.settings import Settings
from tests.scheduling.office import PROJECT, Office

DEADLINE_SECONDS = 300
"""A free machine needs about 60 s: the daemon's start, a build, and a run per period touched."""

MAPPING = """
mapping = 1
source = "till"
format = "csv"
[event]
type = "SaleRecorded"
id = { column = "id", prefix = "till-" }
time = { column = "at" }
store_id = { column = "store" }
currency = { column = "currency" }
amount = { column = "amount" }
"""


@pytest.fixture
def home(tmp_path: Path, published_once: Path) -> Home:
    root = tmp_path / "home"
    shutil.copytree(published_once, root, symlinks=True)
    return Home.of(Settings(home=root))


@pytest.fixture
def daemon(tmp_path: Path, home: Home) -> Iterator[Path]:
    """Dagster's folder, with `dagster dev` at work; ends it and all it started."""
    folder = tmp_path / "dagster"
    folder.mkdir()
    shutil.copy(PROJECT / "deploy" / "dagster.yaml", folder)
    log = (tmp_path / "dagster.log").open("wb")
    process = subprocess.Popen(
        [*_python("dagster"), "dev", "--host", "127.0.0.1", "--port", str(_free_port())],
        cwd=PROJECT,
        env=_environment(home) | {"DAGSTER_HOME": str(folder)},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield folder
    finally:
        _end(process)
        log.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole group, for Dagster's children have children."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.terminate()
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.poll()
        process.wait()


def test_dagster_loads_all_from_the_projects_folder_and_looks_by_itself(
    tmp_path: Path, home: Home
) -> None:
    """What the daemon needs to do what the test after this one waits for."""
    shutil.copy(PROJECT / "deploy" / "dagster.yaml", tmp_path)
    loading = subprocess.run(
        [*_python("dagster"), "definitions", "validate"],
        cwd=PROJECT,
        env=_environment(home) | {"DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert loading.returncode == 0, loading.stdout + loading.stderr
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert not instance.telemetry_enabled
        made = Office(Settings(home=home.root), instance).definitions.get_repository_def()
    looking = {
        one.name for one in made.sensor_defs if one.default_status is DefaultSensorStatus.RUNNING
    }
    assert looking == {"new_commits", "late_arrivals", "pending_exceptions", "failed_runs"}


@pytest.mark.nightly
def test_a_late_file_becomes_a_correction_and_an_exception(daemon: Path, home: Home) -> None:
    now = datetime.now(UTC)
    late, too_late = now - timedelta(days=3), now - timedelta(days=150)
    _ingest(home, [("a", late, "12.50"), ("b", too_late, "7.25")])
    corrected = "select sum(correction_amount)::varchar from daily_sales where store_id = 's9'"
    _wait("the corrected figure", daemon, lambda: _read(home, corrected) == "12.5000")
    pending = "select event_id from late_event_exceptions where status = 'pending'"
    assert _read(home, pending) == "till-b"
    touched = {f"{day:%Y-%m}" for day in (late, too_late)}
    with DagsterInstance.from_config(str(daemon)) as instance:
        figures = AssetKey("period_figures")
        _wait(
            "exactly the periods touched",
            daemon,
            lambda: instance.get_materialized_partitions(figures) == touched,
        )
    _wait("the alert", daemon, lambda: "1 late events wait" in _alerts(home))


def _wait(what: str, daemon: Path, seen: Callable[[], bool]) -> None:
    until = time.monotonic() + DEADLINE_SECONDS
    while not seen():
        if time.monotonic() > until:
            log = (daemon.parent / "dagster.log").read_text()[-4000:]
            raise AssertionError(f"{what} did not arrive in {DEADLINE_SECONDS} s:\n{log}")
        time.sleep(0.5)


def _ingest(home: Home, rows: list[tuple[str, datetime, str]]) -> None:
    folder = home.root.parent / "inbox"
    folder.mkdir()
    lines = [f"{name},{at.isoformat()},s9,EUR,{amount}" for name, at, amount in rows]
    (folder / "till.csv").write_text("\n".join(["id,at,store,currency,amount", *lines, ""]))
    mapping = folder.parent / "till.toml"
    mapping.write_text(MAPPING)
    subprocess.run(
        [*_python("orchestration.cli.main"), "ingest", "files", str(folder), "-m", str(mapping)],
        cwd=PROJECT,
        env=_environment(home),
        check=True,
        capture_output=True,
    )


def _read(home: Home, query: str) -> str | None:
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach '{home.current}' as published (read_only)")
        connection.execute("use published")
        row = connection.execute(query).fetchone()
    return None if row is None else row[0]


def _alerts(home: Home) -> str:
    return "".join(path.read_text() for path in home.alerts.glob("*.jsonl"))


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _environment(home: Home) -> dict[str, str]:
    # Warnings of the tests' own strictness are not for Dagster's processes.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": path, "LEDGERLAKE_HOME": str(home.root)}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
