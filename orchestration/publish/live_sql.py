"""SQL of the `live.tail_*` relations: the lake behind an edition, always to its newest commit.

Runs are read by name; younger commits through a window of names to come, so that a connection
opened long ago sees a commit made just now. Holds text only.
Called by `current_file`. Order of reading and why nothing is counted twice: docs/editions.md.
"""

from audit.canonical import CANONICAL, Kind
from ingestion.lake.layout import FAMILIES
from orchestration.home import Home
from orchestration.publish import window as windows
from orchestration.publish.export import file_list, quoted, text
from orchestration.publish.tail import COMMITS, Coverage, empty_file
from orchestration.publish.window import Window

SCHEMA = "live"

_TYPES = {
    Kind.TEXT: "varchar",
    Kind.INT32: "integer",
    Kind.INT64: "bigint",
    Kind.INSTANT: "timestamptz",
    Kind.DECIMAL: "decimal(18, 4)",
}
_NAME_LENGTH = 20 + 1 + 64 + len(".parquet")
"""Of a segment: commit, SHA-256."""

_TOO_MANY = (
    "So many commits came since this file was written that it does not show them all."
    " Run `ledgerlake publish`, then open the file again."
)
_COMMIT_TYPE = (
    "struct(lake struct(seq bigint, ingest_time_us bigint, segments struct(path varchar)[]))"
)


def tail_relations(home: Home, coverage: Coverage) -> list[str]:
    """CREATE VIEW statements for `live.tail_commits` and two per family.

    `tail_found_<family>` has what lies in segments, each row with its segment's name where that
    may have no commit; `tail_<family>` only what commits name. Who reads several of them reads
    `tail_commits` once and compares the names himself.
    """
    window = windows.opened(home, after=coverage.until, no_events=empty_file(home, "events"))
    return [
        f"create schema if not exists {SCHEMA}",
        f"create or replace view {SCHEMA}.tail_commits as {_commits(home, coverage, window)}",
        *(
            statement
            for family in FAMILIES
            for statement in (
                f"create or replace view {SCHEMA}.tail_found_{family} as"
                f" {_found(home, coverage, window, family)}",
                f"create or replace view {SCHEMA}.tail_{family} as {_events(family)}",
            )
        ),
    ]


def _commits(home: Home, coverage: Coverage, window: Window) -> str:
    """One row per commit: number, time, and the names of its segments that are in no run."""
    columns = "commit_seq, ingest_time, []::varchar[] as segments"
    names = f"list_transform(commitinfo.lake.segments, lambda one: right(one.path, {_NAME_LENGTH}))"
    last = text(window.commit(window.last))
    return (
        f"{_from_runs(home, coverage, COMMITS, columns)} union all"
        f" select commitinfo.lake.seq, make_timestamptz(commitinfo.lake.ingest_time_us), {names}"
        f" from read_json({file_list(window.logs)}, format = 'newline_delimited',"
        f" columns = {{commitInfo: {text(_COMMIT_TYPE)}}}, filename = true)"
        f" where filename > {text(window.commit(coverage.until))} and commitinfo is not null"
        f" and case when filename >= {last} then error({text(_TOO_MANY)}) else true end"
    )


def _found(home: Home, coverage: Coverage, window: Window, family: str) -> str:
    columns = _event_columns(family)
    return (
        f"{_from_runs(home, coverage, family, f'{columns}, null::varchar as segment')}"
        f" union all select {columns}, right(filename, {_NAME_LENGTH})"
        f" from read_parquet({file_list(window.segments(family))},"
        " hive_partitioning = false, filename = true)"
        f" where filename > {text(window.first_segment(family))}"
    )


def _events(family: str) -> str:
    """A segment counts only if its commit names it: a crash may leave one that no commit names.

    Commits are listed before segments: of every commit in the list all segments are there.
    """
    return (
        "with committed as materialized"
        f" (select unnest(segments) as segment from {SCHEMA}.tail_commits)"
        f" select {_event_columns(family)} from {SCHEMA}.tail_found_{family}"
        " where segment is null or segment in (select segment from committed)"
    )


def _event_columns(family: str) -> str:
    names = [column.name for column in CANONICAL if column.name != "family"]
    return ", ".join([f"{text(family)} as family", *map(quoted, names)])


def _from_runs(home: Home, coverage: Coverage, name: str, columns: str) -> str:
    files = [empty_file(home, name), *(home.root / path for path in coverage.files(name))]
    return (
        f"select {columns} from read_parquet({file_list(files)}, hive_partitioning = false)"
        f" where commit_seq > {coverage.after} and commit_seq <= {coverage.until}"
    )


def column_types() -> dict[str, str]:
    """Columns of `live.tail_<family>` and their DuckDB types, in order."""
    return {
        "family": "varchar",
        **{one.name: _TYPES[one.kind] for one in CANONICAL if one.name != "family"},
    }
