"""Lakes whose files all hash right but do not add up: each rule behind the hashes has its breach.

A forger here may rewrite any file and seal and chain the log anew, but leaves one thing untrue.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import audit.verify_lake as verifying
from audit.findings import Problem
from audit.lake_report import KnownHead
from audit.seal import sealed
from audit.verify_lake import verify_lake
from tests.audit.lakes import (
    Action,
    actions_of,
    commit_file,
    forge,
    forge_lake,
    forge_quarantine,
    forge_segment,
    recompute_roots,
    replace_segment,
    sealed_bytes,
    segment_of,
)

Frame = Callable[[pl.DataFrame], pl.DataFrame]


def _problem(lake: Path) -> Problem:
    problem = verify_lake(lake).first_problem
    assert problem is not None, "nothing was found"
    return problem


def _lake_of(actions: list[Action]) -> dict[str, Any]:
    found: dict[str, Any] = actions[0]["commitInfo"]["lake"]
    return found


def test_forging_with_nothing_changed_leaves_the_lake_whole(lake: Path) -> None:
    forge(lake, 0, lambda _: None)
    recompute_roots(lake)
    assert verify_lake(lake).ok


# --- one field of commit 4 ------------------------------------------------------------------


def _set(path: str, value: object) -> Callable[[list[Action]], None]:
    """Set `a.b.0.c` in the actions of a commit; `lake.` stands for its place in commitInfo."""

    def change(actions: list[Action]) -> None:
        *steps, last = path.replace("lake.", "0.commitInfo.lake.").split(".")
        at: Any = actions
        for step in steps:
            at = at[int(step)] if isinstance(at, list) else at[step]
        at[int(last) if isinstance(at, list) else last] = value

    return change


def _drop(name: str) -> Callable[[list[Action]], None]:
    return lambda actions: _lake_of(actions).pop(name)


FIELDS = "commit_must_have_the_fields_of_its_format"
AGREE = "delta_actions_must_agree_with_the_lake_fields"
OFFSETS = "source_offsets_must_follow_each_other"
FORGED_FIELDS: list[tuple[Callable[[list[Action]], None], str]] = [
    (_set("lake.format_version", 1), FIELDS),
    (_set("lake.format_version", 3), FIELDS),
    (_set("lake.lake_id", "0" * 32), "lake_id_must_not_change"),
    (_set("lake.lake_id", "X" * 32), FIELDS),
    (_set("lake.seq", 5), "commit_must_carry_its_own_number"),
    (_set("lake.seq", True), FIELDS),
    (_set("lake.previous_sha256", None), "commit_must_chain_to_the_one_before"),
    (_set("lake.previous_sha256", "0" * 64), "commit_must_chain_to_the_one_before"),
    (_set("lake.historical_import", 0), FIELDS),
    (_set("lake.commit_id", ""), FIELDS),
    (_set("lake.ingest_time_us", 1), AGREE),
    (_set("lake.extra", 1), FIELDS),
    (_drop("commit_id"), FIELDS),
    (_set("lake.tree_root", "0" * 64), "tree_root_must_be_that_of_all_events"),
    (_set("lake.tree_size", 441), "tree_size_must_be_the_number_of_events"),
    (_set("lake.segments.0.first_row_index", 431), "row_index_must_have_no_gap"),
    (_set("lake.segments.0.rows", 9), "counts_must_add_up"),
    (_set("lake.segments.0.family", "accounts"), FIELDS),
    (_set("lake.segments.0.min_event_time_us", 0), "segment_must_hold_what_its_commit_says"),
    (_set("lake.segments.0.max_event_time_us", 0), "segment_must_hold_what_its_commit_says"),
    (_set("lake.segments.0.path", "family=sales/x.parquet"), FIELDS),
    (_set("lake.segments", {}), FIELDS),
    (_set("lake.quarantine", None), "counts_must_add_up"),
    (_set("lake.quarantine.rows", 3), "counts_must_add_up"),
    (_set("lake.quarantine.path", "_quarantine/x.parquet"), FIELDS),
    (_set("lake.quarantine", {"path": ""}), FIELDS),
    (_set("lake.sources.till.p0.from", 349), OFFSETS),
    (_set("lake.sources.till.p0.from", 351), OFFSETS),
    (_set("lake.sources.till.p0.to", 349), OFFSETS),
    (_set("lake.sources.till.p0.to", 359), "row_offsets_must_lie_in_the_commits_offsets"),
    (_set("lake.sources.broken.p0.to", 21), "row_offsets_must_lie_in_the_commits_offsets"),
    (_set("lake.sources.till", {}), "row_offsets_must_lie_in_the_commits_offsets"),
    (_set("lake.counts.received", 18), "counts_must_add_up"),
    (_set("lake.counts.duplicate", 6), "counts_must_add_up"),
    (_set("lake.outcomes.0.rows", 0), FIELDS),
    (_set("lake.outcomes.0.reason", None), FIELDS),
    (_set("lake.outcomes.0.reason", "other"), "outcomes_must_be_those_of_the_rows"),
    (_set("lake.outcomes.1.outcome", "lost"), FIELDS),
    (_set("lake.outcomes.1.event_type", "SaleRefunded"), "outcomes_must_be_those_of_the_rows"),
    (_set("lake.outcomes.1.source", "shop"), "outcomes_must_be_those_of_the_rows"),
    (_set("0.commitInfo.timestamp", 0), AGREE),
    (_set("0.commitInfo.operation", "DELETE"), AGREE),
    (_set("0.commitInfo.isBlindAppend", False), AGREE),
    (_set("1.add.path", "family=sales/x.parquet"), AGREE),
    (_set("1.add.size", 1), AGREE),
    (_set("1.add.dataChange", False), AGREE),
    (_set("1.add.partitionValues.family", "control"), AGREE),
    (_set("1.add.modificationTime", 0), AGREE),
    (_set("1.add.stats", '{"numRecords":9}'), AGREE),
    (_set("1.add.stats", "none"), AGREE),
    (_set("1", {"remove": {"path": "family=sales/x.parquet"}}), FIELDS),
    (lambda actions: actions.append(actions[1]), AGREE),
    (lambda actions: actions.pop(), AGREE),
]


@pytest.mark.parametrize(("change", "rule"), FORGED_FIELDS)
def test_a_forged_field_of_a_commit_is_found(
    lake: Path, change: Callable[[list[Action]], None], rule: str
) -> None:
    forge(lake, 4, change)
    problem = _problem(lake)
    assert (problem.rule, problem.commit) == (rule, 4), str(problem)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("1.protocol.minReaderVersion", 3),
        ("2.metaData.id", ""),
        ("2.metaData.schemaString", "{}"),
        ("2.metaData.configuration", {}),
        ("2.metaData.partitionColumns", ["tenant_id"]),
    ],
)
def test_a_forged_description_of_the_table_is_found(lake: Path, path: str, value: object) -> None:
    forge(lake, 0, _set(path, value))
    problem = _problem(lake)
    assert (problem.rule, problem.commit) == ("table_must_be_described_as_its_format_says", 0)


def test_a_clock_that_steps_back_is_found(lake: Path) -> None:
    before = _lake_of(actions_of(lake, 3))["ingest_time_us"]

    def change(actions: list[Action]) -> None:
        _lake_of(actions)["ingest_time_us"] = before
        actions[0]["commitInfo"]["timestamp"] = before // 1000
        for action in actions[1:]:
            action["add"]["modificationTime"] = before // 1000

    forge(lake, 4, change)
    problem = _problem(lake)
    assert (problem.rule, problem.commit) == ("ingest_time_must_move_forward", 4)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"counts":', b'"counts": '),
        (b'"isBlindAppend":true,', b'"isBlindAppend":true,"isBlindAppend":true,'),
        (b'"format_version":2', b'"format_version":2.0'),
        (b'"format_version":2', b'"format_version":NaN'),
        (b'"till"', b'"\\u0074ill"'),
        (b'"till"', b'"\xff"'),
        (b"}\n", b"}\r\n"),
        (b"}\n", b"\n"),
    ],
)
def test_json_in_another_form_is_found(lake: Path, old: bytes, new: bytes) -> None:
    file = commit_file(lake, 5)
    data = file.read_bytes().replace(b'"bank"', b'"till"')
    assert old in data
    file.write_bytes(sealed(data.replace(old, new, 1)))
    problem = _problem(lake)
    assert (problem.rule, problem.commit) == ("commit_must_be_canonical_json", 5)


def test_two_segments_of_one_family_in_a_commit_are_found(lake: Path) -> None:
    old = segment_of(lake, 2, "accounts").relative_to(lake).as_posix()
    new = old.replace("family=accounts", "family=sales")
    (lake / old).rename(lake / new)

    def change(actions: list[Action]) -> None:
        _lake_of(actions)["segments"][0].update(family="sales", path=new)
        actions[1]["add"].update(path=new, partitionValues={"family": "sales"})

    forge(lake, 2, change)
    problem = _problem(lake)
    assert (problem.rule, problem.commit) == (FIELDS, 2)


def test_a_commit_with_no_actions_behind_its_first_is_no_commit_0(lake: Path) -> None:
    commit_file(lake, 0).write_bytes(sealed_bytes(actions_of(lake, 0)[:1]))
    assert _problem(lake).rule == FIELDS


# --- rows -----------------------------------------------------------------------------------


def _at(row: int, column: str, value: object) -> Frame:
    return lambda df: df.with_columns(
        pl.when(pl.int_range(pl.len()) == row)
        .then(pl.lit(value).cast(df.schema[column]))
        .otherwise(pl.col(column))
        .alias(column)
    )


@pytest.mark.parametrize("row", [0, 17, 49])
@pytest.mark.parametrize(
    ("column", "value"),
    [("tenant_id", "other"), ("commit_seq", 1), ("ingest_time", 1), ("row_index", 12)],
)
def test_a_row_that_contradicts_its_commit_is_named(
    lake: Path, row: int, column: str, value: object
) -> None:
    path = forge_segment(lake, 2, _at(row, column, value))
    problem = _problem(lake)
    first = next(
        s["first_row_index"] for s in _lake_of(actions_of(lake, 2))["segments"] if s["path"] == path
    )
    assert problem.rule == "row_must_carry_what_its_commit_says"
    assert (problem.commit, problem.segment, problem.row) == (2, path, first + row)
    assert problem.expected.startswith(column)


@pytest.mark.parametrize(
    ("column", "value"),
    [("payload", "{}"), ("amount", 7), ("event_id", "till-9999"), ("category", None),
     ("event_time", 1_767_225_950_500_000)],
)  # fmt: skip
def test_a_changed_value_under_right_file_hashes_breaks_the_tree_root(
    lake: Path, column: str, value: object
) -> None:
    path = forge_segment(lake, 4, _at(5, column, value))
    problem = _problem(lake)
    assert (problem.rule, problem.commit) == ("tree_root_must_be_that_of_all_events", 4), path


def test_rows_in_another_order_under_right_numbers_break_the_tree_root(lake: Path) -> None:
    def change(df: pl.DataFrame) -> pl.DataFrame:
        return df.reverse().with_columns(row_index=df["row_index"])

    forge_segment(lake, 4, change)
    problem = _problem(lake)
    assert (problem.rule, problem.commit) == ("tree_root_must_be_that_of_all_events", 4)


def test_a_repeated_event_id_is_named_with_both_rows(lake: Path) -> None:
    path = forge_segment(lake, 4, _at(3, "event_id", "till-7"))
    recompute_roots(lake)
    problem = _problem(lake)
    assert problem.rule == "event_id_must_be_unique"
    assert (problem.commit, problem.segment, problem.row) == (4, path, 433)
    assert "'till-7'" in problem.found and "row 7" in problem.found


def test_of_two_repeated_ids_the_one_whose_repeat_comes_first_is_named(lake: Path) -> None:
    def change(df: pl.DataFrame) -> pl.DataFrame:
        return _at(8, "event_id", "till-7")(_at(3, "event_id", "till-200")(df))

    forge_segment(lake, 4, change)
    recompute_roots(lake)
    assert _problem(lake).row == 433


def test_a_repeated_event_id_before_another_problem_is_the_first(lake: Path) -> None:
    forge_segment(lake, 1, _at(3, "event_id", "till-1"))
    recompute_roots(lake)
    forge_lake(lake, 5, tree_root="0" * 64)
    problem = _problem(lake)
    assert (problem.rule, problem.row) == ("event_id_must_be_unique", 3)


def test_equal_hashes_of_different_ids_are_no_repeat(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        verifying, "id_hashes", lambda chunk: np.arange(chunk.height, dtype=np.uint64) % 7
    )
    assert verify_lake(lake).ok
    forge_segment(lake, 4, _at(3, "event_id", "till-3"))
    recompute_roots(lake)
    monkeypatch.setattr(
        verifying, "id_hashes", lambda chunk: np.zeros(chunk.height, dtype=np.uint64)
    )
    assert _problem(lake).row == 433


@pytest.mark.parametrize("column", ["payload", "event_id", "source", "event_time", "tenant_id"])
def test_a_null_where_the_format_forbids_it_is_found(lake: Path, column: str) -> None:
    path = forge_segment(lake, 4, _at(2, column, None))
    problem = _problem(lake)
    assert (problem.rule, problem.segment) == ("required_column_must_have_no_null", path)


def _other_columns() -> dict[str, Frame]:
    return {
        "dropped": lambda df: df.drop("channel"),
        "added": lambda df: df.with_columns(extra=pl.lit(1)),
        "moved": lambda df: df.select(reversed(df.columns)),
        "other_type": lambda df: df.with_columns(pl.col("amount").cast(pl.Float64)),
        "other_scale": lambda df: df.with_columns(pl.col("amount").cast(pl.Decimal(18, 2))),
        "no_zone": lambda df: df.with_columns(pl.col("event_time").dt.replace_time_zone(None)),
        "family_inside": lambda df: df.with_columns(family=pl.lit("sales")),
    }


@pytest.mark.parametrize("change", _other_columns().values(), ids=_other_columns().keys())
def test_a_segment_with_other_columns_is_found(lake: Path, change: Frame) -> None:
    path = forge_segment(lake, 4, change)
    problem = _problem(lake)
    rule = "file_must_have_the_columns_of_the_format"
    assert (problem.rule, problem.commit, problem.segment) == (rule, 4, path)


@pytest.mark.parametrize("rows", [0, 9, 11])
def test_a_segment_with_fewer_or_more_rows_than_its_commit_says_is_found(
    lake: Path, rows: int
) -> None:
    def change(df: pl.DataFrame) -> pl.DataFrame:
        longer = df.vstack(
            df.tail(1).with_columns(pl.col("row_index") + 1, event_id=pl.lit("one-more"))
        )
        return longer.head(rows)

    path = forge_segment(lake, 4, change)
    problem = _problem(lake)
    assert (problem.rule, problem.segment) == ("segment_must_hold_what_its_commit_says", path)


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"not parquet at all", b"PAR1" + b"\x00" * 64 + b"PAR1"]
)
def test_a_file_that_is_no_parquet_is_a_problem_not_a_crash(lake: Path, data: bytes) -> None:
    path = replace_segment(lake, 4, data)
    problem = _problem(lake)
    assert (problem.rule, problem.segment) == ("file_must_be_parquet", path)


# --- quarantined rows -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "rule", "row"),
    [
        (_at(7, "commit_seq", 2), "row_must_carry_what_its_commit_says", 7),
        (_at(7, "ingest_time", 2), "row_must_carry_what_its_commit_says", 7),
        (_at(7, "source_offset", 20), "row_offsets_must_lie_in_the_commits_offsets", None),
        (_at(7, "source", "till"), "row_offsets_must_lie_in_the_commits_offsets", None),
        (_at(7, "reason", "other"), "outcomes_must_be_those_of_the_rows", None),
        (_at(7, "event_type", None), "outcomes_must_be_those_of_the_rows", None),
        (_at(7, "reason", None), "required_column_must_have_no_null", None),
        (lambda df: df.head(19), "segment_must_hold_what_its_commit_says", None),
        (lambda df: df.vstack(df.head(1)), "segment_must_hold_what_its_commit_says", None),
        (lambda df: df.drop("raw"), "file_must_have_the_columns_of_the_format", None),
    ],
)
def test_a_forged_quarantine_file_is_found(
    lake: Path, change: Frame, rule: str, row: int | None
) -> None:
    path = forge_quarantine(lake, 3, change)
    problem = _problem(lake)
    found = (problem.rule, problem.commit, problem.row)
    assert found == (rule, 3, row), str(problem)
    assert problem.segment == (None if rule.startswith("outcomes") else path)


def test_a_history_wholly_rewritten_is_found_only_by_a_head_noted_before(lake: Path) -> None:
    head = verify_lake(lake).head
    assert head is not None
    forge_segment(lake, 4, _at(5, "amount", 7))
    recompute_roots(lake)
    assert verify_lake(lake).ok, "all is in agreement: nothing inside the folder tells"
    known = KnownHead(seq=head.seq, sha256=head.sha256)
    problem = verify_lake(lake, known_head=known).first_problem
    assert problem is not None and problem.rule == "known_head_must_be_in_the_log"
