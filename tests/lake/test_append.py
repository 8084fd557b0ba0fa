"""What one writer sees: commits, duplicates, conflicts, offsets, clock. Real files."""

import json
from pathlib import Path

import polars as pl
import pytest

from audit.canonical import EVENT_SCHEMA
from ingestion.lake import Batch, Lake, OffsetRange
from ledger.errors import IncorrectInput, InternalFault
from tests.events import FIRST_US, batch, deposits, rejects, sales


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake", tmp_path / "index")


def _all_events(root: Path) -> pl.DataFrame:
    return pl.read_parquet(root / "lake" / "family=*" / "*" / "*.parquet", hive_partitioning=True)


def test_accepted_events_stand_in_the_lake_with_what_the_lake_adds(
    lake: Lake, tmp_path: Path
) -> None:
    result = lake.append(batch(sales(0, 10), deposits(0, 5), quarantine=rejects(10, 2)))
    assert (result.seq, result.accepted, result.duplicate, result.quarantined) == (1, 15, 0, 2)
    events = _all_events(tmp_path).sort("row_index")
    assert events["row_index"].to_list() == list(range(15))
    assert events["family"].to_list() == ["accounts"] * 5 + ["sales"] * 10
    assert events["commit_seq"].unique().to_list() == [1]
    assert events["tenant_id"].unique().to_list() == ["default"]
    stored = events.filter(pl.col("family") == "sales").select(EVENT_SCHEMA.names())
    assert stored.equals(sales(0, 10))
    kept = pl.read_parquet(next((tmp_path / "lake" / "_quarantine").iterdir()))
    assert kept["raw"].to_list() == rejects(10, 2)["raw"].to_list()


def test_the_same_batch_again_adds_nothing(lake: Lake) -> None:
    lake.append(batch(sales(0, 10), quarantine=rejects(10, 2)))
    again = lake.append(batch(sales(0, 10), quarantine=rejects(10, 2)))
    assert again.seq is None and again.head.seq == 1


def test_an_overlapping_batch_adds_only_what_is_beyond(lake: Lake) -> None:
    lake.append(batch(sales(0, 10)))
    result = lake.append(batch(sales(5, 10)))
    assert (result.accepted, result.duplicate, result.head.tree_size) == (5, 0, 15)


def test_the_same_events_from_another_file_are_counted_as_duplicates(lake: Lake) -> None:
    lake.append(batch(sales(0, 10)))
    result = lake.append(batch(sales(0, 12).with_columns(source_partition=pl.lit("renamed"))))
    assert (result.accepted, result.duplicate, result.quarantined) == (2, 10, 0)


def test_a_reused_id_with_other_content_is_quarantined_with_both_hashes(
    lake: Lake, tmp_path: Path
) -> None:
    lake.append(batch(sales(0, 10)))
    other = sales(0, 10).with_columns(
        source_partition=pl.lit("other"), amount=pl.lit("999.99").cast(pl.Decimal(18, 4))
    )
    result = lake.append(batch(other))
    assert (result.accepted, result.duplicate, result.quarantined) == (0, 0, 10)
    kept = pl.read_parquet(next((tmp_path / "lake" / "_quarantine").iterdir()))
    assert kept["reason"].unique().to_list() == ["event_id_must_not_be_reused_with_other_content"]
    assert kept["raw"].to_list() == [p.encode() for p in other["payload"]]
    assert kept["existing_sha256"].n_unique() == kept["received_sha256"].n_unique() == 10
    assert (kept["existing_sha256"] != kept["received_sha256"]).all()


def test_repeats_and_contradictions_inside_one_batch_are_told_apart(lake: Lake) -> None:
    first = sales(0, 3)
    again = first.with_columns(pl.col("source_offset") + 3)
    other = first.with_columns(pl.col("source_offset") + 6, category=pl.lit("changed"))
    result = lake.append(batch(first, again, other))
    assert (result.accepted, result.duplicate, result.quarantined) == (3, 3, 3)


def test_a_contradiction_repeated_is_a_contradiction_each_time(lake: Lake) -> None:
    lake.append(batch(sales(0, 1)))
    other = sales(0, 1).with_columns(category=pl.lit("changed"), source_partition=pl.lit("x"))
    twice = pl.concat([other, other.with_columns(pl.col("source_offset") + 1)])
    result = lake.append(batch(twice))
    assert (result.accepted, result.duplicate, result.quarantined) == (0, 0, 2)


def test_a_gap_in_the_offsets_is_refused_by_name(lake: Lake) -> None:
    lake.append(batch(sales(0, 10)))
    with pytest.raises(IncorrectInput, match=r"'till', partition 'p0': expected offsets from 10"):
        lake.append(batch(sales(11, 5)))
    assert lake.refresh().seq == 1


def test_ingest_time_rises_when_the_clock_jumps_back(tmp_path: Path) -> None:
    times = iter([5_000_000, 6_000_000, 1_000_000, 1_000_000, 7_000_000])
    lake = Lake.create(tmp_path / "lake", tmp_path / "index", now=lambda: next(times))
    seen = [lake.append(batch(sales(n, 1))).head.ingest_time_us for n in range(4)]
    assert seen == [6_000_000, 6_000_001, 6_000_002, 7_000_000]


def test_history_is_imported_only_forward_of_the_lakes_clock(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake", tmp_path / "index", ingest_time_us=FIRST_US)
    lake.append(batch(sales(0, 1)), ingest_time_us=FIRST_US + 10)
    with pytest.raises(IncorrectInput, match=r"expected a time after the lake's clock 2026-01-01"):
        lake.append(batch(sales(1, 1)), ingest_time_us=FIRST_US + 10)
    with pytest.raises(IncorrectInput, match="historical ingest time"):
        lake.append(batch(sales(1, 1)), ingest_time_us=2**55)
    info = json.loads((tmp_path / "lake/_delta_log" / f"{1:020d}.json").read_text().split("\n")[0])
    assert info["commitInfo"]["lake"]["historical_import"] is True
    assert info["commitInfo"]["lake"]["ingest_time_us"] == FIRST_US + 10


def test_a_frame_of_the_wrong_type_is_refused_with_the_column(lake: Lake) -> None:
    wrong = sales(0, 1).with_columns(pl.col("amount").cast(pl.Float64))
    with pytest.raises(IncorrectInput, match=r"batch column amount: expected Decimal"):
        lake.append(Batch(wrong, offsets={("till", "p0"): OffsetRange(0, 1)}))


def test_derived_state_is_rebuilt_from_the_lake_alone(lake: Lake, tmp_path: Path) -> None:
    for n in range(6):
        lake.append(batch(sales(n * 100, 100), deposits(n * 50, 50)))
    anew = Lake.open(tmp_path / "lake", tmp_path / "index-2")
    assert anew.head == lake.head
    assert anew.next_offset("till", "p0") == 600
    result = anew.append(batch(sales(0, 601).with_columns(source_partition=pl.lit("again"))))
    assert (result.accepted, result.duplicate) == (1, 600)


def test_a_cut_log_is_refused_by_a_writer_that_saw_more(lake: Lake, tmp_path: Path) -> None:
    lake.append(batch(sales(0, 1)))
    lake.append(batch(sales(1, 1)))
    (tmp_path / "lake" / "_delta_log" / f"{2:020d}.json").unlink()
    with pytest.raises(InternalFault, match="commit 2: expected SHA-256"):
        Lake.open(tmp_path / "lake", tmp_path / "index")


def test_opening_a_folder_without_a_lake_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(IncorrectInput, match="ledgerlake init"):
        Lake.open(tmp_path / "nothing", tmp_path / "index")
