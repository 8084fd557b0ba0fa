"""A publish that dies leaves the old edition, and the next run makes it good."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.publish.shop import Shop, open_shop

SEED = 20_261


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = open_shop(tmp_path / "home")
    made.sell(20_000)
    made.build()
    made.publish()
    made.sell(500, days_back=3)
    made.build()
    return made


def _break(shop: Shop, step: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.publish.breaker", str(shop.home.root), step]
    )


def _assert_whole(shop: Shop) -> None:
    query = "select sum(delta_amount), count(*) from sales_versions"
    commit = shop.read("select commit_seq from edition")[0][0]
    assert shop.read(query) == shop.warehouse(f"{query} where commit_seq <= {commit}")


@pytest.mark.parametrize("step", ["exported", "manifest", "pointed"])
def test_death_at_a_step_leaves_one_whole_edition_and_a_rerun_completes(
    shop: Shop, step: str
) -> None:
    assert _break(shop, step).wait() == 9
    assert shop.read("select number from edition") == [(2 if step == "pointed" else 1,)]
    _assert_whole(shop)
    done = shop.publish()
    assert done.edition == 2
    assert done.changed == (step != "pointed")
    _assert_whole(shop)
    assert shop.read("from day_sales order by all") == shop.warehouse("from day_sales order by all")


def test_kill_at_any_moment_leaves_one_whole_edition(shop: Shop) -> None:
    print(f"seed {SEED}")  # noqa: T201
    moments = random.Random(SEED)
    for _ in range(6):
        process = _break(shop, "never")
        time.sleep(moments.uniform(0.5, 2.0))
        process.kill()
        process.wait()
        _assert_whole(shop)
        shop.sell(50)
        shop.build()
    shop.publish()
    _assert_whole(shop)
    assert shop.read("select commit_seq from edition") == [(shop.lake.head.seq,)]
