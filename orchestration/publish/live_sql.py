"""SQL of the `live.tail_*` relations: the lake behind an edition, always to its newest commit.

Runs are read by name; younger commits through a glob whose files are pruned by name, so that a
connection opened long ago sees a commit made just now. Holds text only.
Called by `current_file`. Order of reading and why nothing is counted twice: docs/editions.md.
"""

from pathlib import Path

from audit.canonical import CANONICAL, Kind
from ingestion.lake.layout import FAMILIES
from orchestration.home import Home
from orchestration.publish.export import file_list, quoted, text
from orchestration.publish.tail import COMMITS, Coverage, empty_file

SCHEMA = "live"

_TYPES = {
    Kind.TEXT: "varchar",
    Kind.INT32: "integer",
    Kind.INT64: "bigint",
    Kind.INSTANT: "timestamptz",
    Kind.DECIMAL: "decimal(18, 4)",
}
_COMMIT_TYPE = (
    "struct(lake struct(seq bigint, ingest_time_us bigint, segments struct(path varchar)[]))"
)


def tail_relations(home: Home, coverage: Coverage) -> list[str]:
    """CREATE VIEW statements for `live.tail_log`, `live.tail_commits` and one per family."""
    return [
        f"create schema if not exists {SCHEMA}",
        f"create or replace view {SCHEMA}.tail_log as {_log(home, coverage)}",
        f"create or replace view {SCHEMA}.tail_commits as {_commits(home, coverage)}",
        *(
            f"create or replace view {SCHEMA}.tail_{family} as {_events(home, coverage, family)}"
            for family in FAMILIES
        ),
    ]


def _log(home: Home, coverage: Coverage) -> str:
    """One row per commit not in a run: number, time, and the segments that belong to it."""
    folder = home.lake / "_delta_log"
    return (
        "select commitinfo.lake.seq as commit_seq,"
        " make_timestamptz(commitinfo.lake.ingest_time_us) as ingest_time,"
        " list_transform(commitinfo.lake.segments, lambda one: one.path) as paths"
        f" from read_json({text(folder / '*.json')}, format = 'newline_delimited',"
        f" columns = {{commitInfo: {text(_COMMIT_TYPE)}}}, filename = true)"
        f" where filename > {text(folder / f'{coverage.until:020d}.json')}"
        f" and filename < {text(folder / ':')} and commitinfo is not null"
    )


def _commits(home: Home, coverage: Coverage) -> str:
    return (
        f"{_from_runs(home, coverage, COMMITS, 'commit_seq, ingest_time')}"
        f" union all select commit_seq, ingest_time from {SCHEMA}.tail_log"
    )


def _events(home: Home, coverage: Coverage, family: str) -> str:
    """A segment counts only if its commit names it: a crash may leave one that no commit names."""
    names = [column.name for column in CANONICAL if column.name != "family"]
    columns = ", ".join([f"{text(family)} as family", *map(quoted, names)])
    folder = home.lake / f"family={family}"
    first = f"{coverage.until + 1:020d}"
    prefix = len(str(home.lake)) + 2
    committed = f"select unnest(paths) from {SCHEMA}.tail_log"
    return (
        f"{_from_runs(home, coverage, family, columns)}"
        f" union all select {columns} from read_parquet({_segments(home, family)},"
        " hive_partitioning = false, filename = true)"
        f" where filename >= {text(folder / first)} and filename < {text(folder / ':')}"
        f" and substring(filename, {prefix}) in ({committed})"
    )


def _from_runs(home: Home, coverage: Coverage, name: str, columns: str) -> str:
    files = [empty_file(home, name), *(home.root / path for path in coverage.files(name))]
    return (
        f"select {columns} from read_parquet({file_list(files)}, hive_partitioning = false)"
        f" where commit_seq > {coverage.after} and commit_seq <= {coverage.until}"
    )


def _segments(home: Home, family: str) -> str:
    """The family's segments, younger ones to come included.

    A glob that matches nothing is an error in DuckDB, and segments are never deleted: so the
    family's own folder as soon as it holds one, all families' folders until then.
    """
    own = home.lake / f"family={family}"
    there = any(own.glob("*.parquet"))
    pattern = own / "*.parquet" if there else home.lake / "family=*" / "*.parquet"
    return file_list([empty_file(home, family), Path(pattern)])


def column_types() -> dict[str, str]:
    """Columns of `live.tail_<family>` and their DuckDB types, in order."""
    return {
        "family": "varchar",
        **{one.name: _TYPES[one.kind] for one in CANONICAL if one.name != "family"},
    }
