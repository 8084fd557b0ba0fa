"""SQL of the `live.tail_*` relations: the lake behind an edition, always to its newest commit.

Runs are read by name; younger commits through a window of names to come, so that a connection
opened long ago sees a commit made just now. Holds text only.
Called by `current_file`. Order of reading and why nothing is counted twice: docs/editions.md.
"""

from pathlib import Path

from audit.canonical import CANONICAL, Kind
from ingestion.lake.layout import FAMILIES
from orchestration.home import Home
from orchestration.publish import window as windows
from orchestration.publish.export import file_list, quoted, text
from orchestration.publish.tail import BOOKED, COMMITS, Coverage, deltas_of, empty_file
from orchestration.publish.window import Window

SCHEMA = "live"

_TYPES = {
    Kind.TEXT: "varchar",
    Kind.INT32: "integer",
    Kind.INT64: "bigint",
    Kind.INSTANT: "timestamptz",
    Kind.DECIMAL: "decimal(18, 4)",
}
_DELTAS = {
    "sales": (("store_id", "category", "channel", "currency"), ("amount", "quantity")),
    "accounts": (("account_id", "currency", "store_id"), ("amount",)),
}
"""Keys and measures of the deltas of each family, as the models' macros name them."""

_BOOKED_AS = {
    "business_date": "date",
    "commit_seq": "bigint",
    "ingest_time": "timestamptz",
    "route": "varchar",
    "charge_period": "varchar",
    "posting_period": "varchar",
    "is_correction": "boolean",
    "is_reversal": "boolean",
    "lateness_days": "integer",
}
_FIGURE = "decimal(38, 4)"
_COUNT = {"event_count": "bigint"}

_NAME_LENGTH = 20 + 1 + 64 + len(".parquet")
"""Of a segment: commit, SHA-256."""

_TOO_MANY = (
    "So many commits came since this file was written that it does not show them all."
    " Run `ledgerlake publish`, then open the file again."
)
_OLD_WRITER = (
    "A commit came from an older version of Ledgerlake, which lays its segments elsewhere. Stop"
    " that process, run `ledgerlake publish`, then open the file again."
)
_COMMIT_TYPE = (
    "struct(lake struct(seq bigint, ingest_time_us bigint, segments struct(path varchar)[]))"
)


def tail_relations(home: Home, coverage: Coverage) -> list[str]:
    """CREATE VIEW statements for `live.tail_commits` and some per family.

    `tail_<family>` has the events of all commits, `tail_booked_<family>` those of commits whose
    deltas are in `tail_deltas_<family>`, and `tail_found_<family>` what lies in segments of the
    others, each row with its segment's name where that may have no commit. Who reads several
    reads `tail_commits` once and compares the names himself.
    """
    window = windows.opened(home, after=coverage.until, no_events=empty_file(home, "events"))
    views = {"tail_commits": _commits(home, coverage, window)}
    for family in FAMILIES:
        views[f"tail_booked_{family}"] = _booked(home, coverage, family)
        views[f"tail_found_{family}"] = _found(home, coverage, window, family)
        views[f"tail_{family}"] = _events(family)
    for family in BOOKED:
        views[f"tail_deltas_{family}"] = _deltas(home, coverage, family)
    return [
        f"create schema if not exists {SCHEMA}",
        *(f"create or replace view {SCHEMA}.{name} as {query}" for name, query in views.items()),
    ]


def _commits(home: Home, coverage: Coverage, window: Window) -> str:
    """One row per commit: number, time, the names of its segments that are in no run, and whether
    its deltas are kept."""
    columns = (
        "commit_seq, ingest_time, []::varchar[] as segments,"
        f" commit_seq <= {coverage.booked} as is_booked"
    )
    names = (
        "list_transform(commitinfo.lake.segments, lambda one: case when one.path like '%/%/%'"
        f" then right(one.path, {_NAME_LENGTH}) else error({text(_OLD_WRITER)}) end)"
    )
    last = text(window.commit(window.last))
    return (
        f"{_from_runs(home, coverage.files(COMMITS), empty_file(home, COMMITS), columns)}"
        f" where {_between(coverage.after, coverage.until)} union all"
        " select commitinfo.lake.seq, make_timestamptz(commitinfo.lake.ingest_time_us),"
        f" {names}, false"
        f" from read_json({file_list(window.logs)}, format = 'newline_delimited',"
        f" columns = {{commitInfo: {text(_COMMIT_TYPE)}}}, filename = true)"
        f" where filename > {text(window.commit(coverage.until))} and commitinfo is not null"
        f" and case when filename >= {last} then error({text(_TOO_MANY)}) else true end"
    )


def _booked(home: Home, coverage: Coverage, family: str) -> str:
    files = coverage.files(family, until=coverage.booked)
    return (
        f"{_from_runs(home, files, empty_file(home, family), _event_columns(family))}"
        f" where {_between(coverage.after, coverage.booked)}"
    )


def _deltas(home: Home, coverage: Coverage, family: str) -> str:
    files = coverage.files(deltas_of(family), until=coverage.booked)
    if not files:
        columns = ", ".join(f"null::{kind} as {name}" for name, kind in delta_types(family).items())
        return f"select {columns} where false"
    columns = ", ".join(map(quoted, delta_types(family)))
    return (
        f"select {columns} from read_parquet"
        f"({file_list([home.root / path for path in files])}, hive_partitioning = false)"
        f" where {_between(coverage.after, coverage.booked)}"
    )


def _found(home: Home, coverage: Coverage, window: Window, family: str) -> str:
    columns = _event_columns(family)
    files = coverage.files(family, after=coverage.booked)
    kept = _from_runs(home, files, empty_file(home, family), f"{columns}, null::varchar as segment")
    return (
        f"{kept} where {_between(coverage.booked, coverage.until)}"
        f" union all select {columns}, right(filename, {_NAME_LENGTH})"
        f" from read_parquet({file_list(window.segments(family))},"
        " hive_partitioning = false, filename = true)"
        f" where filename > {text(window.first_segment(family))}"
    )


def _events(family: str) -> str:
    """A segment counts only if its commit names it: a crash may leave one that no commit names.

    Commits are listed before segments, for DuckDB lists files where a relation is first read: of
    every commit in the list all segments are there.
    """
    columns = _event_columns(family)
    return (
        "with committed as materialized"
        f" (select unnest(segments) as segment from {SCHEMA}.tail_commits)"
        f" select {columns} from (select count(*) as commits from committed) as listed"
        f" cross join {SCHEMA}.tail_found_{family}"
        " where segment is null or segment in (select segment from committed)"
        f" union all select {columns} from {SCHEMA}.tail_booked_{family}"
    )


def _event_columns(family: str) -> str:
    names = [column.name for column in CANONICAL if column.name != "family"]
    return ", ".join([f"{text(family)} as family", *map(quoted, names)])


def _from_runs(home: Home, paths: list[str], empty: Path, columns: str) -> str:
    files = file_list([empty, *(home.root / path for path in paths)])
    return f"select {columns} from read_parquet({files}, hive_partitioning = false)"


def _between(after: int, until: int) -> str:
    return f"commit_seq > {after} and commit_seq <= {until}"


def column_types() -> dict[str, str]:
    """Columns of `live.tail_<family>` and their DuckDB types, in order."""
    return {
        "family": "varchar",
        **{one.name: _TYPES[one.kind] for one in CANONICAL if one.name != "family"},
    }


def delta_types(family: str) -> dict[str, str]:
    """Columns of `live.tail_deltas_<family>` and their DuckDB types, in order."""
    keys, measures = _DELTAS[family]
    return dict.fromkeys(keys, "varchar") | _BOOKED_AS | dict.fromkeys(measures, _FIGURE) | _COUNT
