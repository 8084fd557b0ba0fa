"""Every benchmark runs at a tiny size and says what it measured; how fast is not asked here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import generate
from benchmarks.__main__ import SCRIPTS
from benchmarks.measurement import Measurement, percentile

EVENTS = 8_000
SLOW = (
    *("accounts", "asof", "build", "close", "commit", "controls", "full_refresh", "interest"),
    *("journal", "proofs", "publish", "residual", "restate", "sagas", "upcast", "watch"),
)
"""Make several warehouses each, a minute and more, or start many processes: tried every night."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared, so that prepared lakes are made once."""
    return tmp_path_factory.mktemp("cache")


def _tried(name: str) -> object:
    return pytest.param(name, marks=pytest.mark.nightly) if name in SLOW else name


@pytest.mark.parametrize("name", [_tried(name) for name in SCRIPTS])
def test_script_writes_its_figures_with_machine_and_versions(name: str, cache: Path) -> None:
    result = _run(name, cache)
    assert result["benchmark"] == name
    assert result["machine"]["cores"] >= 1
    assert {"python", "duckdb", "polars", "dbt-core"} <= set(result["versions"])
    assert result["results"]
    for row in result["results"]:
        assert {"what", "value", "unit"} <= set(row)
        assert row["value"] >= 0
    cells = [row["value"] for row in result["results"] if row["what"].startswith("wrong cells")]
    assert cells in ([], [0])


def _run(name: str, cache: Path) -> dict[str, Any]:
    output = cache / "results" / f"{name}.json"
    finished = subprocess.run(
        [
            *(sys.executable, "-m", f"benchmarks.{name}", "--small", "--repeats", "1"),
            *("--events", str(EVENTS), "--cache", str(cache), "--output", str(output)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(output.read_text())
    return found


def test_a_longer_history_starts_with_the_shorter_one() -> None:
    day = generate.arrival(30, 2_000)
    again = generate.arrival(30, 2_000)
    assert day.batch.events.equals(again.batch.events)
    assert generate.arrival_us(31) - day.ingest_time_us == 86_400_000_000


def test_one_in_twenty_events_is_late_and_some_by_150_days() -> None:
    events = generate.arrival(300, 20_000).batch.events
    days = (generate.arrival_us(300) - events["event_time"].to_physical()) // 86_400_000_000
    assert 0.04 < (days >= 1).mean() < 0.06  # type: ignore[operator]
    assert days.max() == generate.VERY_LATE_DAYS
    assert events["store_id"].n_unique() == generate.STORES + 1  # and null, for accounts


def test_a_measurement_says_whether_its_bounds_were_reached() -> None:
    fast = Measurement(what="x", value=9, unit="ms", at_most=10, baseline="y", baseline_value=3)
    assert (fast.ratio, fast.reached) == (3, True)
    slow = Measurement(
        what="x", value=9, unit="ms", at_most=10, baseline="y", baseline_value=3, ratio_at_most=2
    )
    assert slow.reached is False
    assert Measurement(what="x", value=9, unit="ms").reached is None
    assert Measurement(what="x", value=9, unit="/s", at_least=10).reached is False


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile(range(1, 101), 0.95) == 95
    assert percentile([3.0], 0.95) == 3.0
    assert percentile([1, 2, 3, 4], 0.5) == 2
