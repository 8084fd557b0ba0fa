"""Building: dbt's models and tests in this process, one build at a time per home.

Holds `Builder` (warm: the second build parses nothing), its results and the record of the last
build. Does not publish. Called by `ledgerlake build`, the demo and benchmarks.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt_common.invocation import get_invocation_id

from ledger.control_events import MOVES_NO_FIGURE
from ledger.errors import IncorrectInput, InternalFault
from orchestration.ctrl_c import ctrl_c_kept
from orchestration.home import Home
from orchestration.locks import exclusive
from orchestration.news import newest_of_only
from orchestration.publish.edition import replace_durably
from orchestration.publish.warehouse import is_marked, mark
from orchestration.quiet_dbt import quieten
from orchestration.settings import PREFIX, Settings

PROJECT_FILE = "dbt_project.yml"
MANIFEST, RUN_RESULTS = "manifest.json", "run_results.json"
FAILED = frozenset({"error", "fail", "runtime error", "partial success"})
PASSED, BROKEN = "passed", "failed"
ON_DEMAND = "on_demand"
"""Tag of models that commands of their own make, with `Builder.make`."""

Tell = Callable[[int, int], None]
"""Called with (nodes done, nodes in all)."""


@dataclass(frozen=True, kw_only=True)
class NodeResult:
    """A model, seed or test. `rows` of a table after the build, `failures` of a test.

    `header` is what a test says about itself: when rows come back.
    """

    name: str
    kind: str
    status: str
    seconds: float
    rows: int | None = None
    failures: int | None = None
    header: str | None = None
    message: str | None = None

    @property
    def is_test(self) -> bool:
        """A test of data or of a model's logic."""
        return _is_test(self.kind)

    @property
    def why(self) -> str:
        """What went wrong: what a test says about itself, else dbt's message."""
        return self.header or self.message or ""


@dataclass(frozen=True, kw_only=True)
class Built:
    """What a build did. `commit_seq` is what the warehouse knows now, None if nothing."""

    outcome: str
    commit_seq: int | None
    full_refresh: bool
    started: str
    finished: str
    seconds: float
    nodes: list[NodeResult] = field(default_factory=list)

    @property
    def failed(self) -> list[NodeResult]:
        return [one for one in self.nodes if one.status in FAILED]


@dataclass(frozen=True)
class _Seen:
    """The commit the warehouse knows, rows per table, and the comment of each (schema, table)."""

    commit: int | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    comments: Mapping[tuple[str, str], str | None] = field(default_factory=dict)


class Builder:
    """Builds one home. Keeps the parsed project, so that later builds start at once.

    The first build checks everything; those that follow one that passed check what is new, and
    leave out views, which stand as they are. `checked` is the commit up to which a build of another
    process passed, if one did.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        project: Path | None = None,
        checked: int | None = None,
        manifest: Manifest | None = None,
    ) -> None:
        self.home = Home.of(settings)
        self._project = project or project_folder()
        self._manifest = manifest
        self._checked = checked
        self._standing: tuple[int, ...] | None = None
        self._checked_all = False

    @property
    def manifest(self) -> Manifest | None:
        """The parsed project once there was a build; a builder of another home may take it."""
        return self._manifest

    def build(
        self,
        *,
        full_refresh: bool = False,
        known_as_of_commit: int | None = None,
        count_rows: bool = True,
        unit_tests: bool = True,
        locked: bool = False,
        tell: Tell | None = None,
    ) -> Built:
        """Run models and tests up to the lake's head, or as known at a commit.

        `unit_tests` try the code on made-up rows, and can be left out where only data is judged.
        `locked`: the caller holds the build lock already.

        IncorrectInput when another build runs or dbt refuses the wish; a failing model or test is
        a result, not an error.
        """
        _require_lake(self.home)
        lock = nullcontext() if locked else exclusive(self.home.build_lock, doing="build")
        with lock, _dbt_home(self.home, self._project), _connection_closed():
            started, clock = _now(), time.perf_counter()
            if full_refresh:
                self._checked = None
            whole = self._checked is None or (self._checked_all and self._stands())
            nodes = self._run(full_refresh, known_as_of_commit, tell, unit_tests=unit_tests)
            seen = self._look(count_rows)
            self._mark_generations(seen.comments)
            _close_connection()  # before we note how we leave the file
            built = Built(
                outcome=BROKEN if any(one.status in FAILED for one in nodes) else PASSED,
                commit_seq=seen.commit,
                full_refresh=full_refresh,
                started=started,
                finished=_now(),
                seconds=round(time.perf_counter() - clock, 3),
                nodes=[_with_rows(one, seen.rows) for one in nodes],
            )
            self._standing = None
            self._checked_all = built.outcome == PASSED and whole
            if built.outcome == PASSED:
                self._checked = seen.commit
                self._standing = _mark(self.home)
            _record(self.home, built)
            return built

    def make(
        self, tables: Sequence[str], *, known_as_of_commit: int, tell: Tell | None = None
    ) -> list[NodeResult]:
        """Make these tables and what they are made of, untested, and record nothing.

        For a warehouse of its own, which nobody publishes from.
        """
        _require_lake(self.home)
        wanted = ["run", "--select", *(f"+{one}" for one in tables)]
        lock = exclusive(self.home.build_lock, doing="build")
        with lock, _dbt_home(self.home, self._project), _connection_closed():
            return _nodes(self._done(wanted, known_as_of_commit, tell))

    def check_everything(self) -> None:
        """Let the next build run every test, as the first does.

        Unless one of ours did, and nobody else has written to the warehouse since.
        """
        if not (self._checked_all and self._stands()):
            self._checked = None

    def known_commit(self) -> int | None:
        """The newest commit the warehouse has seen, whoever built it."""
        return self._checked if self._stands() else self._look(count_rows=False).commit

    def _stands(self) -> bool:
        """Is all as our last build left it?"""
        return self._standing is not None and self._standing == _mark(self.home)

    def _run(
        self, full_refresh: bool, commit: int | None, tell: Tell | None, *, unit_tests: bool
    ) -> list[NodeResult]:
        scope = ["--exclude", f"tag:{ON_DEMAND}", *(["--full-refresh"] if full_refresh else [])]
        scope += [] if unit_tests else ["--exclude-resource-type", "unit_test"]
        # Views and manifest are as our last build left them unless another process built since;
        # looking at 20 views and writing the manifest again is half of a tick.
        stands = self._checked is not None and self._stands()
        if stands:
            until = self._only_closing(commit)
            scope = ["--selector", "tick_of_tables" if until is None else "tick_of_closing"]
            scope += ["--no-write-json"]
            commit = until if commit is None else commit  # what comes meanwhile may be sales
        elif self._checked is not None:
            scope = ["--selector", "tick"]
        done = self._done(["build", *scope], commit, tell)
        if stands:
            done.write(str(self.home.target / RUN_RESULTS))
        return _nodes(done)

    def _only_closing(self, until: int | None) -> int | None:
        """The commit to build to, if nothing new moves a figure."""
        assert self._checked is not None, "only asked after a build that passed"
        return newest_of_only(self.home, MOVES_NO_FIGURE, after=self._checked, until=until)

    def _done(self, arguments: list[str], commit: int | None, tell: Tell | None) -> Any:
        """dbt's results of a command; the project is parsed before the first."""
        if self._manifest is None:
            self._manifest = self._invoke(["parse"], commit).result
        done = self._invoke(arguments, commit, _Progress(tell) if tell else None)
        if done.result is None:
            raise _refusal(done.exception)
        return done.result

    def _invoke(
        self, arguments: list[str], commit: int | None, progress: "_Progress | None" = None
    ) -> Any:
        values: dict[str, object] = {}
        if self.home.tenant != "default":
            values["tenant"] = self.home.tenant
        # Parsing sees only what stays: what an earlier process parsed is taken over then.
        parsed = self._manifest is not None
        if commit is not None and parsed:
            values["known_as_of_commit"] = commit
        if self._checked is not None and parsed:
            values["laws_from_commit"] = self._checked + 1
        command = [
            *arguments,
            *("--project-dir", str(self._project), "--profiles-dir", str(self._project)),
            *("--target-path", str(self.home.target)),
            *("--log-path", str(self.home.target.with_name("logs"))),
            *("--log-level", "none", "--log-level-file", "none"),
            *(["--vars", json.dumps(values)] if values else []),
        ]
        quieten()
        callbacks = [progress] if progress else []
        with ctrl_c_kept():
            done = dbtRunner(manifest=self._manifest, callbacks=list(callbacks)).invoke(command)
        if done.exception is not None and done.result is None:
            raise _refusal(done.exception)
        return done

    def _look(self, count_rows: bool) -> _Seen:
        if not self.home.warehouse.exists():
            return _Seen()
        with _connected(self.home) as connection:
            found = connection.execute(
                "select schema_name, table_name, comment from duckdb_tables()"
            ).fetchall()
            comments = {(schema, name): comment for schema, name, comment in found}
            commit = None
            if ("staging", "stg_lake__commits") in comments:
                commit = _one(connection, "select max(commit_seq) from staging.stg_lake__commits")
            rows = {
                name: _one(connection, f'select count(*) from "{schema}"."{name}"') or 0
                for schema, name in (comments if count_rows else ())
            }
            return _Seen(commit, rows, comments)

    def _mark_generations(self, comments: Mapping[tuple[str, str], str | None]) -> None:
        """Before we note how we left the warehouse: publishing would write the marks later, and
        the next build take that for somebody's change."""
        assert self._manifest is not None, "it was parsed for the build"
        new = [
            f'"{schema}"."{name}"'
            for schema, name in _published(self._manifest)
            if (schema, name) in comments and not is_marked(comments[schema, name])
        ]
        if new:
            with _connected(self.home, read_only=False) as connection:
                for relation in new:
                    mark(connection, relation)


@contextmanager
def _connected(home: Home, *, read_only: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse over dbt's connection while that is open, as it is after a build: to open a
    large one anew takes 50 ms."""
    environment = DuckDBConnectionManager._ENV
    if environment is None or environment.conn is None:
        with duckdb.connect(str(home.warehouse), read_only=read_only) as connection:
            yield connection
    else:
        with environment.conn.cursor() as connection:
            yield connection


def _close_connection() -> None:
    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


@contextmanager
def _connection_closed() -> Iterator[None]:
    """dbt's open connection would refuse ours, which has other settings."""
    try:
        yield
    finally:
        _close_connection()


def _published(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """(schema, name) of the models that have a place in an edition."""
    for node in manifest.nodes.values():
        if str(node.resource_type) == "model" and node.config.meta.get("publish"):
            yield node.schema, node.alias


def _mark(home: Home) -> tuple[int, ...]:
    """Changes when anybody writes the manifest or the warehouse, its log of writes included."""
    mark: list[int] = []
    for path in (home.target / MANIFEST, home.warehouse, Path(f"{home.warehouse}.wal")):
        with suppress(FileNotFoundError):
            found = path.stat()
            mark += (found.st_ino, found.st_mtime_ns, found.st_size)
    return tuple(mark)


def project_folder() -> Path:
    """Where dbt's project lies: the working folder if it is one, else beside this package."""
    for folder in (Path.cwd(), Path(__file__).resolve().parents[1]):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise IncorrectInput(
        "dbt_project_must_be_there",
        thing=f"working folder {Path.cwd()}",
        expected=f"a {PROJECT_FILE} in it",
        found="none",
        remedy="Run the command from the project's root.",
    )


def _require_lake(home: Home) -> None:
    if not (home.lake / "_delta_log").is_dir():
        raise IncorrectInput(
            "lake_must_exist",
            thing=f"home {home.root}, tenant {home.tenant}",
            expected="a lake",
            found="none",
            remedy="Run `ledgerlake init` first, or set LEDGERLAKE_HOME to the home that has one.",
        )


class _Progress:
    """Counts finished nodes in dbt's events."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def __call__(self, event: Any) -> None:
        if event.info.name == "NodeFinished":
            info = event.data
            self._tell(int(getattr(info, "index", 0)), int(getattr(info, "total", 0)))


@contextmanager
def _dbt_home(home: Home, project: Path) -> Iterator[None]:
    """Let dbt find this home, and keep our working folder: dbt changes into its project."""
    before, folder = os.environ.get(f"{PREFIX}HOME"), Path.cwd()
    plain = before is None and home.root == project / "data"
    if not plain:
        os.environ[f"{PREFIX}HOME"] = str(home.root)
    try:
        yield
    finally:
        os.chdir(folder)
        if before is None:
            os.environ.pop(f"{PREFIX}HOME", None)
        else:
            os.environ[f"{PREFIX}HOME"] = before


def _nodes(done: Any) -> list[NodeResult]:
    return [_node(one) for one in done.results if one.node.resource_type != "operation"]


def _node(result: Any) -> NodeResult:
    node = result.node
    status = str(result.status)
    broken = status in FAILED
    return NodeResult(
        name=node.name,
        kind=str(node.resource_type),
        status=status,
        seconds=round(result.execution_time, 3),
        failures=result.failures,
        header=_header(node) if broken and _is_test(str(node.resource_type)) else None,
        message=result.message if broken else None,
    )


def _is_test(kind: str) -> bool:
    return kind in ("test", "unit_test")


def _header(node: Any) -> str | None:
    """The comment a test opens with, or its description."""
    lines = []
    for line in (node.raw_code or "").strip().splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines) or node.description or None


def _with_rows(node: NodeResult, rows: Mapping[str, int]) -> NodeResult:
    if node.kind not in ("model", "seed") or node.name not in rows:
        return node
    return NodeResult(**{**asdict(node), "rows": rows[node.name]})


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int | None:
    row = connection.execute(query).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def _refusal(error: BaseException | None) -> IncorrectInput | InternalFault:
    text = " ".join(str(error).split()) or type(error).__name__
    if "Conflicting lock" in text:
        return IncorrectInput(
            "warehouse_must_be_free",
            thing="the warehouse",
            expected="no other process to have it open",
            found=text,
            remedy="End the client or dbt run that has it open; readers use current.duckdb.",
        )
    return IncorrectInput(
        "build_must_be_possible",
        thing="the dbt build",
        expected="a project, a lake and a wish that fit together",
        found=text,
        remedy="Do what the message says; `dbt debug` tells more.",
    )


def _record(home: Home, built: Built) -> None:
    values = {name: value for name, value in asdict(built).items() if name != "nodes"}
    values["failed"] = [asdict(one) for one in built.failed]
    values["dbt_invocation"] = get_invocation_id()
    replace_durably(home.build_record, (json.dumps(values, indent=1) + "\n").encode())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
