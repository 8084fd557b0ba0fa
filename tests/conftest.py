"""The order of modules: those that take longest start first, so that no process ends with one."""

import pytest

from tests.garbage import look_seldom

look_seldom()

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
    look_seldom()
