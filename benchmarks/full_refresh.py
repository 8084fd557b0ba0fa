"""Making every table anew from the lake, at two sizes of history, and the memory it takes.

`daily_sales` and what lies behind it are built alone with dbt and compared with a raw scan, group
by and write of the same columns, and with one of the fewest columns that make a figure. All models
and tests are built by `ledgerlake build`.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from benchmarks.measurement import Measurement, Options, median_of, script
from benchmarks.prepare import borrowed, prepared, sales_files, settings
from benchmarks.process import Finished, ledgerlake, run
from benchmarks.rivals import Rival, columns_of
from orchestration.build import project_folder
from orchestration.home import Home

TABLE = "raw_daily_sales"
RATIO_MAX = 2.0
LINEAR_MAX = 1.3
"""Time per event at the larger size over the smaller."""
PEAK_MIB_MAX = 4096


def measure(options: Options) -> list[Measurement]:
    small, large = options.events // 4, options.events
    chain, raw, narrow, whole = {}, {}, {}, {}
    for events in (small, large):
        with borrowed(prepared(options.cache, events)) as root:
            chain[events] = [_chain_seconds(root) for _ in range(options.repeats)]
            raw[events] = [_seconds(root, Rival.raw_scan) for _ in range(options.repeats)]
            _require_same_columns(root)
            narrow[events] = [_seconds(root, Rival.narrow_scan) for _ in range(options.repeats)]
            whole[events] = ledgerlake(root, "build", "--full-refresh", "--json")
    return [
        Measurement(
            what=f"daily_sales and all behind it from {large:,} events",
            value=median_of(chain[large]),
            unit="s",
            baseline="raw scan, group by and write of the same columns",
            baseline_value=median_of(raw[large]),
            ratio_at_most=RATIO_MAX,
            repeats=chain[large],
        ),
        Measurement(
            what="the same",
            value=median_of(chain[large]),
            unit="s",
            baseline="raw scan, group by and write of keys, amount, quantity and count alone",
            baseline_value=median_of(narrow[large]),
        ),
        Measurement(
            what=f"the same, per million events of {large:,}",
            value=median_of(chain[large]) / large * 1e6,
            unit="s",
            baseline=f"per million events of {small:,}",
            baseline_value=median_of(chain[small]) / small * 1e6,
            ratio_at_most=LINEAR_MAX,
        ),
        Measurement(
            what=f"all models of {large:,} events, seconds per million events",
            value=_models_seconds(whole[large]) / large * 1e6,
            unit="s",
            baseline=f"of {small:,} events",
            baseline_value=_models_seconds(whole[small]) / small * 1e6,
            ratio_at_most=LINEAR_MAX,
        ),
        Measurement(
            what=f"`ledgerlake build --full-refresh` of {large:,} events, models and tests",
            value=whole[large].seconds,
            unit="s",
        ),
        Measurement(
            what=f"peak memory of it at {large:,} events",
            value=whole[large].peak_mib,
            unit="MiB",
            at_most=PEAK_MIB_MAX,
        ),
    ]


def _chain_seconds(root: Path) -> float:
    """Seconds dbt counts for the models, its start left out."""
    project, target = str(project_folder()), root / "benchmark-target"
    shutil.rmtree(root / "warehouse", ignore_errors=True)
    (root / "warehouse").mkdir()
    dbt = [sys.executable, "-m", "dbt.cli.main", "--quiet", "run", "--select", "+daily_sales"]
    folders = ["--project-dir", project, "--profiles-dir", project, "--target-path", str(target)]
    run([*dbt, *folders], {**os.environ, "LEDGERLAKE_HOME": str(root)})
    results = json.loads((target / "run_results.json").read_text())["results"]
    return sum(float(result["execution_time"]) for result in results)


def _seconds(root: Path, scan: Callable[[Rival, Sequence[Path], str], None]) -> float:
    path = root / "rival.duckdb"
    path.unlink(missing_ok=True)
    rival = Rival(path)
    start = time.perf_counter()
    scan(rival, sales_files(root), TABLE)
    rival.connection.execute("checkpoint")
    seconds = time.perf_counter() - start
    rival.close()
    return seconds


def _require_same_columns(root: Path) -> None:
    """Of the raw scan just made and `daily_sales`."""
    warehouse = Home.of(settings(root)).warehouse
    with duckdb.connect(str(root / "rival.duckdb"), read_only=True) as connection:
        connection.execute(f"attach '{warehouse}' as built (read_only)")
        raw, built = (columns_of(connection, table) for table in (TABLE, "built.daily_sales"))
    if raw != built:
        raise AssertionError(
            f"no baseline: {sorted({*raw} ^ {*built})} of one alone, or other order"
        )


def _models_seconds(finished: Finished) -> float:
    nodes = json.loads(finished.stdout)["build"]["nodes"]
    return sum(float(node["seconds"]) for node in nodes if node["kind"] == "model")


if __name__ == "__main__":
    script("full_refresh", measure, events=20_000_000, repeats=3)
