"""Writing immutable part files: sorted, content-addressed, durable before anyone names them.

Holds `PartWriter`. Does not decide which rows go where (`layout` does). Equal rows give an equal
file and name, whatever the number of threads. Called by `layout` only.
"""

import hashlib
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

import duckdb

from orchestration.publish.edition import PartFile, sync_folder

ROW_GROUP_ROWS = 20_480
"""Rows per row group: a keyed read decodes one or two. Measured on a bucket of 78,000 rows:
1.1 ms here and at 8,192, 1.8 ms at 61,440; smaller ones make the footers of 20M rows heavy."""

SMALL_ROW_GROUP_ROWS = 4_096
SMALL_PART_ROWS = 100_000
"""Recent parts hold keys of all partitions, so finer groups keep their keyed reads as short."""

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def quoted(name: str) -> str:
    """A column or table name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str | Path) -> str:
    """A text as an SQL literal."""
    return "'" + str(value).replace("'", "''") + "'"


def file_list(paths: Sequence[Path]) -> str:
    """Paths as an SQL list literal."""
    return "[" + ", ".join(text(path) for path in paths) + "]"


def select_parts(
    files: Sequence[PartFile],
    columns: Sequence[tuple[str, str]],
    partition: str | None,
    folder: Path,
) -> str:
    """A SELECT of all rows in `files`, columns in order.

    Partitions are pruned by folder name, recent parts by their row groups' ranges; no files: no
    rows, same columns.
    """
    # Qualified, for a table macro's parameter of the same name would reach into the view.
    names = ", ".join(f"part.{quoted(name)}" for name, _ in columns)
    based = [folder / one.path for one in files if one.partition is not None]
    recent = [folder / one.path for one in files if one.partition is None]
    selects = []
    if based:
        kind = dict(columns)[str(partition)]
        selects.append(
            f"select {names} from read_parquet({file_list(based)}, hive_partitioning = true,"
            f" hive_types = {{{quoted(str(partition))}: {kind}}}) as part"
        )
    if recent:
        selects.append(
            f"select {names} from read_parquet({file_list(recent)}, hive_partitioning = false)"
            " as part"
        )
    if not selects:
        nulls = ", ".join(f"cast(null as {kind}) as {quoted(name)}" for name, kind in columns)
        selects.append(f"select {nulls} where false")
    return " union all ".join(selects)


class PartWriter:
    """Writes parts of tables below `folder` over one DuckDB connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.connection = connection
        self.folder = folder
        self._touched: set[Path] = set()

    def write(
        self,
        source: str,
        *,
        rows: int,
        table: str,
        columns: Sequence[str],
        order: Sequence[str],
        partition: tuple[str, str] | None = None,
    ) -> PartFile:
        """The `rows` rows of `source` (a SELECT) as one file, sorted by `order`.

        `partition` is (column, value): the column is left out of the file, its folder says it.
        The sort stands in the COPY itself: it fills whole vectors, so that the bounds of row
        groups, and so the file's bytes, depend on the rows alone.
        """
        place = Path(table) / (f"{partition[0]}={partition[1]}" if partition else "all")
        kept = [name for name in columns if partition is None or name != partition[0]]
        by = [name for name in order if name in kept]
        aside = self._aside(place)
        keyed = partition is None and rows <= SMALL_PART_ROWS
        group = SMALL_ROW_GROUP_ROWS if keyed else ROW_GROUP_ROWS
        done = self.connection.execute(
            f"copy (select {_names(kept)} from ({source}) order by {_names(by)})"
            f" to {text(aside)} (format parquet, compression zstd, row_group_size {group})"
        ).fetchone()
        assert done is not None and done[0] == rows, f"{place}: {done} rows written, not {rows}"
        return self._keep(aside, place, rows, partition[1] if partition else None)

    def count(self, source: str) -> int:
        """Rows of a SELECT."""
        found = self.connection.execute(f"select count(*) from ({source})").fetchone()
        assert found is not None
        return int(found[0])

    def sync(self) -> None:
        """Make the names of all parts durable; call before a manifest names them."""
        for folder in sorted(self._touched):
            sync_folder(folder)
        self._touched.clear()

    def _aside(self, place: Path) -> Path:
        folder = self.folder / place
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            self._touched |= {folder.parent, folder.parent.parent}
        return folder / f".{uuid.uuid4().hex}"

    def _keep(self, aside: Path, place: Path, rows: int, partition: str | None) -> PartFile:
        with aside.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = os.fstat(file.fileno()).st_size
            path = place / f"{sha256}.parquet"
            if _holds(self.folder / path, sha256):
                aside.unlink()
            else:
                os.fsync(file.fileno())
                aside.replace(self.folder / path)
                self._touched.add(self.folder / place)
        return PartFile(
            path=path.as_posix(), sha256=sha256, rows=rows, size=size, partition=partition
        )


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(quoted, columns))


def _holds(path: Path, sha256: str) -> bool:
    """Whether the file is there and undamaged."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False
