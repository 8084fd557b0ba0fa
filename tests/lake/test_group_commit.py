"""Group commit: few commits for many producers, order kept, one producer's mistake its own."""

import threading
from pathlib import Path

import pytest

from ingestion.lake import Lake
from ingestion.lake.group_commit import GroupCommitter, GroupLimits
from ledger.errors import IncorrectInput
from tests.events import batch, sales


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake", tmp_path / "index")


def test_batches_submitted_together_share_a_commit(lake: Lake) -> None:
    given = [batch(sales(n * 10, 10)) for n in range(20)]  # before the group's time begins to run
    with GroupCommitter(lake, GroupLimits(max_delay_s=0.5, max_rows=1000)) as group:
        futures = [group.submit(one) for one in given]
        results = [future.result(timeout=20) for future in futures]
    assert {r.seq for r in results} == {1}
    assert lake.head.tree_size == 200


def test_a_full_group_does_not_wait_for_its_time(lake: Lake) -> None:
    with GroupCommitter(lake, GroupLimits(max_delay_s=3600, max_rows=100)) as group:
        futures = [group.submit(batch(sales(n * 10, 10))) for n in range(10)]
        assert futures[-1].result(timeout=20).seq == 1


def test_many_threads_get_durable_results_and_nothing_is_lost(lake: Lake) -> None:
    results = []

    def produce(name: str) -> None:
        for n in range(10):
            future = group.submit(batch(sales(n * 5, 5, source=name)))
            results.append(future.result(timeout=20))

    with GroupCommitter(lake, GroupLimits(max_delay_s=0.02, max_rows=1000)) as group:
        threads = [threading.Thread(target=produce, args=(f"till-{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(results) == 40
    assert lake.head.tree_size == 200
    assert lake.head.seq < 40


def test_a_refused_batch_fails_alone(lake: Lake) -> None:
    with GroupCommitter(lake, GroupLimits(max_delay_s=0.3, max_rows=1000)) as group:
        good = group.submit(batch(sales(0, 5, source="good")))
        gap = group.submit(batch(sales(7, 5, source="gap")))
        late = group.submit(batch(sales(0, 5, source="late")))
        assert good.result(timeout=20).accepted == late.result(timeout=20).accepted == 5
        with pytest.raises(IncorrectInput, match="expected offsets from 0"):
            gap.result(timeout=20)
    assert lake.head.tree_size == 10


def test_closing_commits_what_is_queued(lake: Lake) -> None:
    group = GroupCommitter(lake, GroupLimits(max_delay_s=3600, max_rows=10_000))
    future = group.submit(batch(sales(0, 5)))
    group.close()
    assert future.result(timeout=1).seq == 1
    with pytest.raises(RuntimeError, match="closed"):
        group.submit(batch(sales(5, 5)))
