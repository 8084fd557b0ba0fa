"""A measurement, what it is compared with, and the JSON it is kept as.

Holds the arguments every script takes and the machine and versions a figure belongs to.
Does not measure. Called by every script.
"""

import argparse
import json
import math
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("duckdb", "polars", "pyarrow", "dbt-core", "dbt-duckdb", "ledgerlake")


@dataclass(frozen=True)
class Options:
    """Arguments of a script. `cache` keeps prepared lakes from one run to the next."""

    events: int
    repeats: int
    cache: Path
    small: bool = False


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One figure, the bound it must keep, and what the same run measured to compare it with.

    `at_most` and `at_least` bound the value, `ratio_at_most` bounds value / baseline. A ratio is
    taken within one run, so that it says something on another machine too.
    """

    what: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    baseline: str | None = None
    baseline_value: float | None = None
    ratio_at_most: float | None = None
    repeats: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float | None:
        return self.value / self.baseline_value if self.baseline_value else None

    @property
    def reached(self) -> bool | None:
        """None when nothing is promised."""
        held = []
        if self.at_most is not None:
            held.append(self.value <= self.at_most)
        if self.at_least is not None:
            held.append(self.value >= self.at_least)
        if self.ratio_at_most is not None and self.ratio is not None:
            held.append(self.ratio <= self.ratio_at_most)
        return all(held) if held else None


Measure = Callable[[Options], list[Measurement]]


def median_of(repeats: Sequence[float]) -> float:
    return statistics.median(repeats)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed."""
    ordered = sorted(values)
    # Rounded first: 0.95 * 100 is a little more than 95 in binary.
    position = math.ceil(round(share * len(ordered), 9))
    return ordered[max(position, 1) - 1]


def script(name: str, measure: Measure, *, events: int, repeats: int) -> None:
    """Run one script from its command line and print its result as JSON."""
    options, output = arguments(name, events=events, repeats=repeats)
    result = as_json(name, options, measure(options))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(result + "\n")
    sys.stdout.write(result + "\n")


def arguments(name: str, *, events: int, repeats: int) -> tuple[Options, Path | None]:
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--events", type=int, default=events, help="events of history")
    parser.add_argument("--repeats", type=int, default=repeats, help="the median is the result")
    parser.add_argument("--cache", type=Path, help="folder that keeps prepared lakes")
    parser.add_argument("--output", type=Path, help="file for the JSON result")
    parser.add_argument("--small", action="store_true", help="as little work as still runs it all")
    given = parser.parse_args()
    cache = given.cache or Path(tempfile.gettempdir()) / "ledgerlake-benchmarks"
    cache.mkdir(parents=True, exist_ok=True)
    return Options(given.events, given.repeats, cache.resolve(), given.small), given.output


def as_json(name: str, options: Options, measurements: list[Measurement]) -> str:
    document = {
        "benchmark": name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
        "events": options.events,
        "results": [_row(measurement) for measurement in measurements],
    }
    return json.dumps(document, indent=2)


def _row(measurement: Measurement) -> dict[str, object]:
    row = asdict(measurement) | {"ratio": measurement.ratio, "reached": measurement.reached}
    return {key: _rounded(value) for key, value in row.items() if value not in (None, [])}


def _rounded(value: object) -> object:
    """Four digits say all a repeated measurement knows."""
    if isinstance(value, float):
        return float(f"{value:.4g}") if abs(value) < 1000 else round(value)
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return value


def machine() -> dict[str, object]:
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
