"""Reserved rows from elsewhere, and the books of a lake that several write to."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from audit.verify_lake import verify_lake
from ingestion.control.books import load_books
from ingestion.lake import Batch, Lake, OffsetRange
from ledger import control_events as ev
from ledger import origins, saga_kinds
from ledger.errors import IncorrectInput
from ledger.periods import OPEN, Closed
from tests.control.office import (
    DAY_US,
    NOW_US,
    Office,
    reopened,
)

MARCH, APRIL, FEBRUARY = "2011-03", "2011-04", "2011-02"
IN_MARCH_US = NOW_US - 15 * DAY_US
"""16 March: more than 5 days and 6 hours before the office's clock, so too late."""


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path).open_for_business()


def refused(office: Office, rule: str, act: Callable[[], object]) -> None:
    """The act breaks `rule`, and leaves the lake as it was."""
    before = office.events, office.lake.head.seq
    with pytest.raises(IncorrectInput) as error:
        act()
    assert error.value.rule == rule, error.value
    assert (office.events, office.lake.head.seq) == before


def soft(period_id: str, *, sealed: bool = False) -> ev.PeriodSoftClosed:
    return ev.PeriodSoftClosed(period_id=period_id, sealed=sealed, reason="clock")


def foreign(event_type: str, source: str, version: int = 1) -> Batch:
    event = {"max_delay_days": 1, "initial_grace_hours": 1}
    frame = pl.DataFrame(
        {
            "family": ["control"],
            "event_id": [f"{source}-1"],
            "event_type": [event_type],
            "schema_version": [version],
            "stream_id": ["policy/lateness"],
            "source": [source],
            "source_partition": ["p0"],
            "source_offset": [0],
            "event_time": pl.Series([NOW_US - DAY_US]).cast(pl.Datetime("us", "UTC")),
            "payload": [ev.canonical_json(event)],
        }
    )
    missing = [
        pl.lit(None).cast(kind).alias(name)
        for name, kind in Batch().events.schema.items()
        if name not in frame.columns
    ]
    typed = frame.with_columns(missing).select(
        pl.col(name).cast(kind) for name, kind in Batch().events.schema.items()
    )
    return Batch(events=typed, offsets={(source, "p0"): OffsetRange(0, 1)})


@pytest.mark.parametrize("event_type", sorted(ev.RESERVED))
def test_reserved_types_of_another_source_are_quarantined(office: Office, event_type: str) -> None:
    result = office.lake.append(foreign(event_type, "till"))
    assert (result.accepted, result.quarantined) == (0, 1)
    (file,) = (office.folder / "lake" / "_quarantine").glob("*.parquet")
    (row,) = pl.read_parquet(file).to_dicts()
    assert row["reason"] == "control_event_must_come_through_the_choke_point"
    assert row["raw"] == b'{"initial_grace_hours":1,"max_delay_days":1}'
    assert verify_lake(office.folder / "lake").ok


@pytest.mark.parametrize("source", ["till", ev.SOURCE, origins.JOURNAL])
def test_types_of_sagas_that_no_journal_drained_are_quarantined(
    office: Office, source: str
) -> None:
    """A file may call its source `journal`; its partition is another."""
    batch = foreign("SagaEnded", source)
    events = [batch.events.with_columns(event_type=pl.lit(one)) for one in saga_kinds.RESERVED]
    for number, one in enumerate(events):
        events[number] = one.with_columns(
            event_id=pl.lit(f"e{number}"), source_offset=pl.lit(number, dtype=pl.Int64)
        )
    offsets = {(source, "p0"): OffsetRange(0, len(events))}
    result = office.lake.append(Batch(events=pl.concat(events), offsets=offsets))
    assert (result.accepted, result.quarantined) == (0, len(events))
    (file,) = (office.folder / "lake" / "_quarantine").glob("*.parquet")
    found = pl.read_parquet(file)
    assert set(found["reason"]) == {"saga_event_must_come_through_the_journal"}
    said = f"expected source journal, partition 0, found source {source}, partition p0"
    assert set(found["detail"]) == {said}


def test_the_settings_write_policies_of_version_one_only(office: Office) -> None:
    settings = ev.SETTINGS_SOURCE
    assert office.lake.append(foreign("LatenessPolicySet", settings)).accepted == 1
    assert office.books.policies[-1].max_delay_days == 1
    again = foreign("PeriodClosed", f"{settings}")
    moved = Batch(
        events=again.events.with_columns(event_id=pl.lit("x"), source_partition=pl.lit("p1")),
        offsets={(settings, "p1"): OffsetRange(0, 1)},
    )
    assert office.lake.append(moved).quarantined == 1


def test_a_row_in_our_name_still_obeys_the_rules(office: Office) -> None:
    """Written past `append_control`, straight into `Lake.append`."""
    for event_type in sorted(ev.RESERVED):
        version = ev.EVENT_TYPES[event_type].schema_version
        batch = foreign(event_type, ev.SOURCE, version)
        refused(office, "payload_must_obey_its_contract", lambda b=batch: office.lake.append(b))
    batch = foreign("LatenessPolicySet", ev.SOURCE)
    rule = "stream_versions_must_follow_each_other"
    refused(office, rule, lambda: office.lake.append(batch))


def test_an_id_taken_by_a_sale_refuses_the_control_event_whole(office: Office) -> None:
    """Otherwise the row would be set aside, and the rest of its batch committed."""
    office.close(MARCH)
    asked = office.ask("rita", "reopen_period", period_id=MARCH)
    office.sell(f"PeriodReopened/{MARCH}/{asked.request_id}", at_us=NOW_US)
    rule = "control_event_id_must_be_free"
    refused(office, rule, lambda: office.approve("adam", asked, reopened(MARCH, asked)))
    assert isinstance(office.books.state(MARCH), Closed)


def test_a_lake_filled_before_the_choke_point_goes_on_working(tmp_path: Path) -> None:
    """A policy that came from a file then, as its segment would hold it."""
    office = Office(tmp_path)
    office.sell("a", at_us=IN_MARCH_US)
    assert load_books(tmp_path / "lake").policies == ()
    assert office.books.state(MARCH) == OPEN
    assert office.books.first_open(office.books.calendar.get(MARCH)).period_id == MARCH


def test_the_books_stay_warm_and_are_caught_up_with_other_writers(
    office: Office, tmp_path: Path
) -> None:
    other = Office(tmp_path, index="index-2", clock=office.clock)
    for number in range(3):
        (office, other)[number % 2].record(soft(f"2011-0{number + 3}"))
    assert office.books == other.books == load_books(tmp_path / "lake")
    assert Lake.open(tmp_path / "lake", tmp_path / "index-3").books() == office.books


def test_the_books_of_an_earlier_commit_can_be_asked_for(office: Office) -> None:
    head = office.lake.head.seq
    office.record(soft(MARCH))
    assert load_books(office.folder / "lake", until_commit=head).state(MARCH) == OPEN
