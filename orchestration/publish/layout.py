"""How a table's rows are spread over files, and what changes from edition to edition.

An append-only table is a big base, one folder per partition, and a few recent parts that hold
new rows of all partitions; recent parts of one size are merged, and folded into the base when
large. So a publish writes about as much as was new, and a keyed read opens few files.
Does not write manifests. Called by `publisher`. Figures behind the numbers: docs/editions.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log2

from orchestration.publish.edition import PartFile, PublishedTable
from orchestration.publish.export import (
    NULL_PARTITION,
    PartWriter,
    quoted,
    select_parts,
    text,
)
from orchestration.publish.models import Kind, Model

SMALLEST_CLASS_ROWS = 4_096
PARTS_PER_CLASS = 8
"""Recent parts of one size (within a factor of 8) before they become one of the next size. More
would slow keyed reads (about 0.3 ms a file), fewer would write each row more often."""

FOLD_ROWS = 1_000_000
"""A recent part this large goes into the partitions: 64 of them get about 16,000 rows each."""

PARTS_PER_PARTITION = 4
MERGE_BUDGET_ROWS = 1_000_000
"""Most rows one publish rewrites to shorten partitions (about 1 s); the next goes on with it."""

ONE_FILE_ROWS = 250_000
"""A table up to here is one file, sorted by partition: 200,000 balances in 64 files, of which each
publish touches all, took 1.2 s and 64 syncs, in one file 0.2 s; a keyed read is as short, for
row groups are pruned as partitions are."""


@dataclass(frozen=True)
class Span:
    """Commits (after, until]: those that the new edition adds to the one before."""

    after: int
    until: int


class TableLayout:
    """Files of one model's table in the next edition. `columns` are (name, type) in order."""

    def __init__(
        self, model: Model, columns: Sequence[tuple[str, str]], writer: PartWriter
    ) -> None:
        self._model = model
        self._types = dict(columns)
        self._names = [name for name, _ in columns]
        self._writer = writer
        first = [model.partition] if model.partition else []
        key = model.unique_key or self._names
        self._order = [*first, *(name for name in key if name not in first)]

    def whole(self, until: int) -> tuple[PartFile, ...]:
        """All rows known at commit `until`, as if there were no edition."""
        source = f"select * from {self._model.relation}"
        if self._model.kind is Kind.APPEND:
            source += f" where {quoted(self._watermark())} <= {until}"
        rows = self._writer.count(source)
        if self._in_one_file(rows):
            return self._one_file(source, rows)
        return self._clustered(source)

    def next(self, before: PublishedTable, span: Span) -> tuple[PartFile, ...]:
        """The files of `before`, with what the commits of `span` changed."""
        match self._model.kind:
            case Kind.APPEND:
                return self._appended(before.files, span)
            case Kind.PARTITIONED:
                return self._rewritten(before.files, span)
            case Kind.WHOLE:
                return self.whole(span.until)

    def _in_one_file(self, rows: int) -> bool:
        return self._model.partition is None or rows <= ONE_FILE_ROWS

    def _appended(self, files: Sequence[PartFile], span: Span) -> tuple[PartFile, ...]:
        column = quoted(self._watermark())
        new = (
            f"select * from {self._model.relation}"
            f" where {column} > {span.after} and {column} <= {span.until}"
        )
        base = [one for one in files if one.partition is not None]
        added = self._one_file(new, self._writer.count(new))
        recent = self._merge_recent([*_recent(files), *added])
        if self._model.partition is None:
            return _in_order(recent)
        folded = [one for one in recent if one.rows >= FOLD_ROWS]
        if folded:
            base += self._clustered(self._read(folded))
            recent = [one for one in recent if one not in folded]
        return _in_order([*self._shorten(base), *recent])

    def _rewritten(self, files: Sequence[PartFile], span: Span) -> tuple[PartFile, ...]:
        column = quoted(self._watermark())
        changed = f"select * from {self._model.relation} where {column} > {span.after}"
        if _recent(files) or self._model.partition is None:
            return self.whole(span.until) if self._any(changed) else tuple(files)
        names = self._partitions(changed)
        written = self._clustered(f"select * from {self._model.relation} where {self._in(names)}")
        return _in_order([*(one for one in files if one.partition not in names), *written])

    def _partitions(self, source: str) -> set[str]:
        """Names of the partitions that rows of `source` lie in."""
        rows = self._writer.connection.execute(
            f"select distinct coalesce({quoted(str(self._model.partition))}::varchar,"
            f" {text(NULL_PARTITION)}) from ({source})"
        ).fetchall()
        return {str(row[0]) for row in rows}

    def _in(self, names: Iterable[str]) -> str:
        """Condition on the partition: literals, so that other row groups are not read."""
        column = str(self._model.partition)
        values = [
            f"cast({text(name)} as {self._types[column]})"
            for name in sorted(names)
            if name != NULL_PARTITION
        ]
        conditions = [f"{quoted(column)} in ({', '.join(values)})"] if values else []
        if NULL_PARTITION in names:
            conditions.append(f"{quoted(column)} is null")
        return " or ".join(conditions) or "false"

    def _any(self, source: str) -> bool:
        return self._writer.count(f"{source} limit 1") > 0

    def _merge_recent(self, recent: Sequence[PartFile]) -> list[PartFile]:
        parts = list(recent)
        while crowd := _crowd(parts):
            merged = self._one_file(self._read(crowd), _rows(crowd))
            parts = [*(one for one in parts if one not in crowd), *merged]
        return parts

    def _shorten(self, base: Sequence[PartFile]) -> list[PartFile]:
        """Merge partitions of too many parts, the fullest first, within the budget."""
        by_partition: dict[str, list[PartFile]] = {}
        for one in base:
            by_partition.setdefault(str(one.partition), []).append(one)
        left = MERGE_BUDGET_ROWS
        for name, parts in sorted(by_partition.items(), key=lambda item: -len(item[1])):
            rows = _rows(parts)
            if len(parts) > PARTS_PER_PARTITION and (rows <= left or left == MERGE_BUDGET_ROWS):
                left -= rows
                by_partition[name] = [self._write_partition(self._read(parts), name, rows)]
        return [one for parts in by_partition.values() for one in parts]

    def _clustered(self, source: str) -> tuple[PartFile, ...]:
        """Rows of `source` as one file per partition.

        Clustered aside first, so that each file's query reads only its own row groups.
        """
        partition = quoted(str(self._model.partition))
        connection = self._writer.connection
        connection.execute(
            f"create or replace temp table clustered as {source} order by {partition}"
        )
        found = connection.execute(
            f"select coalesce({partition}::varchar, {text(NULL_PARTITION)}), count(*)"
            " from temp.clustered group by all order by all"
        ).fetchall()
        clustered = "select * from temp.clustered"
        files = [self._write_partition(clustered, str(name), int(rows)) for name, rows in found]
        connection.execute("drop table temp.clustered")
        return _in_order(files)

    def _one_file(self, source: str, rows: int) -> tuple[PartFile, ...]:
        """Rows of all partitions in one file; no rows, no file."""
        if rows == 0:
            return ()
        name = self._model.name
        return (
            self._writer.write(
                source, rows=rows, table=name, columns=self._names, order=self._order
            ),
        )

    def _write_partition(self, source: str, name: str, rows: int) -> PartFile:
        column = str(self._model.partition)
        return self._writer.write(
            f"select * from ({source}) where {self._in([name])}",
            rows=rows,
            table=self._model.name,
            columns=self._names,
            order=self._order,
            partition=(column, name),
        )

    def _read(self, files: Sequence[PartFile]) -> str:
        return select_parts(
            files, list(self._types.items()), self._model.partition, self._writer.folder
        )

    def _watermark(self) -> str:
        assert self._model.watermark is not None, self._model.name
        return self._model.watermark


def _rows(files: Sequence[PartFile]) -> int:
    return sum(one.rows for one in files)


def _recent(files: Sequence[PartFile]) -> list[PartFile]:
    return [one for one in files if one.partition is None]


def _crowd(parts: Sequence[PartFile]) -> list[PartFile]:
    """Recent parts of the smallest size class that holds too many; none if all is well."""
    classes: dict[int, list[PartFile]] = {}
    for one in parts:
        if one.rows < FOLD_ROWS:
            classes.setdefault(_size_class(one.rows), []).append(one)
    full = [one for one in classes.values() if len(one) >= PARTS_PER_CLASS]
    return min(full, key=lambda crowd: crowd[0].rows, default=[])


def _size_class(rows: int) -> int:
    return max(0, int(log2(max(rows, 1) / SMALLEST_CLASS_ROWS)) // 3) if rows else 0


def _in_order(files: Sequence[PartFile]) -> tuple[PartFile, ...]:
    return tuple(
        sorted(files, key=lambda one: (one.partition is None, one.partition or "", one.path))
    )
