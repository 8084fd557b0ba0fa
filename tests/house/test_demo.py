"""The demo on its first weeks: its steps, its close of December, its report, and every command it
or a document shows."""

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer.main
import yaml
from rich.console import Console

from audit.certificate import read_certificate
from ingestion.control.books import load_books
from ledger.control_events import PeriodClosed
from orchestration.cli.main import app
from orchestration.cli.output import INTERRUPTED
from orchestration.close.certificates import verify_certificates
from orchestration.close.closed_figures import closes
from orchestration.demo import arrivals, closing, report, verifying
from orchestration.demo.month_end import HASH_DIGITS
from orchestration.demo.stage import Stage
from orchestration.home import Home
from orchestration.settings import Settings
from tests.house.documents import blocks_to_run, documents
from tests.house.sources import ROOT
from tests.house.warm_commands import warm_commands

UNTIL = date(2011, 1, 10)
"""Holds a slice that is 2 days late and one that is 7, and builds in seconds."""

HEARS_CTRL_C = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("orchestration.demo", run_name="__main__", alter_sys=True)
"""
"""The demo, also where a shell lets what it runs in the background ignore Ctrl-C."""
SECONDS_INTO_THE_STEP = 2
"""The close has sealed the period by then, and builds; wherever it is, it must go on."""

INLINE = re.compile(r"`(ledgerlake[^`\n]*)`")
TOOK = re.compile(r"  (\d+\.\d s|done before)$", re.MULTILINE)
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b")


@dataclass(frozen=True)
class Demo:
    """A home the demo ran in, and what it printed."""

    home: Path
    commands: Path
    printed: str = ""

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """A shell script in the project's folder, the demo's home as `data`."""
        folders = (str(self.commands), str(Path(sys.executable).parent), os.environ["PATH"])
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.home.parent,
            env={**os.environ, "PATH": os.pathsep.join(folders), "LEDGERLAKE_HOME": str(self.home)},
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
    with warm_commands() as commands:
        made = Demo(folder / "data", commands)
        _break_off(made, "$ ledgerlake close apply")
        yield replace(made, printed=_printed(made))


def _break_off(demo: Demo, step: str) -> None:
    """Ctrl-C in the middle of a step; the run that follows goes on from there."""
    with subprocess.Popen(
        [sys.executable, "-c", HEARS_CTRL_C, "--until", str(UNTIL)],
        cwd=demo.home.parent,
        env={**os.environ, "LEDGERLAKE_HOME": str(demo.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        said = list(takewhile(lambda line: not line.startswith(step), running.stdout))
        time.sleep(SECONDS_INTO_THE_STEP)
        running.send_signal(signal.SIGINT)
        _, wrong = running.communicate()
    assert running.returncode == INTERRUPTED, "".join(said) + wrong
    assert "Run it again" in wrong


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
    assert found.decided == {"next_period": 2_011, "restated": 40}
    assert "it does" in demo.printed


def test_one_day_is_known_at_several_moments(demo: Demo) -> None:
    found = report.find(demo.settings)
    assert found.day == date(2010, 12, 3)
    assert [(str(one.amount), one.events, one.because) for one in found.moments] == [
        ("5209.6400", 168, "first reported"),
        ("5635.0200", 191, "late arrival"),
        ("45620.4600", 2_202, "decided by two people"),
    ]


def test_months_are_closed_that_are_over_and_the_last_two_stay_open() -> None:
    assert closing.months_over_by(date(2010, 12, 31)) == []
    assert closing.months_over_by(UNTIL) == ["2010-12"]
    all_months = closing.months_over_by(date(2011, 12, 18))
    assert (len(all_months), all_months[0], all_months[-1]) == (11, "2010-12", "2011-10")


def test_december_is_closed_and_restated_and_its_certificates_verify(demo: Demo) -> None:
    assert [(one.period_id, one.closed_edition) for one in _closes(demo)] == [
        ("2010-12", 1),
        ("2010-12", 2),
    ]
    assert [one.ok for one in verify_certificates(Home.of(demo.settings))] == [True, True]
    assert "2010-12 is restated" in demo.printed
    assert "2 of 2 hold" in demo.printed
    for close in _closes(demo):
        assert close.certificate_sha256[:HASH_DIGITS] in demo.printed


def test_a_blocked_plan_is_shown_with_its_remedy_before_it_is_done(demo: Demo) -> None:
    shown = [
        "blocker no_exception_of_the_period_is_pending (2)",
        "do: `ledgerlake exceptions list` shows them, `ledgerlake exceptions decide` asks",
        "$ ledgerlake exceptions decide",
        "$ ledgerlake requests approve",
        "nothing blocks",
        "$ ledgerlake close apply",
    ]
    places = [demo.printed.find(one) for one in shown]
    assert -1 not in places
    assert places == sorted(places)


def test_a_stranger_checks_the_newest_certificate_with_files_alone(demo: Demo) -> None:
    folder = demo.home / "demo" / "stranger" / "2010-12.edition-2"
    assert "ok: data/demo/stranger/2010-12.edition-2/2010-12.edition-2.json" in demo.printed
    certificate = read_certificate((folder / "2010-12.edition-2.json").read_bytes())
    given = {path.relative_to(folder / "tables").as_posix() for path in folder.rglob("*.parquet")}
    assert given == {one.path for one in certificate.files}


def test_every_command_it_shows_is_one_a_user_can_type(demo: Demo) -> None:
    commands = [line[2:] for line in demo.printed.splitlines() if line.startswith("$ ledgerlake ")]
    assert len(commands) > 20
    for one in commands:
        _parse(shlex.split(one))


def _parse(words: list[str]) -> None:
    """Refused with what is wrong if there is no such command, option or argument."""
    command: Any = typer.main.get_command(app)
    context: Any = None
    while hasattr(command, "commands"):
        context = command.make_context(words[0], words[1:], parent=context)
        _, command, rest = command.resolve_command(context, words[1:])
        words = [command.name, *rest]
    command.make_context(words[0], words[1:], parent=context)


def test_what_it_shows_names_no_folder_of_this_machine(demo: Demo) -> None:
    assert str(demo.home.parent) not in demo.printed
    assert str(ROOT) not in demo.printed


def test_a_certificate_that_does_not_verify_is_exit_code_1(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo.home.parent)
    path = Home.of(demo.settings).certificates / "2010-12.edition-1.json"
    kept = path.read_bytes()
    said = Console(file=io.StringIO())
    try:
        path.write_bytes(kept.replace(b"2010", b"2011", 1))
        checked = verifying.verify(Stage(demo.settings, said))
        assert report.show(demo.settings, checked) == 1
    finally:
        path.write_bytes(kept)


def test_the_published_days_are_those_of_the_sample(demo: Demo) -> None:
    """Independent of the warehouse: plain sums over the sample, as all late events were booked."""
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
    assert _closing_and_report(again) == _closing_and_report(demo.printed)


def _kept_files(demo: Demo) -> list[Path]:
    folders = ("lake", "published", "demo", "keys", "close")
    files = [p for f in folders for p in (demo.home / f).rglob("*") if p.is_file()]
    return sorted(path for path in files if path.suffix != ".lock")


def _closing_and_report(printed: str) -> str:
    """Without how long it took, or that it was done before."""
    return TOOK.sub("", printed[printed.index("Two people") :])


def _closes(demo: Demo) -> list[PeriodClosed]:
    return closes(load_books(Home.of(demo.settings).lake))


def test_every_next_command_of_the_report_works(demo: Demo) -> None:
    commands = report.next_commands(report.find(demo.settings))
    assert len(commands) > 5
    for question, arguments in commands:
        finished = demo.run(shlex.join(["ledgerlake", *arguments]))
        assert finished.returncode == 0, f"{question}\n{finished.stdout}{finished.stderr}"


def test_a_day_corrected_by_a_decision_is_explained_by_the_events_decided(demo: Demo) -> None:
    for store, day, count in (("Germany", "2010-12-09", 40), ("France", "2010-12-03", 23)):
        command = f"ledgerlake explain sales --store {store} --date {day} --events 99 --json"
        said = json.loads(demo.run(command).stdout)
        assert [len(one["events"]) for one in said["corrections"]] == [count]


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
    finished = demo.run("unset LEDGERLAKE_HOME; dbt --quiet run --select +daily_sales")
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
