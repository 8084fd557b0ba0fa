"""What a writer must know of the lake's past, kept so that no commit reads it again.

Holds head, next offsets, segment positions, newest event times and tree tiles in SQLite: derived,
rebuilt from the lake at any time. Does not hold event ids (`id_index`). Called by the writer under
its lock.
"""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from ingestion.lake.commit import Commit

_SCHEMA = """
create table if not exists head (
    one integer primary key check (one = 1), seq integer not null, commit_sha256 text not null,
    lake_id text not null, ingest_time_us integer not null, tree_size integer not null,
    tree_root text not null, frontier text not null);
create table if not exists offsets (
    source text not null, source_partition text not null, next_offset integer not null,
    primary key (source, source_partition)) without rowid;
create table if not exists segments (
    first_row_index integer primary key, rows integer not null, commit_seq integer not null,
    family text not null, path text not null);
create table if not exists tiles (position integer primary key, hash blob not null);
create table if not exists newest_events (
    family text primary key, event_time_us integer not null) without rowid;
"""

_TABLES = ("head", "offsets", "segments", "tiles", "newest_events")
_VERSION = 1
"""Of these tables; a file of an older version lacks what the newest events are told by."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The newest commit a writer knows. `seq` -1 and no hash: none yet."""

    seq: int = -1
    commit_sha256: str = ""
    lake_id: str = ""
    ingest_time_us: int = -1
    tree_size: int = 0
    tree_root: str = ""


class LakeState:
    """One SQLite file. Each `apply` is one transaction; a lost tail is replayed from the log."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
        self._db.execute("pragma journal_mode=wal")
        # Not synced per commit: a power cut may lose the tail, never the file; the log has it all.
        self._db.execute("pragma synchronous=normal")
        self._db.executescript(_SCHEMA)

    def empty_unless_current(self) -> None:
        """For the writer, under its lock: it replays the log into what is empty."""
        (found,) = self._db.execute("pragma user_version").fetchone()
        if found != _VERSION:
            drops = "".join(f"drop table {table};" for table in _TABLES)
            self._db.executescript(f"begin;{drops}{_SCHEMA}pragma user_version={_VERSION};commit;")

    def close(self) -> None:
        self._db.close()

    def head(self) -> Head:
        row = self._db.execute(
            "select seq, commit_sha256, lake_id, ingest_time_us, tree_size, tree_root from head"
        ).fetchone()
        if row is None:
            return Head()
        names = ("seq", "commit_sha256", "lake_id", "ingest_time_us", "tree_size", "tree_root")
        return Head(**dict(zip(names, row, strict=True)))

    def frontier(self) -> list[str]:
        """Hashes of the complete subtrees on the tree's right edge, largest first, hex."""
        row = self._db.execute("select frontier from head").fetchone()
        return list(json.loads(row[0])) if row else []

    def next_offset(self, source: str, partition: str) -> int:
        row = self._db.execute(
            "select next_offset from offsets where source = ? and source_partition = ?",
            (source, partition),
        ).fetchone()
        return int(row[0]) if row else 0

    def segment_of(self, row_index: int) -> tuple[str, int]:
        """Path of the segment that holds an event, and the event's position in it."""
        path, first = self._db.execute(
            "select path, first_row_index from segments where first_row_index <= ?"
            " order by first_row_index desc limit 1",
            (row_index,),
        ).fetchone()
        return path, row_index - first

    def segments_after(self, family: str, commit_seq: int) -> list[str]:
        """Paths of a family's segments of later commits, in order."""
        rows = self._db.execute(
            "select path from segments where family = ? and commit_seq > ?"
            " order by first_row_index",
            (family, commit_seq),
        )
        return [str(row[0]) for row in rows]

    def newest_event_us(self) -> int | None:
        """The latest event time of sales and accounts; None before the first of them."""
        row = self._db.execute(
            "select max(event_time_us) from newest_events where family <> 'control'"
        ).fetchone()
        return None if row[0] is None else int(row[0])

    def segments(self) -> list[tuple[int, int, str]]:
        """(first row index, rows, path) of every segment, in order of rows."""
        return self._db.execute(
            "select first_row_index, rows, path from segments order by first_row_index"
        ).fetchall()

    def tiles(self) -> list[bytes]:
        """Hashes of the complete 256-leaf subtrees, in order."""
        rows = self._db.execute("select hash from tiles order by position")
        return [bytes(row[0]) for row in rows]

    def apply(
        self, commit: Commit, commit_sha256: str, frontier: list[str], tiles: list[bytes]
    ) -> None:
        """Step from the commit before to `commit`; `tiles` are the subtrees it completed."""
        first_tile = commit.tree_size // 256 - len(tiles)
        self._db.execute("begin immediate")
        try:
            self._db.execute(
                "insert or replace into head values (1, ?, ?, ?, ?, ?, ?, ?)",
                (
                    commit.seq,
                    commit_sha256,
                    commit.lake_id,
                    commit.ingest_time_us,
                    commit.tree_size,
                    commit.tree_root,
                    json.dumps(frontier),
                ),
            )
            self._db.executemany(
                "insert or replace into offsets values (?, ?, ?)",
                [(*key, offsets.stop) for key, offsets in commit.sources.items()],
            )
            self._db.executemany(
                "insert or replace into segments values (?, ?, ?, ?, ?)",
                [
                    (s.first_row_index, s.rows, commit.seq, s.family, s.path)
                    for s in commit.segments
                ],
            )
            self._db.executemany(
                "insert into newest_events values (?, ?) on conflict (family) do update"
                " set event_time_us = max(event_time_us, excluded.event_time_us)",
                [(s.family, s.max_event_time_us) for s in commit.segments],
            )
            self._db.executemany(
                "insert or replace into tiles values (?, ?)",
                list(enumerate(tiles, start=first_tile)),
            )
            self._db.execute("commit")
        except BaseException:
            self._db.execute("rollback")
            raise
