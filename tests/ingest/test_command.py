"""`ledgerlake ingest files` as a user runs it: a process, its words and its exit code."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from orchestration.cli.main import main
from orchestration.initialise import initialise
from orchestration.settings import Settings
from tests.ingest.given import (
    GOOD_ROW,
    ROOT,
    TILL_CSV,
    command,
    csv_text,
    environment,
    till_rows,
    write,
)

BAD_ROW = "2,2025-06-01T10:00:00Z,s1,EUR,-5"


@dataclass
class Done:
    """What a command said and how it ended."""

    returncode: int
    stdout: str
    stderr: str


Ledgerlake = Callable[..., Done]


@pytest.fixture
def ledgerlake(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ledgerlake:
    """The console script's entry point, in this process: most tests need no other."""

    def run(home: Path, *arguments: object) -> Done:
        monkeypatch.setenv("LEDGERLAKE_HOME", str(home))
        monkeypatch.setattr("sys.argv", ["ledgerlake", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return Done(int(end.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    initialise(Settings(home=tmp_path / "home"), dated_us=946_684_800_000_000)
    return tmp_path / "home"


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    return write(tmp_path / "till.toml", TILL_CSV.encode())


@pytest.fixture
def ingest(ledgerlake: Ledgerlake) -> Ledgerlake:
    def run(home: Path, mapping: Path, *arguments: object) -> Done:
        return ledgerlake(home, "ingest", "files", "--mapping", mapping, *arguments)

    return run


def _json(done: Done) -> Any:
    return json.loads(done.stdout)


def _accepted(home: Path) -> int:
    files = (home / "lake" / "default").glob("family=sales/*/*.parquet")
    return sum(pl.read_parquet(file).height for file in files)


def test_an_ingest_waits_for_no_library_it_does_not_use(
    home: Path, mapping: Path, tmp_path: Path
) -> None:
    """Of Arrow's Python functions some import pandas: a second of CPU before the first row."""
    path = write(tmp_path / "day.csv", csv_text(GOOD_ROW))
    code = (
        f"import sys; sys.argv = ['ledgerlake', 'ingest', 'files', {str(path)!r},"
        f" '--mapping', {str(mapping)!r}]\n"
        "from orchestration.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'pandas', 'dbt', 'dagster', 'great_expectations'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "LEDGERLAKE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert _accepted(home) == 1


def test_quarantined_rows_are_shown_and_exit_0(
    ingest: Ledgerlake, home: Path, mapping: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "day.csv", csv_text(GOOD_ROW, BAD_ROW))
    done = ingest(home, mapping, path)
    assert done.returncode == 0, done.stderr
    assert "amount_must_not_be_negative" in done.stdout
    assert "Quarantined, by reason" in done.stdout
    assert done.stderr == ""  # no progress when piped


def test_json_says_all_that_the_table_says(
    ingest: Ledgerlake, home: Path, mapping: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "day.csv", csv_text(GOOD_ROW, BAD_ROW))
    told = _json(ingest(home, mapping, path, "--json"))
    assert told["total"] == {"received": 2, "accepted": 1, "duplicate": 0, "quarantined": 1}
    reason = "amount_must_not_be_negative"
    assert told["reasons"] == [{"event_type": "SaleRecorded", "reason": reason, "rows": 1}]
    (file,) = told["files"]
    assert (file["status"], file["rows"], file["path"]) == ("ingested", 2, str(path))


def test_a_broken_file_exits_1_names_all_and_the_others_are_taken(
    ingest: Ledgerlake, home: Path, mapping: Path, tmp_path: Path
) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    write(drop / "a.csv", csv_text(GOOD_ROW))
    write(drop / "b.csv", b"id,store\n1,s1\n")
    write(drop / "c.csv", csv_text(GOOD_ROW.replace("1,", "3,", 1)))
    done = ingest(home, mapping, drop)
    assert done.returncode == 1
    for part in ("file_must_have_the_mapping's_columns", "expected:", "found:", "do:", "b.csv"):
        assert part in done.stderr
    assert _accepted(home) == 2
    told = _json(ingest(home, mapping, drop, "--json"))
    assert [file["status"] for file in told["files"]] == ["nothing_new", "refused", "nothing_new"]
    assert told["files"][1]["error"]["error"] == "file_must_have_the_mapping's_columns"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--watch", "--dry-run", "."),
        ("--watch", "no-folder"),
        ("--dry-run", "--ingest-time", "at", "day.csv"),
        (),
        ("--unknown", "day.csv"),
    ],
)
def test_wrong_use_exits_2(
    ingest: Ledgerlake, home: Path, mapping: Path, arguments: tuple[str, ...]
) -> None:
    assert ingest(home, mapping, *arguments).returncode == 2


def test_a_wrong_mapping_exits_2_naming_the_key(
    ingest: Ledgerlake, home: Path, tmp_path: Path
) -> None:
    wrong = write(tmp_path / "wrong.toml", TILL_CSV.replace("csv", "xml").encode())
    done = ingest(home, wrong, "day.csv")
    assert done.returncode == 2
    assert "key format" in done.stderr


def test_without_a_lake_it_says_to_make_one(
    ingest: Ledgerlake, mapping: Path, tmp_path: Path
) -> None:
    done = ingest(tmp_path / "none", mapping, write(tmp_path / "day.csv", csv_text(GOOD_ROW)))
    assert done.returncode == 2
    assert "ledgerlake init" in done.stderr


def test_a_dry_run_shows_events_and_rejects_and_writes_nothing(
    ingest: Ledgerlake, mapping: Path, tmp_path: Path
) -> None:
    """No lake is needed, and none is made."""
    path = write(tmp_path / "day.csv", csv_text(GOOD_ROW, BAD_ROW))
    done = ingest(tmp_path / "none", mapping, "--dry-run", path)
    assert done.returncode == 0, done.stderr
    for part in ("till-1", "12.34", "amount_must_not_be_negative", "nothing was written"):
        assert part in done.stdout
    told = _json(ingest(tmp_path / "none", mapping, "--dry-run", "--json", path))
    (file,) = told["files"]
    assert file["events"][0]["event_id"] == "till-1"
    assert file["events"][0]["amount"] == "12.3400"
    assert file["rejects"][0]["raw"] == BAD_ROW
    assert (file["status"], file["accepted"], file["quarantined"]) == ("checked", 1, 1)
    assert not (tmp_path / "none").exists()


def test_arrival_times_are_replayed_from_the_command_line(
    ingest: Ledgerlake, home: Path, mapping: Path, tmp_path: Path
) -> None:
    header = "id,at,store,currency,amount,arrived"
    rows = [f"{n},2001-01-01T10:00:00Z,s1,EUR,1,2001-01-0{n + 2}T00:00:00Z" for n in range(3)]
    path = write(tmp_path / "h.csv", csv_text(*rows, header=header))
    told = _json(ingest(home, mapping, "--ingest-time", "arrived", path, "--json"))
    (file,) = told["files"]
    assert file["last_commit"] - file["first_commit"] == 2


def test_a_terminal_sees_progress(home: Path, mapping: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "day.csv", csv_text(*till_rows(2_000)))
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command("ingest", "files", "--mapping", mapping, path),
        env={**environment(home), "TERM": "xterm", "LEDGERLAKE_INGEST__COMMIT_ROWS": "100"},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 4_096)
            except OSError:
                break
        assert process.wait(60) == 0
    os.close(ours)
    assert b"day.csv" in seen
    assert b"%" in seen


def _start(home: Path, mapping: Path, *arguments: object, **extra: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command("ingest", "files", "--mapping", mapping, *arguments),
        env={**environment(home), **extra},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _wait_for_commits(home: Path, process: "subprocess.Popen[str]") -> None:
    """Until some commits of the file are there (two belong to the making of the lake)."""
    end = time.monotonic() + 60
    while len(list((home / "lake" / "default" / "_delta_log").glob("*.json"))) < 5:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param((signal.SIGINT, 130), marks=pytest.mark.nightly),
        (signal.SIGTERM, 130),
        (signal.SIGKILL, -9),
    ],
)
def test_stopped_in_the_middle_nothing_is_half_and_a_second_run_completes(
    ingest: Ledgerlake,
    home: Path,
    mapping: Path,
    tmp_path: Path,
    ending: tuple[signal.Signals, int],
) -> None:
    sent, code = ending
    path = write(tmp_path / "day.csv", csv_text(*till_rows(20_000)))
    small = {"LEDGERLAKE_INGEST__COMMIT_ROWS": "200"}
    process = _start(home, mapping, path, "--json", **small)
    _wait_for_commits(home, process)
    process.send_signal(sent)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    if code == 130:
        told = json.loads(out)
        assert told["interrupted"] is True
        assert 0 < told["total"]["accepted"] < 20_000
        assert told["total"]["accepted"] % 200 == 0
    again = _json(ingest(home, mapping, path, "--json"))
    assert again["total"]["quarantined"] == again["total"]["duplicate"] == 0
    assert 0 < again["total"]["accepted"] < 20_000
    log = home / "lake" / "default" / "_delta_log"
    adds = [
        json.loads(line)["add"]["path"]
        for commit in sorted(log.glob("*.json"))
        for line in commit.read_text().splitlines()
        if line.startswith('{"add"')
    ]
    lake = home / "lake" / "default"
    committed = pl.concat(
        [pl.read_parquet(lake / add) for add in adds if add.startswith("family=sales")]
    )
    assert committed["event_id"].n_unique() == committed.height == 20_000


def test_a_watch_takes_files_reports_broken_ones_and_ends_with_exit_0(
    home: Path, mapping: Path, tmp_path: Path
) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    write(drop / "0.csv", csv_text(*till_rows(10)))
    process = _start(home, mapping, "--watch", drop, "--json")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert (first["status"], first["accepted"]) == ("ingested", 10)
    write(drop / "1.csv", b"broken")
    assert json.loads(process.stdout.readline())["status"] == "refused"
    write(drop / "2.csv.tmp", csv_text(*till_rows(10_000, first=100)))
    started = time.monotonic()
    (drop / "2.csv.tmp").rename(drop / "2.csv")
    second = json.loads(process.stdout.readline())
    took = time.monotonic() - started
    assert (second["status"], second["accepted"]) == ("ingested", 10_000)
    assert took < 3  # 0.11 s on a quiet machine; benchmarks hold it to the target
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")
    assert sorted(path.name for path in drop.iterdir()) == ["0.csv", "1.csv", "2.csv"]


def test_ctrl_c_ends_a_watch_that_has_nothing_to_do(
    home: Path, mapping: Path, tmp_path: Path
) -> None:
    process = _start(home, mapping, "--watch", tmp_path / "home")
    assert process.stdout is not None
    assert "Watching" in process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_help_has_an_example(ledgerlake: Ledgerlake) -> None:
    done = ledgerlake(Path("unused"), "ingest", "files", "--help")
    assert done.returncode == 0
    assert "Example: ledgerlake ingest files" in done.stdout
