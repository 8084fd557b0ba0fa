"""The order of modules: those that take longest start first, so that no process ends with one."""

import pytest

from tests.garbage import look_seldom

look_seldom()

LONGEST = (
    # The third needs no house: the second makes the one that the next would wait for.
    *("house/test_demo.py", "close/test_matrix.py", "benchmarks/test_scripts.py"),
    *("close/test_restatement.py", "scheduling/test_close.py", "close/test_crashes.py"),
    *("lake/test_faults.py", "publish/test_live_tail.py", "publish/test_editions.py"),
    *("journal/test_kills.py", "cli/test_commands.py", "models/test_same_bytes.py"),
    *("close/test_apply.py", "models/test_dbt_tests.py", "models/test_posting.py"),
    *("models/test_closes.py", "scheduling/test_alerts.py", "publish/test_readers.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the order within modules, and of all modules not named."""
    places = {name: place for place, name in enumerate(LONGEST)}

    def place(item: pytest.Item) -> int:
        return places.get("/".join(item.path.parts[-2:]), len(places))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    look_seldom()
