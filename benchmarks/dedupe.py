"""How long 10,000 event ids take to look up, in a lake of 1M events and in a large one.

A look-up is what the writer does: hash the ids and contents, probe the table. Half of the ids are
there, which is harder for the processor than all or none. The index is filled with hashes
directly; it does not matter to it which events they are of.
"""

import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import generate
from benchmarks.measurement import Measurement, Options, median_of, script
from ingestion.lake.admission import fingerprints
from ingestion.lake.id_index import IdIndex

LOOKED_UP = 10_000
SMALL_HISTORY = 1_000_000
GROWTH_MAX = 1.5
CHUNK = 1_000_000


def measure(options: Options) -> list[Measurement]:
    sizes = (min(SMALL_HISTORY, max(1, options.events // 5)), options.events)
    folder = Path(tempfile.mkdtemp(dir=options.cache))
    try:
        indexes = [_filled(folder / f"{size}.idx", size) for size in sizes]
        hashing, probing = _times_ms(indexes, sizes, options.repeats)
    finally:
        shutil.rmtree(folder)
    hashed = median_of(hashing)
    few, many = (median_of(times) for times in probing)
    return [
        Measurement(
            what=f"look-up of {LOOKED_UP:,} events among {sizes[1]:,}, hashing included",
            value=hashed + many,
            unit="ms",
            baseline=f"among {sizes[0]:,}",
            baseline_value=hashed + few,
            ratio_at_most=GROWTH_MAX,
        ),
        Measurement(
            what=f"probing alone among {sizes[1]:,}",
            value=many,
            unit="ms",
            baseline=f"among {sizes[0]:,}",
            baseline_value=few,
        ),
    ]


def _hashes(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Well-spread 64-bit numbers (splitmix64), as SHA-256 would give."""
    z = numbers + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _filled(path: Path, count: int) -> IdIndex:
    index = IdIndex(path)
    for seq, first in enumerate(range(0, count, CHUNK)):
        rows = np.arange(first, min(first + CHUNK, count), dtype=np.int64)
        keys = _hashes(rows.astype(np.uint64) + np.uint64(1))
        index.apply(seq, keys, keys, rows)
    return index


def _times_ms(
    indexes: list[IdIndex], sizes: tuple[int, int], repeats: int
) -> tuple[list[float], tuple[list[float], list[float]]]:
    """Hashing, and probing of both sizes in turn, so that all meet the same load."""
    draw = np.random.default_rng(7)
    events = generate.day_events(0, LOOKED_UP, first=0)
    hashing: list[float] = []
    probing: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        start = time.perf_counter()
        fingerprints(events)
        hashing.append((time.perf_counter() - start) * 1e3)
        for index, size, times in zip(indexes, sizes, probing, strict=True):
            times.append(_probe_ms(index, size, draw))
    return hashing, probing


def _probe_ms(index: IdIndex, size: int, draw: np.random.Generator) -> float:
    there = draw.integers(1, size + 1, LOOKED_UP // 2).astype(np.uint64)
    absent = draw.integers(2**40, 2**41, LOOKED_UP // 2).astype(np.uint64)
    keys = _hashes(draw.permutation(np.concatenate([there, absent])))
    start = time.perf_counter()
    found = index.find(keys, keys)
    elapsed = (time.perf_counter() - start) * 1e3
    if int(found.same.sum()) != LOOKED_UP // 2:
        raise AssertionError(f"found {found.same.sum()} ids, {LOOKED_UP // 2} are there")
    return elapsed


if __name__ == "__main__":
    script("dedupe", measure, events=20_000_000, repeats=51)
