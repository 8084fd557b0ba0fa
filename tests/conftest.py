"""How test processes run: the longest modules first, so that no process ends with one, and what is
imported is not looked through for garbage again and again.
"""

import gc

import pytest

LONGEST = (
    *("house/test_demo.py", "close/test_matrix.py", "models/test_laws.py", "close/test_crashes.py"),
    *("scheduling/test_close.py", "close/test_restatement.py", "benchmarks/test_scripts.py"),
    *("models/test_closes.py", "models/test_posting.py", "models/test_same_bytes.py"),
    *("lake/test_faults.py", "close/test_apply.py", "close/test_frames.py"),
    *("expectations/test_gate.py", "publish/test_readers.py", "scheduling/test_alerts.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the order within modules, and of all modules not named."""
    places = {name: place for place, name in enumerate(LONGEST)}

    def place(item: pytest.Item) -> int:
        return places.get("/".join(item.path.parts[-2:]), len(places))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """dbt, Dagster and Great Expectations leave millions of objects that stay: at Python's own
    thresholds looking through them is a fifth of a build's and a close's CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
