"""A period from the clock to its certificate, by Dagster alone, with two people's keys."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from dagster import AssetCheckResult, DagsterInstance, ExecuteInProcessResult

from expectations.gate import run_gate
from ingestion.control.books import load_books
from ledger.periods import Closed, PeriodState, Reopened, SoftClosed
from orchestration.desk.clock import next_due
from orchestration.scheduling.assets.closed_period import CHECKS, judged
from tests.close.house import House, day, open_house
from tests.expectations.good_frames import MARCH, broken
from tests.prepared import once
from tests.scheduling.office import Office

JANUARY = "2026-01"
CLOSE_AT = day(2, 6) + timedelta(hours=6)
"""January's end and 5 days and 6 hours."""


@pytest.fixture
def january(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, instance: DagsterInstance
) -> Office:
    """A house of which nothing is closed, with Dagster over it."""
    house = once(tmp_path_factory, "house-open", open_house).copy_to(tmp_path / "home")
    manifest = house.home.schedule_manifest
    manifest.parent.mkdir()
    manifest.write_bytes((house.home.target / "manifest.json").read_bytes())
    return Office(house.settings, instance)


def _state(office: Office) -> PeriodState:
    return load_books(office.home.lake).state(JANUARY)


def _reason(run: ExecuteInProcessResult) -> str:
    """What made a run fail."""
    data = next(event for event in run.all_events if event.is_step_failure).step_failure_data
    assert data.error is not None
    return str(data.error.cause or data.error)


def test_the_clock_waits_for_close_at_and_asks_once(january: Office) -> None:
    House(january.home.root, clock=day(2, 5)).soft_close("2025-12")
    january.set_clock(CLOSE_AT - timedelta(seconds=1))
    waiting = january.look("period_clock")
    assert not waiting.requests
    assert waiting.said == (
        "2026-01 is the oldest Open period; close_at is 2026-02-06 06:00:00+00:00."
    )
    january.set_clock(CLOSE_AT)
    [request] = january.look("period_clock").requests
    assert request.partition_key == JANUARY
    assert "was asked for and is still Open" in str(january.look("period_clock").said)


def test_the_clock_goes_on_with_the_period_after_the_first_that_has_a_state(
    january: Office,
) -> None:
    house = House(january.home.root, clock=day(2, 9))
    house.soft_close(JANUARY)
    now_us = int(day(6, 1).timestamp()) * 1_000_000
    assert next_due(january.settings, now_us=now_us).period_id == "2026-02"


def test_a_period_goes_from_the_clock_to_its_certificate_and_back(january: Office) -> None:
    january.set_clock(CLOSE_AT)
    [request] = january.look("period_clock").requests
    assert january.run("plan", request).success
    state = _state(january)
    assert isinstance(state, SoftClosed) and not state.sealed
    assert "close_at is" in str(january.look("period_clock").said)  # February is next
    assert january.shown("close_plan")["blockers"].value == 0
    assert "none" in january.shown("close_plan")["token"].value

    january.now_us = 0
    planned = january.act("plan", "close_plan", period=JANUARY, person="ana", reason="month end")
    assert planned.success
    token = january.shown("close_plan")["token"].value
    warnings = january.shown("close_plan")["findings"]
    codes = [one.data["code"] for one in getattr(warnings, "records", [])]
    _refused_for_the_requester(january, token)
    closing = january.act(
        "close", "close_period", period=JANUARY, token=token, person="ben", acknowledged=codes
    )
    assert closing.success, _reason(closing)
    assert isinstance(_state(january), Closed)
    checks = closing.get_asset_check_evaluations()
    assert len(checks) > 15 and all(one.passed or one.severity.value == "WARN" for one in checks)
    assert Path(january.shown("certificate")["file"].value).exists()
    assert january.partitions_made("certificate") == {JANUARY}
    _reopened_by_two_people(january)


def _refused_for_the_requester(january: Office, token: str) -> None:
    refused = january.act("close", "close_period", period=JANUARY, token=token, person="ana")
    assert not refused.success
    assert "requester" in _reason(refused) or "ana, who asked for it" in _reason(refused)
    other = january.act("close", "close_period", period="2026-02", token=token, person="ben")
    assert "the partition of this run" in _reason(other)
    assert not isinstance(_state(january), Closed)


def _reopened_by_two_people(january: Office) -> None:
    asked = january.act("reopen", "reopen_period", period_id=JANUARY, person="ana", reason="till")
    request = asked.output_for_node("reopen_period")
    refused = january.act("approve", "approve_request", request_id=request, person="ana")
    assert not refused.success and isinstance(_state(january), Closed)
    assert january.act("approve", "approve_request", request_id=request, person="ben").success
    assert isinstance(_state(january), Reopened)


def test_a_control_that_does_not_hold_is_a_red_check_that_blocks() -> None:
    """The controls in the form in which a close hands over those of its gate."""
    frames = broken("control_totals", 3, found_amount=Decimal("12345.68"))
    verdict = run_gate(frames, period=MARCH, docs_dir=None)
    controls = [one.as_json() for one in verdict.controls]
    checks = [one for one in judged(controls, {}) if isinstance(one, AssetCheckResult)]
    red = {str(one.check_name) for one in checks if not one.passed}
    assert red == {"period_books_amounts_are_those_of_the_deltas"}
    blocking = {one.name for one in CHECKS if one.blocking}
    assert red & blocking and len(checks) == len(CHECKS)


def test_a_close_that_finds_something_wrong_leaves_the_period_soft_closed(
    january: Office,
) -> None:
    house = House(january.home.root, clock=day(2, 9))
    planned = house.plan(JANUARY)
    assert planned.token is not None
    # Past every lock: what the plan could not see is found by the close itself.
    house.tamper(
        "update main.daily_sales set amount = amount + 1 where business_date = '2026-01-05'"
    )
    codes = [one.code for one in planned.plan.warnings]
    run = january.act(
        "close",
        "close_period",
        period=JANUARY,
        token=planned.token,
        person="ben",
        acknowledged=codes,
    )
    assert not run.success
    assert "stays SoftClosed" in _reason(run)
    assert isinstance(_state(january), SoftClosed)
    assert january.partitions_made("certificate") == set()


def test_a_decision_is_asked_for_by_one_and_approved_by_another(january: Office) -> None:
    house = House(january.home.root, clock=day(3, 20), sold=351)
    [late] = house.late(day(1, 10), 1)
    assert january.run("build").success
    asked = january.act(
        "decide",
        "decide_exceptions",
        event_ids=[late],
        decision="next_period",
        person="ana",
        reason="till was offline",
    )
    assert asked.success, _reason(asked)
    request = asked.output_for_node("decide_exceptions")
    assert january.act("approve", "approve_request", request_id=request, person="ben").success
    assert load_books(january.home.lake).decisions[late].decision == "next_period"
