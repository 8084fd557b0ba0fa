"""A trial of a month's controls: frames from the warehouse and the lake, then every question; and
the gate of a close, which asks them through Great Expectations.

Measured after imports, in one process. A month of the generated history holds 600,000 events, as
many as the whole demo. Does not build: the warehouse is prepared once and kept.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import duckdb

from benchmarks import generate
from benchmarks.measurement import Measurement, Options, median_of, script
from benchmarks.prepare import days_of, prepared_warehouse
from benchmarks.prepare import settings as settings_of
from expectations.gate import foresee, run_gate
from ledger.calendar import Calendar, Period
from orchestration.close.frames import arrivals, control_frames
from orchestration.close.lateness import expected_residual, lateness_curve
from orchestration.home import Home

EVENTS = 2_500_000
"""Four months; a quarter of it is one whole month."""

TRIAL_SECONDS_MAX = 2.0
HISTORY_RATIO_MAX = 2.0
"""The frames of a period in a history four times as long may cost twice as much."""


def measure(options: Options) -> list[Measurement]:
    root = prepared_warehouse(options.cache, options.events)
    home = Home.of(settings_of(root))
    period = _period(options.events)
    run_gate(_frames(home, period), period=period, docs_dir=None)  # imports, and a warm cache
    frames = [_seconds(lambda: _frames(home, period)) for _ in range(options.repeats)]
    ready = _frames(home, period)
    docs = options.cache / "docs"
    asked = [_seconds(lambda: foresee(ready)) for _ in range(options.repeats)]
    written = [
        _seconds(lambda: run_gate(ready, period=period, docs_dir=docs))
        for _ in range(options.repeats)
    ]
    estimates = [_seconds(lambda: _estimate(home, period)) for _ in range(options.repeats)]
    trial = [one + other for one, other in zip(frames, asked, strict=True)]
    return [
        Measurement(
            what="trial of all controls of a month, as a plan takes it",
            value=median_of(trial),
            unit="s",
            at_most=TRIAL_SECONDS_MAX,
            repeats=trial,
        ),
        _frames_measurement(options, frames),
        Measurement(
            what="gate with Data Docs", value=median_of(written), unit="s", repeats=written
        ),
        Measurement(
            what="lateness curve and expected residual",
            value=median_of(estimates),
            unit="s",
            repeats=estimates,
        ),
    ]


def _frames_measurement(options: Options, frames: list[float]) -> Measurement:
    """Compared with a history a quarter as long, asked for its own last month."""
    events = options.events // 4
    home = Home.of(settings_of(prepared_warehouse(options.cache, events)))
    period = _period(events)
    _frames(home, period)
    shorter = [_seconds(lambda: _frames(home, period)) for _ in range(options.repeats)]
    return Measurement(
        what="control frames of a month",
        value=median_of(frames),
        unit="s",
        repeats=frames,
        baseline="in a quarter of the history",
        baseline_value=median_of(shorter),
        ratio_at_most=HISTORY_RATIO_MAX,
    )


def _period(events: int) -> Period:
    """The last whole month of the history, or its first one if none is whole."""
    calendar = Calendar()
    first = calendar.period_of(generate.FIRST_DAY.date())
    end = (generate.FIRST_DAY + timedelta(days=days_of(events))).date()
    return max(first, calendar.before(calendar.period_of(end)))


def _frames(home: Home, period: Period) -> dict[str, object]:
    with _open(home.warehouse) as connection:
        return dict(control_frames(connection, home.lake, period))


def _estimate(home: Home, period: Period) -> None:
    with _open(home.warehouse) as connection:
        found, known_at = arrivals(connection, period)
    lateness_curve(found, known_at=known_at)
    expected_residual(
        found, first_date=period.first_date, end_date=period.end_date, known_at=known_at
    )


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(path), read_only=True)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    script("controls", measure, events=EVENTS, repeats=5)
