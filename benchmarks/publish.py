"""Publishing an edition after 10,000 new events, at two sizes of history.

Some of the events are 150 days late, so old partitions are touched too.
"""

import time
from pathlib import Path

from benchmarks.measurement import Measurement, Options, median_of, script
from benchmarks.prepare import borrowed, new_batch, open_lake, prepared_warehouse
from benchmarks.prepare import settings as settings_of
from orchestration.build import Builder
from orchestration.publish.publisher import publish

ROWS = 10_000
SECONDS_MAX = 2.0
GROWTH_MAX = 1.5


def measure(options: Options) -> list[Measurement]:
    small, large = options.events // 4, options.events
    seconds = {}
    for events in (small, large):
        with borrowed(prepared_warehouse(options.cache, events)) as root:
            seconds[events] = _publish_seconds(root, events, options.repeats)
    return [
        Measurement(
            what=f"publish after {ROWS:,} events, {large:,} events of history",
            value=median_of(seconds[large]),
            unit="s",
            at_most=SECONDS_MAX,
            baseline=f"{small:,} events of history",
            baseline_value=median_of(seconds[small]),
            ratio_at_most=GROWTH_MAX,
            repeats=seconds[large],
        )
    ]


def _publish_seconds(root: Path, events: int, repeats: int) -> list[float]:
    builder, lake, seconds = Builder(settings_of(root)), open_lake(root), []
    for number in range(repeats):
        new_batch(lake, number, ROWS, history=events)
        if builder.build(count_rows=False).failed:
            raise RuntimeError(f"the build of {root} failed")
        start = time.perf_counter()
        published = publish(settings_of(root))
        seconds.append(time.perf_counter() - start)
        assert published.changed
    lake.close()
    return seconds


if __name__ == "__main__":
    script("publish", measure, events=20_000_000, repeats=9)
