"""Historical import: known arrival times replayed in order, each in a commit of its own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import history
from tests.ingest.given import NOW_US, TILL_CSV, Home, csv_text, till, write

HEADER = "id,at,store,currency,amount,arrived"
DAY = timedelta(days=1)
FIRST = datetime(2025, 6, 2, 1, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def _row(number: int, arrived: datetime, at: str = "2025-06-01T10:00:00Z") -> str:
    return f"{number},{at},s1,EUR,{number}.25,{arrived.isoformat()}"


def _file(tmp_path: Path, *rows: str) -> Path:
    return write(tmp_path / "history.csv", csv_text(*rows, header=HEADER))


def _us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _times(home: Home) -> list[int]:
    return [commit["ingest_time_us"] for commit in home.commits()]


def test_each_arrival_time_is_one_commit_dated_by_it_and_marked(tmp_path: Path, home: Home) -> None:
    arrivals = [FIRST, FIRST, FIRST + DAY, FIRST + 3 * DAY, FIRST + 3 * DAY]
    path = _file(tmp_path, *(_row(n, arrived) for n, arrived in enumerate(arrivals)))
    report = home.replay(path, "arrived")
    assert (report.status, report.accepted) == ("ingested", 5)
    assert _times(home) == [_us(FIRST), _us(FIRST + DAY), _us(FIRST + 3 * DAY)]
    assert all(commit["historical_import"] for commit in home.commits())
    assert [commit["counts"]["accepted"] for commit in home.commits()] == [2, 1, 2]


@pytest.mark.parametrize("chunk_rows", [1, 2, 3, 100])
def test_rows_of_one_time_stay_together_wherever_chunks_end(
    tmp_path: Path, home: Home, chunk_rows: int
) -> None:
    arrivals = [FIRST] * 5 + [FIRST + DAY] + [FIRST + 2 * DAY] * 4
    path = _file(tmp_path, *(_row(n, arrived) for n, arrived in enumerate(arrivals)))
    home.replay(path, "arrived", chunk_rows=chunk_rows)
    assert [commit["counts"]["accepted"] for commit in home.commits()] == [5, 1, 4]


@given(
    days=st.lists(st.integers(0, 5), min_size=1, max_size=25),
    chunk_rows=st.integers(1, 30),
)
@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
def test_any_order_of_rows_is_replayed_in_order_of_arrival(
    tmp_path_factory: pytest.TempPathFactory, days: list[int], chunk_rows: int
) -> None:
    folder = tmp_path_factory.mktemp("history")
    home = Home(folder / "home")
    path = _file(folder, *(_row(n, FIRST + day * DAY) for n, day in enumerate(days)))
    report = home.replay(path, "arrived", chunk_rows=chunk_rows)
    assert report.accepted == len(days)
    assert _times(home) == [_us(FIRST + day * DAY) for day in sorted(set(days))]
    expected = sorted(range(len(days)), key=lambda n: (days[n], n))
    assert home.events()["event_id"].to_list() == [f"till-{n}" for n in expected]
    again = home.replay(path, "arrived", chunk_rows=chunk_rows)
    assert (again.status, again.received) == ("nothing_new", 0)


def test_a_stopped_import_is_resumed_behind_its_last_time(tmp_path: Path) -> None:
    for rows in ([0, 1, 2, 3, 4], [4, 1, 3, 0, 2]):
        fresh = Home(tmp_path / f"home{rows[0]}")
        path = _file(tmp_path, *(_row(n, FIRST + n * DAY) for n in rows))
        stop_after = iter([False, False, True])
        run = fresh.run()
        stopped = history.import_file(
            replace(run, stopped=lambda it=stop_after: next(it)), path, "arrived"
        )
        assert (stopped.status, stopped.accepted) == ("interrupted", 2)
        rest = fresh.replay(path, "arrived")
        assert (rest.status, rest.accepted) == ("ingested", 3)
        assert _times(fresh) == [_us(FIRST + n * DAY) for n in range(5)]


def test_time_does_not_run_backwards_and_the_error_names_both_times(
    tmp_path: Path, home: Home
) -> None:
    home.replay(_file(tmp_path, _row(1, FIRST + 5 * DAY)), "arrived")
    report = home.replay(_file(tmp_path, _row(2, FIRST), _row(3, FIRST + 9 * DAY)), "arrived")
    assert report.status == "refused"
    assert report.error is not None
    assert report.error.rule == "ingest_time_must_move_forward"
    assert "2025-06-07T01:00:00" in report.error.expected
    assert "2025-06-02T01:00:00" in report.error.found
    assert len(home.commits()) == 1


def test_arrivals_after_now_are_refused_before_anything_is_committed(
    tmp_path: Path, home: Home
) -> None:
    later = datetime(2026, 1, 2, tzinfo=UTC)
    report = home.replay(_file(tmp_path, _row(1, FIRST), _row(2, later)), "arrived")
    assert report.error is not None
    assert report.error.rule == "ingest_time_must_move_forward"
    assert home.commits() == []


def test_a_file_wholly_taken_before_has_nothing_to_do_whatever_the_clock(
    tmp_path: Path, home: Home
) -> None:
    path = _file(tmp_path, _row(2, FIRST + DAY), _row(1, FIRST))
    home.replay(path, "arrived")
    assert home.replay(path, "arrived").status == "nothing_new"
    plain = Home(tmp_path / "plain")
    plain.ingest(path)
    assert plain.replay(path, "arrived").status == "nothing_new"


def test_an_event_cannot_have_arrived_before_it_happened(tmp_path: Path, home: Home) -> None:
    rows = [_row(1, FIRST), _row(2, FIRST, at="2025-06-02T01:10:01Z")]
    report = home.replay(_file(tmp_path, *rows), "arrived")
    assert (report.accepted, report.quarantined) == (1, 1)
    assert report.reasons[0].reason == "event_time_must_not_be_in_the_future"


def test_rejected_rows_are_kept_with_the_commit_of_their_neighbour(
    tmp_path: Path, home: Home
) -> None:
    rows = ["too,few", _row(1, FIRST), "torn", _row(2, FIRST + DAY), _row(-3, FIRST + DAY)]
    report = home.replay(_file(tmp_path, *rows), "arrived")
    assert (report.accepted, report.quarantined) == (2, 3)
    assert [commit["counts"]["quarantined"] for commit in home.commits()] == [2, 1]


@pytest.mark.parametrize("value", ["", "soon", "2025-06-01T10:00:00"])
def test_an_arrival_nobody_can_read_refuses_the_file(
    tmp_path: Path, home: Home, value: str
) -> None:
    path = _file(tmp_path, _row(1, FIRST), f"2,2025-06-01T10:00:00Z,s1,EUR,1,{value}")
    report = home.replay(path, "arrived")
    assert report.error is not None
    assert report.error.rule == "ingest_time_must_be_a_time"
    assert "row 1" in report.error.thing
    assert home.commits() == []


def test_a_column_that_is_not_there_is_named(tmp_path: Path, home: Home) -> None:
    report = home.replay(_file(tmp_path, _row(1, FIRST)), "arrival")
    assert report.error is not None
    assert report.error.expected == "column 'arrival'"


def test_local_arrival_times_take_their_zone_from_the_mapping(tmp_path: Path, home: Home) -> None:
    frame = pl.DataFrame(
        {
            "id": [1, 2],
            "at": [datetime(2025, 6, 1, tzinfo=UTC)] * 2,
            "store": ["s", "s"],
            "currency": ["EUR", "EUR"],
            "amount": [1, 2],
            "arrived": [
                datetime.fromisoformat("2025-06-02T02:00"),
                datetime.fromisoformat("2025-06-03T02:00"),
            ],
        }
    )
    frame.write_parquet(tmp_path / "h.parquet")
    report = home.replay(tmp_path / "h.parquet", "arrived", till("parquet"))
    assert report.error is not None
    assert report.error.rule == "ingest_time_must_have_a_time_zone"
    text = till("parquet") + '[ingest_time]\ntime_zone = "Europe/London"\n'
    assert home.replay(tmp_path / "h.parquet", "arrived", text).accepted == 2
    assert _times(home) == [_us(FIRST), _us(FIRST + DAY)]


def test_json_lines_are_replayed_too(tmp_path: Path, home: Home) -> None:
    line = (
        '{{"id": {}, "at": "2025-06-01T10:00:00Z", "store": "s", "currency": "EUR",'
        ' "amount": 1, "seen": "{}"}}\n'
    )
    text = "".join(line.format(n, (FIRST + n * DAY).isoformat()) for n in range(3))
    report = home.replay(write(tmp_path / "h.jsonl", text.encode()), "seen", till("jsonl"))
    assert (report.accepted, len(home.commits())) == (3, 3)


def test_a_large_file_in_another_order_is_not_supported(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "UNORDERED_ROWS_MAX", 1)
    path = _file(tmp_path, _row(2, FIRST + DAY), _row(1, FIRST))
    report = home.replay(path, "arrived")
    assert report.error is not None
    assert report.error.rule == "large_history_must_be_in_order_of_arrival"
    assert home.now_us == NOW_US
    assert "arrived" in TILL_CSV + report.error.remedy
