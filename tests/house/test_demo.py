"""The demo on its first weeks: its steps, its report, and every command it or a document shows."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestration.demo import arrivals, report
from orchestration.home import Home
from orchestration.settings import Settings
from tests.house.documents import blocks_to_run, documents
from tests.house.sources import ROOT

UNTIL = date(2011, 1, 10)
"""Holds a slice that is 2 days late and one that is 7, and builds in seconds."""

INLINE = re.compile(r"`(ledgerlake[^`\n]*)`")
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b")


@dataclass(frozen=True)
class Demo:
    """A home the demo ran in, and what it printed."""

    home: Path
    printed: str

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """A shell script in the project's folder, the demo's home as `data`."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.home.parent,
            env={**os.environ, "PATH": path, "LEDGERLAKE_HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    # The project as a user has it, but for `data`, which is the demo's home.
    folder = tmp_path_factory.mktemp("project")
    for entry in ROOT.iterdir():
        if entry.name not in {"data", ".git"}:
            (folder / entry.name).symlink_to(entry)
    (folder / "data").mkdir()
    (folder / "data" / "sample").symlink_to(ROOT / "data" / "sample")
    made = Demo(folder / "data", "")
    yield Demo(made.home, _printed(made))


def _printed(demo: Demo) -> str:
    finished = demo.run(f"python -m orchestration.demo --until {UNTIL}")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_three_of_a_hundred_slices_are_late_by_one_to_nine_days() -> None:
    days = [date(2011, 1, 1 + day) for day in range(31)]
    delays = [arrivals.delay_days(f"store {n}", day) for n in range(400) for day in days]
    late = [delay for delay in delays if delay]
    assert 0.025 < len(late) / len(delays) < 0.035
    assert set(late) == set(range(1, 10))
    assert arrivals.delay_days("United Kingdom", date(2010, 12, 3)) == 7


def test_a_day_arrives_at_two_in_london_whatever_the_clock_change() -> None:
    arrived = [
        arrivals.arrival_of("Poland", date(2011, 3, 26)),
        arrivals.arrival_of("Poland", date(2011, 3, 27)),
    ]
    assert [f"{one.astimezone(arrivals.ZONE):%d %H:%M %Z}" for one in arrived] == [
        "27 02:00 BST",
        "28 02:00 BST",
    ]


def test_the_report_adds_up_to_the_files(demo: Demo) -> None:
    found = report.find(demo.settings)
    assert found.conserved
    assert found.arrivals == {
        "received": 50_151,
        "accepted": 50_151,
        "booked": 48_100,
        "exceptions": 2_051,
        "duplicate": 0,
        "quarantined": 0,
    }
    assert "it does" in demo.printed


def test_one_day_is_known_at_several_moments(demo: Demo) -> None:
    found = report.find(demo.settings)
    assert found.day == date(2010, 12, 3)
    assert [(str(one.amount), one.events) for one in found.moments] == [
        ("5209.6400", 168),
        ("5635.0200", 191),
    ]


def test_the_published_days_are_those_of_the_sample(demo: Demo) -> None:
    """Independent of the warehouse: plain sums over the sample, late slices left out."""
    inbox = sorted((demo.home / "demo" / "inbox").glob("*.parquet"))
    with duckdb.connect(str(Home.of(demo.settings).current), read_only=True) as connection:
        differing = connection.execute(
            """
            with sample as (
                select
                    Country as store_id,
                    InvoiceDate::date as business_date,
                    sum(Quantity * UnitPrice::decimal(18, 4)) as amount
                from read_parquet($inbox)
                where arrived_at <= (InvoiceDate::date + 7)::timestamptz
                group by all
            )
            select count(*) from daily_sales full join sample using (store_id, business_date)
            where daily_sales.amount is distinct from sample.amount
            """,
            {"inbox": [str(path) for path in inbox]},
        ).fetchone()
    assert differing == (0,)


def test_running_it_again_changes_nothing(demo: Demo) -> None:
    before = {path: path.stat().st_mtime_ns for path in _kept_files(demo)}
    again = _printed(demo)
    assert {path: path.stat().st_mtime_ns for path in _kept_files(demo)} == before
    assert _report_of(again) == _report_of(demo.printed)


def _kept_files(demo: Demo) -> list[Path]:
    folders = ("lake", "published/tables", "published/editions", "demo")
    return sorted(p for f in folders for p in (demo.home / f).rglob("*") if p.is_file())


def _report_of(printed: str) -> str:
    return printed[printed.index("What came in") :]


def test_every_next_command_of_the_report_works(demo: Demo) -> None:
    commands = report.next_commands(report.find(demo.settings))
    assert len(commands) > 5
    for question, arguments in commands:
        finished = demo.run(shlex.join(["ledgerlake", *arguments]))
        assert finished.returncode == 0, f"{question}\n{finished.stdout}{finished.stderr}"


def test_every_block_marked_to_run_runs(demo: Demo) -> None:
    assert blocks_to_run()
    for block in blocks_to_run():
        finished = demo.run(block.text)
        assert finished.returncode == 0, f"{block.where}\n{finished.stdout}{finished.stderr}"


def test_every_question_of_the_readme_is_answered(demo: Demo) -> None:
    """`rollback` is left out: it wants an edition before the first."""
    text = documents()["README.md"]
    table = text[text.index("## Questions") : text.index("With SQL")]
    commands = [one for one in INLINE.findall(table) if not PLACEHOLDER.search(one)]
    assert len(commands) > 5
    for command in commands:
        if command != "ledgerlake rollback":
            finished = demo.run(command)
            assert finished.returncode == 0, f"{command}\n{finished.stdout}{finished.stderr}"


def test_dbt_builds_from_the_project_folder_without_environment(demo: Demo) -> None:
    finished = demo.run("unset LEDGERLAKE_HOME; dbt --quiet build")
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_every_column_of_every_model_in_the_warehouse_is_described(demo: Demo) -> None:
    models = ROOT / "dbt_project" / "models"
    described = {
        (entry["name"], column["name"])
        for path in models.rglob("*.yml")
        for entry in (yaml.safe_load(path.read_text()) or {}).get("models", [])
        for column in entry.get("columns") or []
    }
    with duckdb.connect(str(Home.of(demo.settings).warehouse), read_only=True) as connection:
        columns = connection.execute(
            "select table_name, column_name from duckdb_columns()"
            " where list_contains($names, table_name)",
            {"names": [path.stem for path in models.rglob("*.sql")]},
        ).fetchall()
    assert columns
    missing = sorted(".".join(column) for column in set(columns) - described)
    assert not missing, "describe in the model's yml:\n" + "\n".join(missing)
