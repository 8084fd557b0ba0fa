"""Reading, hashing and committing overlap: whatever stops a run, what is in the lake is the file's
beginning, in order, and the next run adds the rest. Real lake, real files.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from ingestion.file_ingest import Ingest, ingest_file, prefetched
from ingestion.lake import Batch, Lake
from ingestion.lake.admission import prepare
from ledger.errors import IncorrectInput
from tests.events import batch, sales
from tests.ingest.given import NOW_US, Home, csv_text, intake, till_rows, write

CHUNK = 10
ROWS = 95


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def _stages() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("prepare")]


def test_ctrl_c_between_commits_leaves_a_beginning_that_is_resumed(
    tmp_path: Path, home: Home
) -> None:
    path = write(tmp_path / "day.csv", csv_text(*till_rows(ROWS)))
    told: list[int] = []

    def interrupt(_path: str, done: int, _rows: int) -> None:
        told.append(done)
        if len(told) == 3:
            raise KeyboardInterrupt

    lake = home.lake
    chunked = intake(chunk_rows=CHUNK)
    job = Ingest(lake=lake, intake=chunked, now=lambda: NOW_US, progress=interrupt)
    with pytest.raises(KeyboardInterrupt):
        ingest_file(job, path)
    assert told == [CHUNK, 2 * CHUNK, 3 * CHUNK]
    assert home.events()["source_offset"].to_list() == list(range(3 * CHUNK))
    assert not _stages(), "no stage works on after the run"
    ingest_file(replace(job, progress=lambda *_: None), path)
    assert home.events()["source_offset"].to_list() == list(range(ROWS))
    ranges = [next(iter(commit["sources"]["till"].values())) for commit in home.commits()]
    assert [one["from"] for one in ranges] == list(range(0, ROWS, CHUNK))


def test_a_batch_that_cannot_be_hashed_is_reported_after_those_before_it(home: Home) -> None:
    lake = home.lake

    def batches() -> Iterator[Batch]:
        yield batch(sales(0, 5))
        yield batch(sales(5, 5))
        yield Batch(events=sales(10, 5).with_columns(pl.col("amount").cast(pl.Float64)))
        yield batch(sales(15, 5))

    ready = prefetched(map(prepare, prefetched(batches())))
    with pytest.raises(IncorrectInput, match="batch column amount"):
        for prepared in ready:
            lake.append(prepared)
    assert (lake.head.seq, lake.head.tree_size) == (2, 10)


def test_a_prepared_batch_commits_as_the_batch_itself_does(tmp_path: Path) -> None:
    roots = []
    for name, given in (("plain", lambda b: b), ("prepared", prepare)):
        root = tmp_path / name
        lake = Lake.create(root / "lake", root / "index", lake_id="0" * 32, now=lambda: NOW_US)
        lake.append(given(batch(sales(0, 2_000))))
        renamed = sales(1_000, 1_500).with_columns(
            pl.col("source_offset") - 1_000, source_partition=pl.lit("again")
        )
        repeated = batch(renamed)
        result = lake.append(given(repeated))
        assert (result.accepted, result.duplicate) == (500, 1_000)
        roots.append(lake.head.tree_root)
        lake.close()
    assert roots[0] == roots[1]
