"""An edition as data: which files hold which table, and what was known when it was cut.

Holds the manifest `editions/<number>.json`, reading and writing it. Does not export or point.
Called by everything in this package, by `status` and by `doctor`.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ledger.errors import IncorrectInput, InternalFault

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class PartFile:
    """One immutable Parquet file. `partition` is None for recent parts of all partitions."""

    path: str
    sha256: str
    rows: int
    size: int
    partition: str | None = None


@dataclass(frozen=True, kw_only=True)
class PublishedTable:
    """The files of one table.

    `version` changes with the SQL the table is made by, `generation` when the table was made anew
    in the warehouse: either means that old files may not be built upon.
    """

    name: str
    schema: str
    kind: str
    partition: str | None
    watermark: str | None
    columns: tuple[tuple[str, str], ...]
    version: str
    generation: str
    files: tuple[PartFile, ...]

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.files)


@dataclass(frozen=True, kw_only=True)
class Edition:
    """One published state. `commit_seq` is its knowledge cut; `tree_root` proves which lake.

    `definitions` are the SQL statements of live views and as-of macros that fit its tables.
    """

    number: int
    previous: int | None
    tenant: str
    commit_seq: int
    ingest_time_us: int
    tree_size: int
    tree_root: str
    model_version: str
    definitions: tuple[str, ...]
    tables: tuple[PublishedTable, ...]
    format_version: int = field(default=FORMAT_VERSION)

    def table(self, name: str) -> PublishedTable | None:
        return next((one for one in self.tables if one.name == name), None)

    def paths(self) -> set[str]:
        """Files of all tables, relative to the tables' folder."""
        return {one.path for table in self.tables for one in table.files}


def to_bytes(edition: Edition) -> bytes:
    """The manifest: one edition has one form."""
    return (json.dumps(asdict(edition), sort_keys=True, indent=1) + "\n").encode()


def from_bytes(data: bytes, *, name: str) -> Edition:
    """Read a manifest back; InternalFault names a file that is none."""
    try:
        return _edition(json.loads(data))
    except (ValueError, KeyError, TypeError) as error:
        raise InternalFault(
            "edition_must_be_readable",
            thing=f"edition manifest {name}",
            expected="a manifest of this format",
            found=f"{type(error).__name__}: {error}",
            remedy="Publish again: `ledgerlake publish --full`.",
        ) from error


def path_of(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.json"


def write(folder: Path, edition: Edition) -> None:
    """Store a manifest durably; a leftover of a publish that broke off is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_durably(path_of(folder, edition.number), to_bytes(edition))


def read(folder: Path, number: int) -> Edition:
    """Edition `number`, or IncorrectInput with the numbers there are."""
    path = path_of(folder, number)
    try:
        return from_bytes(path.read_bytes(), name=path.name)
    except FileNotFoundError:
        kept = ", ".join(str(one) for one in numbers(folder)) or "none"
        raise IncorrectInput(
            "edition_must_be_kept",
            thing=f"edition {number}",
            expected=f"one of the editions kept: {kept}",
            found="no such edition",
            remedy="`ledgerlake status` shows them; editions.keep sets how many stay.",
        ) from None


def numbers(folder: Path) -> list[int]:
    """Editions with a manifest, oldest first."""
    return sorted(_numbers(folder))


def replace_durably(path: Path, data: bytes) -> None:
    """Make `path` hold `data`: the old content or the new is there whatever happens."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names created in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _numbers(folder: Path) -> Iterator[int]:
    if folder.is_dir():
        for path in folder.glob("*.json"):
            if path.stem.isdigit():
                yield int(path.stem)


def _edition(values: dict[str, Any]) -> Edition:
    if values["format_version"] != FORMAT_VERSION:
        raise ValueError(f"format version {values['format_version']}")
    tables = tuple(_table(one) for one in values["tables"])
    definitions = tuple(values["definitions"])
    return Edition(**{**values, "tables": tables, "definitions": definitions})


def _table(values: dict[str, Any]) -> PublishedTable:
    columns = tuple((name, kind) for name, kind in values["columns"])
    files = tuple(PartFile(**one) for one in values["files"])
    return PublishedTable(**{**values, "columns": columns, "files": files})
