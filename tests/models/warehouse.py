"""A home with a real lake, built by dbt in this process and read with DuckDB.

Holds `Warehouse`: commits with a chosen time of arrival, builds to the head or to a cut, reads.
dbt parses the project once per process; the home of each build is looked up as it runs.
Called by the tests of this folder.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import duckdb
import polars as pl
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from ingestion.lake import Batch, CommitResult, Lake, OffsetRange
from ingestion.lake.writer import Clock, system_clock
from ledger.control_events import SETTINGS_SOURCE
from orchestration.home import Home
from orchestration.quiet_dbt import quieten
from orchestration.settings import Settings
from tests.models.event_frames import filled, from_rows, instant

PROJECT = Path(__file__).parents[2]
CREATED = instant("2000-01-01T00:00:00+00:00")
"""Date of every test lake: before any history that is imported into one."""

MODELS = ("staging", "intermediate", "marts", "published")
"""What a build makes when nothing else is asked for: all but the live views."""

Tables = dict[str, list[tuple[object, ...]]]

FLAGS = (
    "--project-dir",
    str(PROJECT),
    "--profiles-dir",
    str(PROJECT),
    "--log-level",
    "none",
    "--no-write-json",
)
"""Of every dbt command."""


@dataclass
class Warehouse:
    """`commit` adds to the lake, `build` runs dbt, `rows` and `tables` read the figures."""

    home: Home
    lake: Lake

    def commit(self, events: pl.DataFrame, at: datetime, *, source: str = "till") -> CommitResult:
        """Commit rows (see `event_frames.filled`) as having arrived at `at`."""
        first = self.lake.next_offset(source, "p0")
        whole = filled(events, source=source, first_offset=first)
        offsets = {(source, "p0"): OffsetRange(first, first + whole.height)}
        return self.append(Batch(events=whole, offsets=offsets), at)

    def append(self, batch: Batch, at: datetime) -> CommitResult:
        return self.lake.append(batch, ingest_time_us=microseconds(at))

    def register_store(
        self, store: str, time_zone: str, at: datetime, *, day_cut_off: str = "00:00"
    ) -> None:
        payload = {"store_id": store, "time_zone": time_zone, "day_cut_off": day_cut_off}
        self._control(at, "StoreRegistered", payload, store_id=store)

    def set_policy(self, *, max_delay_days: int, initial_grace_hours: int, at: datetime) -> None:
        payload = {"max_delay_days": max_delay_days, "initial_grace_hours": initial_grace_hours}
        self._control(at, "LatenessPolicySet", payload)

    def _control(self, at: datetime, event_type: str, payload: object, **columns: str) -> None:
        row = {"event_type": event_type, "event_time": at, "payload": json.dumps(payload)}
        self.commit(from_rows([{**row, **columns}]), at, source=SETTINGS_SOURCE)

    def build(
        self,
        *,
        command: str = "run",
        select: Sequence[str] = MODELS,
        full_refresh: bool = False,
        known_as_of_commit: int | None = None,
    ) -> None:
        """Run models up to the lake's head or a commit; `command="build"` runs their tests too."""
        values = {} if known_as_of_commit is None else {"known_as_of_commit": known_as_of_commit}
        failed = self._dbt(
            command,
            *(["--full-refresh"] if full_refresh else []),
            *("--select", *select),
            *("--vars", json.dumps(values)),
        )
        assert not failed, failed

    def failing_tests(self, *names: str) -> list[str]:
        """Those of these dbt tests that fail on the warehouse as it is."""
        return sorted(self._dbt("test", "--select", *names))

    def _dbt(self, *arguments: str) -> dict[str, str]:
        """Run a dbt command on this home: node -> message of each that failed."""
        self.home.warehouse.parent.mkdir(parents=True, exist_ok=True)
        with dbt_home(self.home.root):
            runner = dbtRunner(manifest=parsed_project())
            done = runner.invoke([*arguments, *FLAGS, "--target-path", str(self.home.target)])
        if not isinstance(done.result, RunExecutionResult):
            raise AssertionError(f"dbt {' '.join(arguments)}: {done.exception}")
        return {
            one.node.name: str(one.message)
            for one in done.result.results
            if str(one.status) not in ("success", "pass")
        }

    @contextmanager
    def open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(str(self.home.warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            yield connection

    def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        with self.open() as connection:
            return connection.execute(query, values or None).fetchall()

    def tables(self) -> Tables:
        """Every table dbt wrote: its columns with their types, then all rows, sorted by all."""
        with self.open() as connection:
            names = connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables() order by all"
            ).fetchall()
            return {
                name: [
                    *connection.execute(f"describe {name}").fetchall(),
                    *connection.execute(f"select * from {name} order by all").fetchall(),
                ]
                for (name,) in names
            }


def open_warehouse(folder: Path, *, now: Clock = system_clock) -> Warehouse:
    """A new home in `folder` with an empty lake, ready for a historical import."""
    home = Home.of(Settings(home=folder))
    created = microseconds(CREATED)
    return Warehouse(home, Lake.create(home.lake, home.index, now=now, ingest_time_us=created))


def microseconds(at: datetime) -> int:
    since = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


@cache
def parsed_project() -> Manifest:
    """The dbt project, parsed once; which home it reads is decided by each run."""
    quieten()
    with dbt_home(PROJECT / "data"):
        done = dbtRunner().invoke(["parse", *FLAGS, "--no-partial-parse"])
    assert isinstance(done.result, Manifest), done.exception
    return done.result


@contextmanager
def dbt_home(root: Path) -> Iterator[None]:
    """Let dbt find this home; it changes the working folder and keeps its connection open."""
    before, folder = os.environ.get("LEDGERLAKE_HOME"), Path.cwd()
    os.environ["LEDGERLAKE_HOME"] = str(root)
    try:
        yield
    finally:
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
        os.chdir(folder)
        if before is None:
            del os.environ["LEDGERLAKE_HOME"]
        else:
            os.environ["LEDGERLAKE_HOME"] = before
