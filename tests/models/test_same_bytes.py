"""A build repeated at the same knowledge cut gives the same bytes, wherever and whenever it runs.

Each build is a dbt process of its own, on a copy of the lake, with another zone and language of the
machine; every table is exported to Parquet in one order and hashed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.models.event_frames import from_rows
from tests.models.warehouse import CREATED, PROJECT, Warehouse, open_warehouse

FIRST = datetime(2025, 3, 28, 20, tzinfo=UTC)
COMMITS, CUT = 8, 6
"""Sales around the night in which Europe's clocks change; a build is made at the cut."""

MACHINES = {
    "kiritimati": {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
    "los-angeles": {"TZ": "America/Los_Angeles", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2"},
}
"""21 hours apart: most instants fall on another day in one than in the other."""


def _trade(made: Warehouse) -> None:
    made.register_store("shop", "Europe/London", CREATED + timedelta(days=1))
    for number in range(COMMITS):
        arrived = FIRST + timedelta(hours=9 * number)
        sales = from_rows(
            {
                "event_type": "SaleRefunded" if late % 3 else "SaleRecorded",
                "event_time": arrived - timedelta(hours=31 * late, minutes=late),
                "store_id": "shop" if late % 2 else None,
                "category": "tea",
                "currency": "EUR",
                "amount": Decimal(7 * late + number) / 3,
                "quantity": Decimal(late),
            }
            for late in range(7)
        )
        moves = from_rows(
            {
                "event_type": "FundsDeposited",
                "event_time": arrived - timedelta(hours=31 * late),
                "account_id": f"account-{late}",
                "currency": "EUR",
                "amount": Decimal(late),
            }
            for late in range(7)
        )
        made.commit(sales, arrived)
        made.commit(moves, arrived + timedelta(minutes=1), source="bank")


def _build_elsewhere(original: Warehouse, folder: Path, machine: str, *arguments: str) -> Warehouse:
    """Copy the lake to `folder` and run a plain dbt there, as on another machine."""
    shutil.copytree(original.home.lake, folder / "lake" / original.home.tenant)
    (folder / "warehouse").mkdir()
    command = [
        sys.executable,
        "-m",
        "dbt.cli.main",
        "run",
        "--exclude",
        "tag:on_demand",
        *arguments,
    ]
    finished = subprocess.run(
        [*command, "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet"],
        cwd=PROJECT,
        env={**os.environ, **MACHINES[machine], "LEDGERLAKE_HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    return open_warehouse(folder)


def _hashes(made: Warehouse, folder: Path) -> dict[str, str]:
    """SHA-256 of every table as one Parquet file."""
    folder.mkdir()
    with made.open() as warehouse:
        warehouse.execute("set threads = 1")
        tables = warehouse.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        for schema, table in tables:
            target = folder / f"{schema}.{table}.parquet"
            warehouse.execute(f"copy (from {schema}.{table} order by all) to '{target}'")
    return {file.stem: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    made = open_warehouse(tmp_path_factory.mktemp("original"))
    _trade(made)
    return made


@pytest.mark.parametrize(
    "machine", ["kiritimati", pytest.param("los-angeles", marks=pytest.mark.nightly)]
)
def test_zone_and_clock_of_the_machine_change_no_byte(
    original: Warehouse, tmp_path: Path, machine: str
) -> None:
    original.build()
    here = _hashes(original, tmp_path / "here")
    made = _build_elsewhere(original, tmp_path / machine, machine)
    assert _hashes(made, tmp_path / f"{machine}-export") == here
    assert len(here) > 10
    assert original.rows("select count(*) from late_event_exceptions") != [(0,)]
    assert original.rows("select count(*) from sales_corrections") != [(0,)]


def test_a_build_as_known_at_a_commit_is_the_build_made_when_it_was_the_head(
    tmp_path: Path,
) -> None:
    made = open_warehouse(tmp_path / "home")
    _trade(made)
    then = _lake_until(made, CUT, tmp_path / "then")
    then.build()
    assert then.lake.head.seq == CUT < made.lake.head.seq
    made.build(known_as_of_commit=CUT)
    assert _hashes(made, tmp_path / "cut") == _hashes(then, tmp_path / "head")
    assert made.rows("select max(commit_seq) from staging.stg_lake__commits") == [(CUT,)]
    made.build()
    at_once = _lake_until(made, made.lake.head.seq, tmp_path / "again")
    at_once.build()
    assert _hashes(made, tmp_path / "caught-up") == _hashes(at_once, tmp_path / "at-once")


def test_a_cut_behind_what_is_booked_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    made = open_warehouse(tmp_path / "home")
    _trade(made)
    made.build()
    before = _hashes(made, tmp_path / "before")
    with pytest.raises(AssertionError, match=f"known_as_of_commit {CUT} lies behind commit"):
        made.build(known_as_of_commit=CUT)
    assert _hashes(made, tmp_path / "after") == before


def _lake_until(made: Warehouse, commit: int, folder: Path) -> Warehouse:
    """The lake as it was when `commit` was its head."""
    lake = folder / "lake" / made.home.tenant
    shutil.copytree(made.home.lake, lake)
    for file in (lake / "_delta_log").glob("*.json"):
        if int(file.stem) > commit:
            file.unlink()
    return open_warehouse(folder)
