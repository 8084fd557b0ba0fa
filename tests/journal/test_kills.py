"""Killed with SIGKILL at every step: nothing acknowledged is lost, nothing comes twice."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from audit.verify_lake import verify_lake
from ingestion.journal import Journal, check
from ingestion.lake import Lake
from tests import forked
from tests.journal.conftest import NOW
from tests.journal.counter import CODEC, values
from tests.journal.racer import LIFE, live
from tests.postgres import Server

STEPS = (
    *("planned", "before_commit", "committed", "read", "in_lake", "marked", "folded", "caught_up"),
    "pruned",
    *("lake before_commit", "lake after_commit", "lake remembered"),
)
ON_POSTGRES = ("before_commit", "committed", "in_lake", "folded")
# Each step is reached several times: in the group, alone, in the second half of the life.
CASES = [(step, nth) for step in STEPS for nth in (2,)]
MORE = [(step, nth) for step in STEPS for nth in (1, 3, 4)]


@pytest.mark.parametrize(
    ("step", "nth"), [*CASES, *(pytest.param(*case, marks=pytest.mark.nightly) for case in MORE)]
)
def test_a_life_killed_at_any_step_and_begun_again_ends_as_if_it_had_not_been(
    tmp_path: Path, step: str, nth: int
) -> None:
    die_and_live_again(f"sqlite:///{tmp_path}/journal.sqlite", tmp_path, step, nth)


def die_and_live_again(url: str, home: Path, step: str, nth: int) -> None:
    Lake.create(home / "lake", home / "index", now=lambda: NOW).close()
    assert forked.exit_code(forked.start(live, url, home, step, nth)) == -9, "it was killed"
    live(url, home)
    journal = Journal.open(url, now=lambda: NOW)
    lake = Lake.open(home / "lake", home / "index", now=lambda: NOW)
    assert values(journal, ["a", "b"]) == LIFE
    assert check(journal, lake, CODEC).differences == []
    rows = pl.concat(
        lake.read(segment) for commit in lake.commits_after(-1) for segment in commit.segments
    )
    ours = rows.filter(pl.col("source") == "journal").sort("row_index")
    assert ours["source_offset"].to_list() == list(range(6)), "each once, in order"
    assert set(Counter(rows["event_id"]).values()) == {1} and rows.height == 12
    found = journal.status()
    assert (found.undrained, found.kept, found.commands) == (0, 0, 8)
    assert journal.pending(0, 9) == []
    journal.close()
    lake.close()
    assert verify_lake(home / "lake").ok


@pytest.mark.parametrize("step", ON_POSTGRES)
def test_so_on_postgresql(postgres: Server, tmp_path: Path, step: str) -> None:
    die_and_live_again(postgres.database(), tmp_path, step, 2)
