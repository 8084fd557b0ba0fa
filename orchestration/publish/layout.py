"""How a table's rows are spread over files, and what changes from edition to edition.

An append-only table is a big base, one folder per partition, and a few recent parts that hold
new rows of all partitions; recent parts of one size are merged, and folded into the base when
large. So a publish writes about as much as was new, and a keyed read opens few files.
Does not write manifests. Called by `publisher`. Figures behind the numbers: docs/editions.md.
"""

from collections.abc import Iterator, Sequence
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

    def whole(self, until: int) -> tuple[PartFile, ...]:
        """All rows known at commit `until`, as if there were no edition."""
        source = f"select * from {self._model.relation}"
        if self._model.kind is Kind.APPEND:
            source += f" where {quoted(self._watermark())} <= {until}"
        if self._model.partition is None:
            return _there([self._write(source)])
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

    def _appended(self, files: Sequence[PartFile], span: Span) -> tuple[PartFile, ...]:
        column = quoted(self._watermark())
        new = self._write(
            f"select * from {self._model.relation}"
            f" where {column} > {span.after} and {column} <= {span.until}"
        )
        base = [one for one in files if one.partition is not None]
        recent = self._merge_recent(_there([*_recent(files), new]))
        if self._model.partition is None:
            return _in_order(recent)
        folded = [one for one in recent if one.rows >= FOLD_ROWS]
        if folded:
            base += self._clustered(self._read(folded))
            recent = [one for one in recent if one not in folded]
        return _in_order([*self._shorten(base), *recent])

    def _rewritten(self, files: Sequence[PartFile], span: Span) -> tuple[PartFile, ...]:
        source = f"select * from {self._model.relation}"
        if self._model.partition is None:
            return _there([self._write(source)])
        touched = self._partitions(f"{source} where {quoted(self._watermark())} > {span.after}")
        kept = [one for one in files if one.partition not in touched]
        return _in_order([*kept, *(self._write_partition(source, one) for one in touched)])

    def _merge_recent(self, recent: Sequence[PartFile]) -> list[PartFile]:
        parts = list(recent)
        while crowd := _crowd(parts):
            merged = self._write(self._read(crowd))
            parts = [*(one for one in parts if one not in crowd), *_there([merged])]
        return parts

    def _shorten(self, base: Sequence[PartFile]) -> list[PartFile]:
        """Merge partitions of too many parts, the fullest first, within the budget."""
        by_partition: dict[str, list[PartFile]] = {}
        for one in base:
            by_partition.setdefault(str(one.partition), []).append(one)
        left = MERGE_BUDGET_ROWS
        for name, parts in sorted(by_partition.items(), key=lambda item: -len(item[1])):
            rows = sum(one.rows for one in parts)
            if len(parts) > PARTS_PER_PARTITION and (rows <= left or left == MERGE_BUDGET_ROWS):
                left -= rows
                by_partition[name] = list(_there([self._write_partition(self._read(parts), name)]))
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
        clustered = "select * from temp.clustered"
        names = self._partitions(clustered)
        files = _in_order(self._write_partition(clustered, name) for name in names)
        connection.execute("drop table temp.clustered")
        return files

    def _partitions(self, source: str) -> list[str]:
        partition = quoted(str(self._model.partition))
        rows = self._writer.connection.execute(
            f"select distinct coalesce({partition}::varchar, {text(NULL_PARTITION)})"
            f" from ({source}) order by 1"
        ).fetchall()
        return [str(row[0]) for row in rows]

    def _write(self, source: str) -> PartFile | None:
        return self._writer.write(
            source,
            table=self._model.name,
            columns=self._names,
            sort_first=self._model.partition,
        )

    def _write_partition(self, source: str, name: str) -> PartFile | None:
        column = str(self._model.partition)
        value = f"cast({text(name)} as {self._types[column]})"
        condition = "is null" if name == NULL_PARTITION else f"= {value}"
        return self._writer.write(
            f"select * from ({source}) where {quoted(column)} {condition}",
            table=self._model.name,
            columns=self._names,
            partition=(column, name),
        )

    def _read(self, files: Sequence[PartFile]) -> str:
        return select_parts(
            files, list(self._types.items()), self._model.partition, self._writer.folder
        )

    def _watermark(self) -> str:
        assert self._model.watermark is not None, self._model.name
        return self._model.watermark


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


def _there(files: Sequence[PartFile | None]) -> tuple[PartFile, ...]:
    return tuple(one for one in files if one is not None)


def _in_order(files: Iterator[PartFile | None] | Sequence[PartFile | None]) -> tuple[PartFile, ...]:
    kept = [one for one in files if one is not None]
    return tuple(
        sorted(kept, key=lambda one: (one.partition is None, one.partition or "", one.path))
    )
