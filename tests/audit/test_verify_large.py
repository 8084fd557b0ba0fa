"""Segments of more rows than are read at once: checked to the last row, and fast enough."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

from audit.canonical import CHUNK_ROWS
from audit.verify_lake import verify_lake
from ingestion.lake import Lake
from tests.audit.lakes import copy_of, forge_segment
from tests.events import batch, sales

ROWS = 4 * CHUNK_ROWS
"""A whole number of chunks: the end of the file is only seen by reading once more."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("large")
    lake = Lake.create(home / "lake", home / "index")
    payload = pl.concat_str(
        pl.lit('{"till":"'), pl.col("event_id"), pl.lit(f'","x":"{"x" * 90}"}}')
    )
    lake.append(batch(sales(0, 10)))
    lake.append(batch(sales(10, ROWS).with_columns(payload=payload)))
    lake.append(batch(sales(10 + ROWS, 1)))
    lake.close()
    return home / "lake"


def test_one_core_verifies_250_000_events_a_second(large: Path) -> None:
    verify_lake(large)
    begin = time.process_time()  # of all threads together, so that other load does not matter
    report = verify_lake(large)
    seconds = time.process_time() - begin
    assert report.ok and report.events == ROWS + 11
    assert report.events / seconds > 250_000, f"{report.events / seconds:,.0f} events/s"


@pytest.mark.parametrize("position", [CHUNK_ROWS - 1, CHUNK_ROWS, ROWS - 1])
def test_a_bad_row_is_named_in_whatever_chunk_it_lies(
    large: Path, tmp_path: Path, position: int
) -> None:
    lake = copy_of(large, tmp_path)
    wrong = pl.when(pl.int_range(pl.len()) == position).then(pl.lit(5, pl.Int64))
    forge_segment(
        lake, 2, lambda df: df.with_columns(commit_seq=wrong.otherwise(pl.col("commit_seq")))
    )
    problem = verify_lake(lake).first_problem
    assert problem is not None
    assert (problem.rule, problem.row) == ("row_must_carry_what_its_commit_says", 10 + position)


def test_a_row_too_many_behind_a_whole_number_of_chunks_is_found(
    large: Path, tmp_path: Path
) -> None:
    lake = copy_of(large, tmp_path)
    extra = pl.col("row_index") + 1
    forge_segment(
        lake,
        2,
        lambda df: df.vstack(df.tail(1).with_columns(extra, event_id=pl.lit("one-more"))),
    )
    problem = verify_lake(lake).first_problem
    assert problem is not None
    assert problem.rule == "segment_must_hold_what_its_commit_says"
    assert problem.found == f"{ROWS + 1} rows"


def test_an_id_repeated_far_behind_is_found(large: Path, tmp_path: Path) -> None:
    lake = copy_of(large, tmp_path)
    last = pl.int_range(pl.len()) == ROWS - 1
    forge_segment(
        lake,
        2,
        lambda df: df.with_columns(
            event_id=pl.when(last).then(pl.lit("till-3")).otherwise(pl.col("event_id"))
        ),
    )
    problem = verify_lake(lake).first_problem
    assert problem is not None
    assert (problem.rule, problem.row) == ("event_id_must_be_unique", 10 + ROWS - 1)
    assert problem.found.endswith("of row 3")
