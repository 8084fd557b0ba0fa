"""Every command: help with an example, JSON, exit codes, and errors without a traceback."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from orchestration.cli.main import app
from tests.cli.terminal import Terminal

COMMANDS = {
    *("init", "status", "verify", "doctor", "ingest files", "build", "publish", "rollback"),
    *("journal status", "journal drain", "journal check", "journal rebuild"),
    *("saga start", "saga run", "saga list", "saga show", "saga decide"),
    *("asof sales", "asof balance", "corrections", "explain sales", "prove sales"),
    *("close plan", "close apply", "close status", "reopen", "diff"),
    *("certificates list", "certificates verify", "certificates reproduce"),
    *("anchor", "time-stamp"),
    *("keys list", "keys show", "keys rotate", "keys retire"),
    *("people add", "people list", "people remove"),
    *("requests list", "requests show", "requests approve", "requests decline"),
    *("exceptions list", "exceptions show", "exceptions decide", "exceptions export"),
    *("locks grant", "locks list", "locks revoke", "locks audit"),
    *("periods list", "periods show", "periods soft-close"),
    *("calendar show", "calendar define", "policy show", "policy set"),
    *("interest accrue", "interest explain", "interest algorithms", "interest notices"),
    *("replay interest", "replay apply"),
    *("account open", "account deposit", "account withdraw", "account correct", "account close"),
    *("account reserve", "account release", "account capture", "account refund"),
    *("account show", "account history", "account snapshots build", "account snapshots check"),
    *("contracts list", "contracts show", "contracts check", "contracts export"),
}


def _commands(group: object, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    children = getattr(group, "commands", None)
    if children is None:
        yield names
    for name, child in (children or {}).items():
        yield from _commands(child, (*names, name))


def test_the_command_line_has_the_commands_it_promises() -> None:
    assert {" ".join(names) for names in _commands(get_command(app))} == COMMANDS


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help_with_an_example_of_itself_and_json(
    terminal: Terminal, command: str
) -> None:
    said = terminal.run(*command.split(), "--help")
    assert said.code == 0
    assert f"Example: ledgerlake {command}" in said.text
    assert "--json" in said.text


def test_help_does_not_load_what_only_commands_need() -> None:
    code = (
        "import sys; sys.argv = ['ledgerlake', '--help']\n"
        "from orchestration.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'polars', 'duckdb', 'dbt', 'pyarrow', 'pydantic', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


WRONG = [
    ("no-such-command", "No such command"),
    ("init --colour", "No such option"),
    ("init --dated yesterday", "instant_must_have_a_zone"),
    ("init --dated 2026-01-01T00:00:00", "a time without its zone"),
    ("asof sales --date 2026-01-02", "--known-as-of"),
    ("asof sales --date tomorrow --known-as-of now", "a day such as"),
    ("asof sales --known-as-of now", "either --date, or both --from and --to"),
    ("asof sales --from 2026-01-03 --to 2026-01-02 --known-as-of now", "--to on or after"),
    ("asof sales --date 2026-01-02 --from 2026-01-02 --known-as-of now", "either --date"),
    ("rollback --to 99", "one of the editions kept"),
    ("rollback --to x", "Invalid value"),
    ("explain sales --store s", "--date"),
]


@pytest.mark.parametrize(("command", "said"), WRONG)
def test_wrong_use_says_what_is_allowed_and_exits_2(
    published: Terminal, command: str, said: str
) -> None:
    done = published.run(*shlex.split(command))
    assert done.code == 2, done.text
    assert said in done.text
    assert "Traceback" not in done.text


BEFORE_INIT = [
    "status",
    "verify",
    "build",
    "publish",
    "rollback",
    "corrections --from 2026-01-01T00:00:00Z",
]


@pytest.mark.parametrize("command", BEFORE_INIT)
def test_before_init_every_command_says_what_to_do_first(terminal: Terminal, command: str) -> None:
    done = terminal.run(*command.split())
    assert done.code == 2
    assert "ledgerlake init" in done.text or "ledgerlake build" in done.text
    as_json = terminal.run(*command.split(), "--json")
    assert as_json.code == 2
    assert set(as_json.json) == {"error", "family", "thing", "expected", "found", "remedy"}


def test_a_home_that_may_not_be_written_is_said_without_a_traceback(terminal: Terminal) -> None:
    (terminal.folder / "file").write_text("not a folder")
    terminal.set("LEDGERLAKE_HOME", str(terminal.folder / "file" / "home"))
    done = terminal.run("init")
    assert done.code == 1
    assert "machine_must_allow_it" in done.text
    assert "Traceback" not in done.text


def test_two_homes_do_not_meet(terminal: Terminal) -> None:
    for name in ("one", "two"):
        terminal.set("LEDGERLAKE_HOME", str(terminal.folder / name))
        assert terminal.run("init", "--json").json["created"]
    heads = [
        (terminal.folder / name / "lake" / "default" / "_delta_log" / f"{0:020d}.json").read_bytes()
        for name in ("one", "two")
    ]
    assert heads[0] != heads[1]
    assert not (terminal.folder / "data").exists()


def test_init_twice_changes_nothing_and_a_new_policy_is_recorded(terminal: Terminal) -> None:
    first = terminal.run("init", "--json").json
    assert (first["created"], first["policy_commit"]) == (True, 1)
    again = terminal.run("init", "--json").json
    assert (again["created"], again["policy_commit"], again["head_commit"]) == (False, None, 1)
    terminal.settings_file("[lateness]\nmax_delay_days = 7\n")
    assert "settings say 7 days" in terminal.run("doctor").text
    changed = terminal.run("init", "--json").json
    assert (changed["policy_commit"], changed["max_delay_days"]) == (2, 7)
    assert "recorded in commit 2" in terminal.run("doctor").text


def test_init_can_be_dated_back_for_a_historical_import(terminal: Terminal) -> None:
    assert terminal.run("init", "--dated", "2010-11-30T00:00:00Z").code == 0
    assert terminal.run("status", "--json").json["lake"]["ingest_time"].startswith("2010-11-30")


def test_status_says_how_far_the_edition_is_behind(own: Terminal) -> None:
    before = own.run("status", "--json").json
    assert before["edition"]["behind"] == {"commits": 0, "events": 0, "seconds": 0}
    assert before["lake"]["received"] == before["lake"]["accepted"] == before["lake"]["events"]
    assert before["edition"]["exceptions_pending"] == 7
    _append_one_more(Path(os.environ["LEDGERLAKE_HOME"]))
    after = own.run("status", "--json").json
    assert after["edition"]["behind"]["commits"] == 1
    assert after["lake"]["events"] == before["lake"]["events"] + 5
    assert after["lake"]["received"] == before["lake"]["received"] + 5
    assert "1 commits, 5 events" in own.run("status").text


def _append_one_more(root: Path) -> None:
    from ingestion.lake import Lake  # noqa: PLC0415 only this test appends
    from tests.events import batch, sales  # noqa: PLC0415

    lake = Lake.open(root / "lake" / "default", root / "index" / "default")
    lake.append(batch(sales(84, 5)))
    lake.close()


def test_build_publish_rollback_round(own: Terminal) -> None:
    root = Path(os.environ["LEDGERLAKE_HOME"])
    _append_one_more(root)
    done = own.run("build", "--publish", "--json")
    assert done.code == 0, done.text
    assert done.json["build"]["outcome"] == "passed"
    assert done.json["published"]["changed"]
    number = done.json["published"]["edition"]
    models = {one["name"]: one for one in done.json["build"]["nodes"] if one["kind"] == "model"}
    assert models["daily_sales"]["rows"] > 0 and models["daily_sales"]["seconds"] > 0
    assert "Nothing new" in own.run("publish").text
    assert own.run("rollback", "--json").json["edition"] == number - 1
    assert f"Readers see edition {number} now" in own.run("rollback", "--to", str(number)).text
    doctor = own.run("doctor", "--json").json
    assert doctor["ok"]
    assert [one["what"] for one in doctor["findings"] if one["level"] == "warning"] == ["stores"]


def test_a_build_while_another_runs_names_its_holder(own: Terminal) -> None:
    root = Path(os.environ["LEDGERLAKE_HOME"])
    code = (
        "import sys, pathlib; from orchestration.locks import exclusive\n"
        "with exclusive(pathlib.Path(sys.argv[1]), doing='build'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    lock = root / "warehouse" / "build.lock"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        holder.stdout.readline()
        for command in ("build", "publish"):
            done = own.run(command)
            assert done.code == 2
            assert f"process {holder.pid}, build since" in done.text
        assert f"held by process {holder.pid}" in own.run("doctor").text
        holder.stdin.close()
    assert own.run("publish").code == 0


def test_a_client_that_holds_the_warehouse_is_named(own: Terminal) -> None:
    root = Path(os.environ["LEDGERLAKE_HOME"])
    code = (
        "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('held', flush=True);"
        " sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(root / "warehouse" / "warehouse.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        holder.stdout.readline()
        done = own.run("publish")
        assert done.code == 2
        assert "warehouse_must_be_free" in done.text and str(holder.pid) in done.text
        assert own.run("status").code == 0, "readers do not need the warehouse"
        holder.stdin.close()


def test_verify_passes_on_a_whole_home_and_names_a_broken_segment(own: Terminal) -> None:
    root = Path(os.environ["LEDGERLAKE_HOME"])
    done = own.run("verify", "--json")
    assert done.code == 0 and done.json["ok"] and done.json["index_checked"]
    segment = sorted((root / "lake/default/family=sales").rglob("*.parquet"))[0]
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.chmod(0o644)
    segment.write_bytes(data)
    broken = own.run("verify", "--json")
    assert broken.code == 1
    assert segment.name in json.dumps(broken.json["lake"]["first_problem"])


def test_verify_finds_an_edition_of_another_lake(own: Terminal) -> None:
    root = Path(os.environ["LEDGERLAKE_HOME"])
    manifest = sorted((root / "published/editions").glob("*.json"))[-1]
    edition = json.loads(manifest.read_bytes())
    manifest.write_text(json.dumps({**edition, "tree_root": "0" * 64}))
    done = own.run("verify", "--quick", "--json")
    assert done.code == 1
    assert f"edition {edition['number']}: expected tree root 0000" in done.json["problems"][0]


def test_doctor_finds_lost_files_and_a_cut_log(own: Terminal) -> None:
    root = Path(os.environ["LEDGERLAKE_HOME"])
    next((root / "published/tables").rglob("*.parquet")).unlink()
    newest = sorted((root / "lake/default/_delta_log").glob("*.json"))[-1]
    newest.unlink()
    done = own.run("doctor", "--json")
    assert done.code == 1
    failures = {one["what"]: one for one in done.json["findings"] if one["level"] == "failure"}
    assert set(failures) == {"index", "edition"}
    assert "publish --full" in failures["edition"]["remedy"]


def test_a_bad_setting_is_a_finding_of_doctor(terminal: Terminal) -> None:
    terminal.settings_file("[editions]\nkeep = 0\n")
    done = terminal.run("doctor")
    assert done.code == 1
    assert "editions.keep" in done.text
