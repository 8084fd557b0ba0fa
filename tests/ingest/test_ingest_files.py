"""Files into a lake: nothing twice, nothing half, nothing lost. Real lake, real files."""

import gzip
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from ingestion import folder
from ingestion.file_ingest import ingest_file, prefetched
from ledger.errors import IncorrectInput
from tests.ingest.given import (
    GOOD_ROW,
    NOW_US,
    TILL_CSV,
    Home,
    csv_text,
    environment,
    till,
    till_rows,
    write,
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def _ids(home: Home) -> list[str]:
    return home.events()["event_id"].to_list()


def test_a_file_becomes_one_commit_named_by_its_content(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "day.csv", csv_text(*till_rows(50)))
    report = home.ingest(path)
    assert (report.status, report.received, report.accepted) == ("ingested", 50, 50)
    (commit,) = home.commits()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert commit["sources"] == {"till": {sha256: {"from": 0, "to": 50}}}
    assert report.sha256 == sha256
    assert home.events()["source_offset"].to_list() == list(range(50))


def test_the_same_file_again_adds_nothing(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "day.csv", csv_text(*till_rows(50)))
    home.ingest(path)
    again = home.ingest(path)
    assert (again.status, again.received, again.first_commit) == ("nothing_new", 0, None)
    assert len(home.commits()) == 1


def test_a_renamed_file_adds_nothing(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "day.csv", csv_text(*till_rows(50)))
    home.ingest(path)
    assert home.ingest(path.rename(tmp_path / "other.csv")).status == "nothing_new"
    assert len(home.commits()) == 1


@pytest.mark.parametrize("rows", [slice(0, 20), slice(30, 50), slice(10, 11)])
def test_a_part_of_a_file_adds_nothing(tmp_path: Path, home: Home, rows: slice) -> None:
    all_rows = till_rows(50)
    home.ingest(write(tmp_path / "day.csv", csv_text(*all_rows)))
    part = home.ingest(write(tmp_path / "part.csv", csv_text(*all_rows[rows])))
    assert (part.accepted, part.quarantined) == (0, 0)
    assert part.duplicate == len(all_rows[rows])
    assert len(_ids(home)) == 50


def test_a_part_that_came_first_leaves_only_the_rest_to_add(tmp_path: Path, home: Home) -> None:
    home.ingest(write(tmp_path / "part.csv", csv_text(*till_rows(20, first=10))))
    whole = home.ingest(write(tmp_path / "day.csv", csv_text(*till_rows(50))))
    assert (whole.accepted, whole.duplicate) == (30, 20)
    assert sorted(_ids(home)) == sorted(f"till-{n}" for n in range(50))


def test_rows_that_are_alike_are_one_event_each_and_add_nothing_again(
    tmp_path: Path, home: Home
) -> None:
    text = TILL_CSV.replace(
        '{ column = "id", prefix = "till-" }', '{ hash = "row", occurrence = true }'
    )
    rows = [GOOD_ROW] * 5 + till_rows(5, first=10) + [GOOD_ROW] * 3
    path = write(tmp_path / "day.csv", csv_text(*rows))
    assert home.ingest(path, text, chunk_rows=4).accepted == 13
    part = write(tmp_path / "part.csv", csv_text(*rows[:7]))
    assert (home.ingest(part, text).duplicate, len(_ids(home))) == (7, 13)


def test_the_same_events_from_csv_gzip_add_nothing(tmp_path: Path, home: Home) -> None:
    text = csv_text(*till_rows(50))
    home.ingest(write(tmp_path / "day.csv", text))
    packed = home.ingest(write(tmp_path / "day.csv.gz", gzip.compress(text)))
    assert (packed.accepted, packed.duplicate) == (0, 50)


def test_an_id_used_again_for_other_content_is_quarantined(tmp_path: Path, home: Home) -> None:
    home.ingest(write(tmp_path / "a.csv", csv_text(GOOD_ROW)))
    changed = home.ingest(write(tmp_path / "b.csv", csv_text(GOOD_ROW.replace("12.34", "99"))))
    assert (changed.accepted, changed.quarantined) == (0, 1)
    assert changed.reasons[0].reason == "event_id_must_not_be_reused_with_other_content"
    assert home.quarantined()["existing_sha256"].null_count() == 0


def test_rows_that_break_the_contract_are_counted_by_reason(tmp_path: Path, home: Home) -> None:
    bad = [
        "b1,2025-06-01T10:00:00Z,s1,EUR,-1",
        "b2,2025-06-01T10:00:00Z,s1,EUR,-2",
        "b3,soon,s1,EUR,1",
    ]
    report = home.ingest(write(tmp_path / "day.csv", csv_text(*till_rows(5), *bad)))
    assert (report.received, report.accepted, report.quarantined) == (8, 5, 3)
    assert [(one.reason, one.rows) for one in report.reasons] == [
        ("amount_must_not_be_negative", 2),
        ("event_time_must_be_a_time", 1),
    ]
    kept = home.quarantined()
    assert kept["raw"].to_list() == [row.encode() for row in bad]
    (commit,) = home.commits()
    assert commit["counts"] == {"received": 8, "accepted": 5, "duplicate": 0, "quarantined": 3}


def test_a_large_file_is_committed_chunk_by_chunk_in_order(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "day.csv", csv_text(*till_rows(1_000)))
    report = home.ingest(path, chunk_rows=300)
    assert (report.first_commit, report.last_commit) == (1, 4)
    offsets = [next(iter(commit["sources"]["till"].values())) for commit in home.commits()]
    assert offsets == [
        {"from": 0, "to": 300},
        {"from": 300, "to": 600},
        {"from": 600, "to": 900},
        {"from": 900, "to": 1000},
    ]


@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet"])
def test_a_stopped_file_is_resumed_where_it_was_left(
    tmp_path: Path, home: Home, format_: str
) -> None:
    """Ids that number equal rows must come out as if the file had been read at one go."""
    text = till(format_).replace(
        '{ column = "id", prefix = "till-" }', '{ hash = ["store", "amount"], occurrence = true }'
    )
    frame = pl.DataFrame(
        {
            "at": ["2025-06-01T10:00:00Z"] * 100,
            "store": [f"s{n % 3}" for n in range(100)],
            "currency": ["EUR"] * 100,
            "amount": ["1.5"] * 100,
        }
    )
    path = tmp_path / f"day.{format_}"
    writers = {"csv": frame.write_csv, "jsonl": frame.write_ndjson, "parquet": frame.write_parquet}
    writers[format_](path)  # type: ignore[operator]
    seen = iter([False, False, True])
    stopped = replace(home.run(text, chunk_rows=30), stopped=lambda: next(seen))
    first = ingest_file(stopped, path)
    assert (first.status, first.accepted) == ("interrupted", 60)
    second = home.ingest(path, text, chunk_rows=25)
    assert (second.status, second.accepted, second.duplicate) == ("ingested", 40, 0)
    whole = Home(tmp_path / "whole")
    whole.ingest(path, text)
    assert _ids(home) == _ids(whole)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "day.csv", csv_text(*till_rows(1_000)))

    def meddle(_path: str, done: int, _rows: int) -> None:
        if done == 100:
            write(path, csv_text(*till_rows(900)))

    report = ingest_file(replace(home.run(chunk_rows=100), progress=meddle), path)
    assert report.status == "refused"
    assert report.error is not None
    assert report.error.rule == "file_must_not_change_while_it_is_read"


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda _path: None, "file_must_exist"),
        (lambda path: path.mkdir(), "file_must_be_regular"),
        (os.mkfifo, "file_must_be_regular"),
        (lambda path: path.touch(), "file_must_not_be_empty"),
    ],
)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, home: Home, make, rule: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "thing")
    report = home.ingest(tmp_path / "thing")
    assert report.error is not None
    assert (report.status, report.error.rule) == ("refused", rule)


def test_progress_is_told_row_by_row_of_chunks(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "day.csv", csv_text(*till_rows(10)))
    seen: list[tuple[int, int]] = []
    run = replace(home.run(chunk_rows=4), progress=lambda _p, done, rows: seen.append((done, rows)))
    ingest_file(run, path)
    assert seen == [(4, 10), (8, 10), (10, 10)]


def test_a_folder_gives_its_finished_files_by_name(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", ".hidden", "c.csv.tmp", "d.part", "e~"):
        (tmp_path / name).touch()
    found = folder.find([tmp_path])
    assert [path.name for path in found.files] == ["a.csv", "b.csv"]
    assert found.refused == []


def test_a_folder_inside_a_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "x.csv").touch()
    found = folder.find([tmp_path])
    assert found.files == []
    ((path, error),) = found.refused
    assert (path.name, error.rule) == ("inner", "folder_must_hold_files_only")


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_taken(tmp_path: Path) -> None:
    outside = write(tmp_path / "secret.csv", csv_text(GOOD_ROW))
    drop = tmp_path / "drop"
    drop.mkdir()
    write(drop / "a.csv", csv_text(GOOD_ROW))
    (drop / "b.csv").symlink_to("a.csv")
    (drop / "c.csv").symlink_to(outside)
    (drop / "d.csv").symlink_to(tmp_path / "nowhere")
    found = folder.find([drop])
    assert found.files == [drop / "a.csv", drop / "a.csv"]
    rules = [(path.name, error.rule) for path, error in found.refused]
    assert rules == [(name, "symlink_must_stay_in_its_folder") for name in ("c.csv", "d.csv")]


def test_a_link_put_in_the_place_of_a_file_is_not_followed(tmp_path: Path, home: Home) -> None:
    write(tmp_path / "secret.csv", csv_text(GOOD_ROW))
    (tmp_path / "day.csv").symlink_to(tmp_path / "secret.csv")
    report = home.ingest(tmp_path / "day.csv")
    assert report.error is not None
    assert (report.status, report.error.found) == ("refused", "a link")
    named = folder.find([tmp_path / "day.csv"])
    assert named.files == [tmp_path / "secret.csv"]


def test_two_sources_may_hold_the_same_file(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "day.csv", csv_text(*till_rows(5)))
    home.ingest(path)
    other = TILL_CSV.replace('source = "till"', 'source = "audit"').replace("till-", "audit-")
    assert home.ingest(path, other).accepted == 5


def test_the_next_item_is_made_while_this_one_is_used() -> None:
    made: list[int] = []

    def items():  # type: ignore[no-untyped-def]
        for n in range(5):
            made.append(n)
            yield n

    used = []
    for item in prefetched(items()):
        used.append(item)
    assert used == made == list(range(5))


def test_an_error_while_preparing_reaches_the_caller_after_what_went_before() -> None:
    def items():  # type: ignore[no-untyped-def]
        yield 1
        raise IncorrectInput("rule", thing="t", expected="e", found="f")

    seen = []
    with pytest.raises(IncorrectInput):
        for item in prefetched(items()):
            seen.append(item)
    assert seen == [1]


def test_the_clock_is_read_once_a_file(tmp_path: Path, home: Home) -> None:
    row = "1,2026-01-01T00:10:00Z,s1,EUR,1"
    assert home.now_us == NOW_US
    assert home.ingest(write(tmp_path / "day.csv", csv_text(row))).accepted == 1


_AS_NOBODY = """
import os
from pathlib import Path
from ingestion.sources import inspect
from ledger.errors import IncorrectInput
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    inspect(Path("day.csv"))
except IncorrectInput as error:
    print(error.rule, error.thing, sep="|")
"""


def test_an_unreadable_file_is_refused_by_name(tmp_path: Path) -> None:
    """Root may read anything, so the reading is done by a process that gave up its rights."""
    write(tmp_path / "day.csv", csv_text(GOOD_ROW)).chmod(0)
    tmp_path.chmod(0o711)
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "file_must_be_readable|file day.csv\n", done.stderr
