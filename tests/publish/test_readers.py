"""Readers never meet a writer: no error, whole editions only, old connections undisturbed."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.publish.shop import Shop, open_shop

READERS = 4
PUBLISHES = 20


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = open_shop(tmp_path / "home", editions={"keep": 2, "keep_hours": 1})
    made.sell(2_000)
    made.build()
    made.publish()
    return made


def _start(shop: Shop, stop: Path, mode: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "tests.publish.reader",
        str(shop.home.current),
        str(stop),
        mode,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _seen(reader: subprocess.Popen[str]) -> list[list[str]]:
    out, errors = reader.communicate(timeout=60)
    assert reader.returncode == 0, errors
    return [json.loads(line) for line in out.splitlines()]


def test_readers_during_twenty_publishes_see_whole_editions_only(
    shop: Shop, tmp_path: Path
) -> None:
    stop = tmp_path / "stop"
    readers = [_start(shop, stop, "open-anew") for _ in range(READERS)]
    faithful = _start(shop, stop, "keep-open")
    assert faithful.stdout is not None
    first = json.loads(faithful.stdout.readline())
    for round_ in range(PUBLISHES):
        shop.sell(200, days_back=round_)
        shop.build()
        shop.publish()
    stop.touch()
    for reader in readers:
        seen = _seen(reader)
        editions = [int(row[0]) for row in seen]
        assert editions == sorted(editions) and len(set(editions)) > 1
        for number, commit, newest, versions, cells, freshness in seen:
            assert newest == commit == freshness, f"edition {number} is mixed"
            assert versions == cells, f"edition {number} is mixed"
    assert all(row == first for row in _seen(faithful))


def test_the_current_file_opens_and_reads_while_another_process_writes_the_warehouse(
    shop: Shop,
) -> None:
    with duckdb.connect(str(shop.home.warehouse)) as writer:
        writer.execute("begin")
        writer.execute("update day_sales set amount = amount + 1")
        code = "import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True)"
        code += ".execute('select count(*) from day_sales').fetchone()[0])"
        done = subprocess.run(
            [sys.executable, "-c", code, str(shop.home.current)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) > 0
