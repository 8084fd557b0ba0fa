"""Incremental build after 10,000 new events, at two sizes of history.

Compared with a MERGE written by hand for the same cells, and with dbt's usual look-back of three
days, which is about as fast and leaves cells wrong. All three see the same batches in turn.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.engine import engine_seconds
from benchmarks.measurement import Measurement, Options, median_of, script
from benchmarks.prepare import borrowed, new_batch, open_lake, prepared_warehouse, sales_files
from benchmarks.prepare import settings as settings_of
from benchmarks.rivals import Rival, differing_cells
from orchestration.build import Builder
from orchestration.home import Home

ROWS = 10_000
BATCHES = 20
CHAIN = (
    "stg_lake__commits",
    "stg_lake__segments",
    "stg_control__events",
    "int_stores__versions",
    "int_policies__versions",
    "int_sales__deltas",
    "daily_sales",
)
"""The models that keep `daily_sales` right."""
CHAIN_RATIO_MAX = 3.0
ALL_MARTS_S_MAX = 1.0
TICK_S_MAX = 3.0
GROWTH_MAX = 1.3


@dataclass
class Ticks:
    """Seconds of each batch, and cells that differ from the truth at the end."""

    chain: list[float] = field(default_factory=list)
    models: list[float] = field(default_factory=list)
    tick: list[float] = field(default_factory=list)
    merge: list[float] = field(default_factory=list)
    look_back: list[float] = field(default_factory=list)
    wrong: int = 0
    wrong_look_back: int = 0


def measure(options: Options) -> list[Measurement]:
    batches = BATCHES if not options.small else 2
    small, large = (
        _ticks(options, size, batches) for size in (options.events // 4, options.events)
    )
    return [
        Measurement(
            what=f"engine time of daily_sales and all behind it after {ROWS:,} events",
            value=median_of(large.chain),
            unit="s",
            baseline="a MERGE by hand of the same cells",
            baseline_value=median_of(large.merge),
            ratio_at_most=CHAIN_RATIO_MAX,
            repeats=large.chain,
        ),
        Measurement(
            what=f"the same at {options.events:,} events",
            value=median_of(large.chain),
            unit="s",
            baseline=f"at {options.events // 4:,} events",
            baseline_value=median_of(small.chain),
            ratio_at_most=GROWTH_MAX,
        ),
        Measurement(
            what=f"engine time of all models after {ROWS:,} events",
            value=median_of(large.models),
            unit="s",
            at_most=ALL_MARTS_S_MAX,
            baseline=f"at {options.events // 4:,} events",
            baseline_value=median_of(small.models),
        ),
        Measurement(
            what="warm build with dbt, models and tests, wall clock",
            value=median_of(large.tick),
            unit="s",
            at_most=TICK_S_MAX,
            repeats=large.tick,
        ),
        Measurement(
            what=f"wrong cells after {batches} batches",
            value=large.wrong + small.wrong,
            unit="cells",
            at_most=0,
            baseline="with a look-back of three days",
            baseline_value=large.wrong_look_back,
        ),
        Measurement(
            what="look-back of three days, for comparison",
            value=median_of(large.look_back),
            unit="s",
            baseline="a MERGE by hand",
            baseline_value=median_of(large.merge),
        ),
    ]


def _ticks(options: Options, events: int, batches: int) -> Ticks:
    with borrowed(prepared_warehouse(options.cache, events)) as root:
        rival = Rival(root / "rival.duckdb")
        try:
            return _measured(root, rival, events, batches)
        finally:
            rival.close()


def _measured(root: Path, rival: Rival, events: int, batches: int) -> Ticks:
    ticks = Ticks()
    before = sales_files(root)
    rival.full(before, "merged")
    rival.full(before, "looked_back")
    builder = Builder(settings_of(root))
    builder.build(count_rows=False)  # parses; later builds are warm
    lake = open_lake(root)
    for number in range(batches):
        new_batch(lake, number, ROWS, history=events)
        _build(builder, ticks)
        files = sales_files(root)
        ticks.merge.append(_seconds(rival.merge, files[-1:], "merged"))
        ticks.look_back.append(_seconds(rival.look_back, files, "looked_back"))
    lake.close()
    rival.full(sales_files(root), "truth")
    _copy_daily_sales(rival, Home.of(settings_of(root)).warehouse)
    if differing_cells(rival.connection, "merged", "truth"):
        raise AssertionError("the MERGE by hand is wrong: it is no baseline")
    ticks.wrong = differing_cells(rival.connection, "daily_sales", "truth")
    ticks.wrong_look_back = differing_cells(rival.connection, "looked_back", "truth")
    return ticks


def _build(builder: Builder, ticks: Ticks) -> None:
    with engine_seconds() as seconds:
        start = time.perf_counter()
        built = builder.build(count_rows=False)
        ticks.tick.append(time.perf_counter() - start)
    if built.failed:
        raise RuntimeError(f"the build failed: {built.failed}")
    models = [node.name for node in built.nodes if node.kind == "model"]
    ticks.chain.append(sum(seconds.get(name, 0.0) for name in CHAIN))
    ticks.models.append(sum(seconds.get(name, 0.0) for name in models))


def _copy_daily_sales(rival: Rival, warehouse: Path) -> None:
    rival.connection.execute(f"attach '{warehouse}' as built (read_only)")
    rival.connection.execute("create or replace table daily_sales as from built.daily_sales")
    rival.connection.execute("detach built")


def _seconds(work: Callable[[list[Path], str], None], files: list[Path], table: str) -> float:
    start = time.perf_counter()
    work(files, table)
    return time.perf_counter() - start


if __name__ == "__main__":
    script("build", measure, events=20_000_000, repeats=1)
