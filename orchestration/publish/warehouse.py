"""The warehouse as publishing sees it: the knowledge cut, tables, and whether they were made anew.

Holds the open connection while an edition is exported. Does not write rows.
Called by `publisher`, and by builds, which mark what they made; the caller holds the build lock.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb

from ledger.errors import IncorrectInput
from orchestration.publish.export import text
from orchestration.publish.models import Kind, Model

_GENERATION = "generation "


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What the warehouse knows: all of the lake up to this commit."""

    commit_seq: int
    ingest_time_us: int
    tree_size: int
    tree_root: str


class Warehouse:
    """An open warehouse file."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def cut(self) -> Cut:
        """The newest commit the build has seen."""
        try:
            row = self.connection.execute(
                "select commit_seq, epoch_us(ingest_time), tree_size, tree_root"
                " from staging.stg_lake__commits order by commit_seq desc limit 1"
            ).fetchone()
        except duckdb.CatalogException:
            row = None
        if row is None:
            raise IncorrectInput(
                "lake_must_be_built_before_publishing",
                thing="the warehouse",
                expected="commits of the lake in staging.stg_lake__commits",
                found="none",
                remedy="Run `ledgerlake build` first.",
            )
        return Cut(commit_seq=row[0], ingest_time_us=row[1], tree_size=row[2], tree_root=row[3])

    def columns(self, model: Model) -> tuple[tuple[str, str], ...]:
        """(name, type) of a table in order; IncorrectInput if the build did not make it."""
        found = self._columns.get((model.schema, model.name))
        if not found:
            raise IncorrectInput(
                "published_model_must_be_built",
                thing=f"model {model.name}",
                expected=f"a table {model.relation} in the warehouse",
                found="none",
                remedy="Run `ledgerlake build` for all models, then publish.",
            )
        return tuple(found)

    def generation(self, model: Model) -> str:
        """A mark that stays while rows are added and goes when the table is made anew.

        It lies in the table's comment: dbt replaces the table on a full refresh, and the comment
        goes with it. A view has none, so it can only be published whole. Our builds mark what they
        make; a table that only `dbt build` made is marked here.
        """
        if (model.schema, model.name) not in self._comments:
            _require_whole(model)
            return "view"
        comment = self._comments[model.schema, model.name]
        if is_marked(comment):
            return str(comment).removeprefix(_GENERATION)
        return mark(self.connection, model.relation)

    # Asked once for all: DuckDB looks at every view to list the columns of one table.
    @cached_property
    def _columns(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        rows = self.connection.execute(
            "select schema_name, table_name, column_name, data_type from duckdb_columns()"
            " where database_name = current_database() order by column_index"
        ).fetchall()
        for schema, table, column, kind in rows:
            found.setdefault((schema, table), []).append((column, kind))
        return found

    @cached_property
    def _comments(self) -> dict[tuple[str, str], str | None]:
        rows = self.connection.execute(
            "select schema_name, table_name, comment from duckdb_tables()"
            " where database_name = current_database()"
        ).fetchall()
        return {(schema, table): comment for schema, table, comment in rows}


def is_marked(comment: str | None) -> bool:
    """Whether a table's comment is its generation."""
    return comment is not None and comment.startswith(_GENERATION)


def mark(connection: duckdb.DuckDBPyConnection, relation: str) -> str:
    """Give a table that was made anew its generation."""
    fresh = uuid.uuid4().hex
    connection.execute(f"comment on table {relation} is {text(_GENERATION + fresh)}")
    return fresh


@contextmanager
def open_warehouse(path: Path, *, memory_limit: str, threads: int) -> Iterator[Warehouse]:
    """The warehouse of a home; IncorrectInput if there is none or another process has it open."""
    if not path.exists():
        raise IncorrectInput(
            "lake_must_be_built_before_publishing",
            thing=f"warehouse {path}",
            expected="the file a build writes",
            found="no file",
            remedy="Run `ledgerlake build` first.",
        )
    try:
        connection = duckdb.connect(str(path))
    except duckdb.IOException as error:
        raise IncorrectInput(
            "warehouse_must_be_free",
            thing=f"warehouse {path}",
            expected="no other process to have it open",
            found=str(error).splitlines()[0],
            remedy="End the dbt run or the client that has it open; read published/current.duckdb.",
        ) from None
    try:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")  # it would write into --json
        connection.execute(f"set memory_limit = {text(memory_limit)}")
        connection.execute(f"set threads = {threads}")
        yield Warehouse(connection)
    finally:
        connection.close()


def _require_whole(model: Model) -> None:
    if model.kind is not Kind.WHOLE:
        raise IncorrectInput(
            "published_view_must_be_published_whole",
            thing=f"model {model.name}",
            expected="a table, or meta.publish.kind whole",
            found=f"a view published as {model.kind}",
            remedy="Materialise the model, or publish it whole.",
        )
