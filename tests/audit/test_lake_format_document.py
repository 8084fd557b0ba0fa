"""What docs/lake-format.md says is so: its example, its code and its lists, run and compared."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from audit.canonical import (
    CANONICAL,
    COLUMN,
    CONTENT_COLUMNS,
    Kind,
    canonical_row,
    content_hash,
    leaf_hash,
)
from audit.merkle import root_of
from audit.verify_lake import verify_lake
from tests.audit.lakes import actions_of

TEXT = (Path(__file__).parents[2] / "docs/lake-format.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def _section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def _first_cells(section: str) -> list[str]:
    """Names in the first column of a section's tables."""
    cells = re.findall(r"^\| (`.*?) \|", _section(section), re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`(\w+)(?:\[\])?`", cell)]


@pytest.fixture
def data(whole_lake: Path, tmp_path: Path) -> Path:
    """A folder in which `data/lake/default` is a lake."""
    shutil.copytree(whole_lake, tmp_path / "data/lake/default")
    return tmp_path


def _example() -> Mapping[str, object]:
    (block,) = _blocks("json")
    row = json.loads(block)
    readers = {Kind.INSTANT: datetime.fromisoformat, Kind.DECIMAL: Decimal}
    return {
        name: readers[kind](value) if value is not None and kind in readers else value
        for name, value in row.items()
        for kind in [COLUMN[name].kind]
    }


def test_the_worked_example_has_the_row_leaf_and_content_hash_it_says() -> None:
    (canonical,), (hashes,) = _blocks("canonical"), _blocks("hashes")
    row = _example()
    assert canonical_row(row) == canonical.removesuffix("\n").encode()
    assert dict(line.split() for line in hashes.splitlines()) == {
        "leaf": leaf_hash(row).hex(),
        "content": content_hash(row).hex(),
    }


def test_the_columns_are_listed_with_type_and_null_in_canonical_order() -> None:
    assert _first_cells("An event") == [column.name for column in CANONICAL]
    rows = re.findall(r"^\| (`.*?) \| (.*?) \| (yes|no) \|", _section("An event"), re.MULTILINE)
    said = {
        name: (kind, null) for cell, kind, null in rows for name in re.findall(r"`(\w+)`", cell)
    }
    types = {
        Kind.TEXT: "string",
        Kind.INT32: "integer",
        Kind.INT64: "long",
        Kind.INSTANT: "timestamp, µs, UTC",
        Kind.DECIMAL: "decimal(18,4)",
    }
    for column in CANONICAL:
        kind = "partition" if column.name == "family" else types[column.kind]
        assert said[column.name] == (kind, "yes" if column.nullable else "no"), column.name


def test_the_content_columns_are_listed_in_order() -> None:
    listed = re.search(r"the fields of `([\w,\s]+)`", TEXT)
    assert listed and re.split(r",\s+", listed[1]) == list(CONTENT_COLUMNS)


def test_every_field_of_a_commit_is_listed(whole_lake: Path) -> None:
    info = actions_of(whole_lake, 4)[0]["commitInfo"]
    assert set(_first_cells("A commit")) == set(info) | set(info["lake"])
    nested = {
        **info["lake"]["segments"][0],
        **info["lake"]["outcomes"][0],
        **info["lake"]["counts"],
    }
    add = actions_of(whole_lake, 4)[1]["add"]
    for name in [*nested, *info["lake"]["quarantine"], *add, *json.loads(add["stats"])]:
        assert f"`{name}`" in _section("A commit"), name


def test_every_column_of_a_quarantined_row_is_listed(whole_lake: Path) -> None:
    found = pl.scan_parquet(next(whole_lake.glob("_quarantine/*"))).collect_schema().names()
    listed = re.findall(r"`(\w+)`", _section("A quarantined row"))
    assert listed == found


def test_the_sql_reads_every_event_and_its_leaf(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    load, leaves = _blocks("sql")
    report = verify_lake(data / "data/lake/default")
    assert report.head is not None
    with duckdb.connect() as con:
        con.execute(load)
        rows = con.execute(leaves).fetchall()
    assert [index for index, _ in rows] == list(range(480))
    assert root_of(b"".join(bytes.fromhex(leaf) for _, leaf in rows)).hex() == report.head.tree_root


def test_the_python_reads_every_event(data: Path) -> None:
    (code,) = _blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=data, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("5\n")
    assert re.search(r"sales\s+┆ 360", done.stdout) and re.search(r"accounts\s+┆ 120", done.stdout)


def test_the_command_verifies_the_lake(whole_lake: Path) -> None:
    (line,) = _blocks("sh")
    python, *arguments = shlex.split(line)
    assert python == "python"
    arguments[arguments.index("data/lake/default")] = str(whole_lake)
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["events"] == 480
