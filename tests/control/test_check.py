"""What was written past the choke point is found by refolding the lake, with every signature."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from audit.verify_lake import verify_lake
from ingestion.control.check import check_control
from ingestion.control.fold import fold
from ledger import control_events as ev
from ledger.books import EMPTY
from ledger.errors import InternalFault
from orchestration.home import Home
from orchestration.initialise import initialise
from orchestration.settings import Settings
from orchestration.verification import verify_home
from tests.control.forger import forge
from tests.control.office import (
    DAY_US,
    MINUTE_US,
    NOW_US,
    Office,
    altered,
    person,
    reopened,
    signer,
)

MARCH, APRIL = "2011-03", "2011-04"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path).open_for_business()
    made.sell("a", "b", at_us=NOW_US - 15 * DAY_US)
    made.close(MARCH)
    made.decide(["a", "b"], "next_period", APRIL)
    made.sell("c", at_us=NOW_US - 15 * DAY_US)
    return made


def found(office: Office, *events: ev.ControlEvent, **values: Any) -> str | None:
    """The rule that the re-check names after these were forged into the lake."""
    seq = forge(office.folder / "lake", office.folder / "index", *events, **values)
    assert verify_lake(office.folder / "lake").ok, "well hashed all the same"
    problem = check_control(office.folder / "lake")
    assert problem is None or problem.commit == seq
    return problem.rule if problem else None


def test_an_honest_lake_has_nothing_to_find(office: Office) -> None:
    assert check_control(office.folder / "lake") is None


def test_a_forged_reopening_is_found(office: Office) -> None:
    asked = office.ask("rita", "reopen_period", period_id=MARCH)
    assert found(office, reopened(MARCH, asked)) == "request_must_be_approved_in_this_commit"


def test_a_forged_approval_is_found(office: Office) -> None:
    asked = office.ask("rita", "reopen_period", period_id=MARCH)
    own = office.approval("rita", asked)
    assert found(office, own, reopened(MARCH, asked)) == "requester_must_not_approve"


def test_a_calendar_forged_over_booked_sales_is_found(office: Office) -> None:
    first = ev.PeriodDates(period_id=APRIL, first_date=date(2011, 4, 1), end_date=date(2011, 5, 1))
    early = ev.PeriodDates(
        period_id="early", first_date=date(2011, 2, 1), end_date=date(2011, 3, 1)
    )
    march = ev.PeriodDates(period_id=MARCH, first_date=date(2011, 3, 1), end_date=date(2011, 4, 1))
    kept = ev.CalendarDefined(calendar_version=1, kind="table", periods=(march, first))
    office.record(kept)
    moved = altered(kept, calendar_version=2, periods=(early, march, first))
    assert found(office, moved) == "calendar_must_keep_periods_with_events"


def test_a_forged_time_of_signing_is_found(office: Office) -> None:
    asked = office.ask("rita", "reopen_period", period_id=MARCH)
    later = office.approval("adam", asked, at_us=office.clock.now_us + 10 * MINUTE_US)
    rule = "statement_must_not_be_signed_in_the_future"
    assert found(office, later, reopened(MARCH, asked)) == rule


def test_a_third_person_nobody_approved_is_found(office: Office) -> None:
    assert found(office, person("mallory", "approver")) == "person_must_be_approved"


def test_a_closed_period_forged_open_is_found(office: Office) -> None:
    forged = ev.PeriodSoftClosed(period_id=MARCH, sealed=False, reason="")
    assert found(office, forged) == "closed_period_must_be_reopened_first"


def test_a_decision_of_what_was_no_exception_is_found(office: Office) -> None:
    office.sell("fresh", at_us=NOW_US)
    asked = office.ask_to_decide(["fresh"], "rejected")
    (row,) = office.decisions(["fresh"], "rejected", None, asked)
    approval = office.approval("adam", asked)
    assert found(office, approval, row) == "only_an_exception_can_be_decided"


def test_a_decision_about_another_row_is_found(office: Office) -> None:
    asked = office.ask_to_decide(["c"], "rejected")
    (row,) = office.decisions(["c"], "rejected", None, asked)
    wrong = altered(row, row_index=0)
    assert found(office, office.approval("adam", asked), wrong) == "event_must_be_in_the_lake"


def test_a_reserved_row_of_another_source_is_found(office: Office) -> None:
    forged = ev.PeriodSoftClosed(period_id=APRIL, sealed=False, reason="")
    rule = "control_event_must_come_through_the_choke_point"
    assert found(office, forged, source="till") == rule


def test_the_end_of_a_saga_that_no_journal_drained_is_found(office: Office) -> None:
    """Made of a row of ours, as the forger writes those."""
    as_ended = {"event_type": pl.lit("SagaEnded"), "stream_id": pl.lit("saga/order-1")}
    row = ev.PeriodSoftClosed(period_id=APRIL, sealed=False, reason="")
    assert found(office, row, instead=as_ended) == "saga_event_must_come_through_the_journal"


def test_a_row_that_cannot_even_be_folded_is_found(office: Office) -> None:
    with pytest.raises(InternalFault, match="verify"):
        forged = ev.PeriodReopened(period_id=MARCH, request_id="nobody", reason="")
        forge(office.folder / "lake", office.folder / "index", forged)
        _ = office.books
    problem = check_control(office.folder / "lake")
    assert problem and problem.rule == "request_must_be_approved_in_this_commit"


def test_verify_reports_a_broken_rule_and_what_to_do(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    initialise(settings)
    assert verify_home(settings, quick=True, tell=lambda _done, _all: None).ok
    home = Home.of(settings)
    forged = altered(person("eve", "approver"), verifier_key=signer("bob").verifier.to_text())
    forge(home.lake, home.index, forged)
    verified = verify_home(settings, quick=True, tell=lambda _done, _all: None)
    assert not verified.ok and verified.lake.ok
    (problem,) = verified.problems
    assert "key_must_be_named_after_its_person" in problem and "compare with a copy" in problem


def test_a_row_written_past_the_choke_point_stops_the_books(office: Office) -> None:
    (segment, *_) = sorted((office.folder / "lake" / "family=control").rglob("*.parquet"))
    rows = pl.read_parquet(segment, hive_partitioning=False)
    with pytest.raises(InternalFault, match="source 'till'"):
        fold(EMPTY, [rows.with_columns(source=pl.lit("till"))])
    with pytest.raises(InternalFault, match="verify"):
        fold(EMPTY, [rows.with_columns(payload=pl.lit("{}"))])
