"""From a plan to a certified, closed period; a plan that does not stand is refused."""

import subprocess
import sys
from datetime import timedelta

import pytest

from ingestion.control.books import load_books
from ledger.errors import IncorrectInput
from ledger.periods import Closed, SoftClosed
from orchestration.close import apply as applying
from orchestration.close.certificates import verify_certificates
from orchestration.close.signing import lake_id
from orchestration.close.status import read_status
from orchestration.keys import lake_keys
from tests.close.conftest import FEBRUARY, JANUARY, Copy
from tests.close.house import PROJECT, House, day


def _state(house: House, period: str = JANUARY) -> object:
    return load_books(house.home.lake).state(period)


def test_closed_period_is_certified_and_readers_see_that_it_is_closed(house: Copy) -> None:
    closed = house("closed")
    state = _state(closed)
    assert isinstance(state, Closed)
    rows = closed.read(
        "select state, closed_edition, certificate_sha256, published_edition"
        f" from accounting_periods where period_id = '{JANUARY}'"
    )
    assert rows == [("Closed", 1, state.certificate_sha256, state.published_edition)]
    assert [one.ok for one in verify_certificates(closed.home)] == [True]


def test_stranger_verifies_the_certificate_with_the_key_and_the_files_alone(house: Copy) -> None:
    closed = house("closed")
    key = lake_keys(closed.home, lake_id(closed.home))[0].public.to_text()
    path = next(closed.home.certificates.glob("*.json"))
    command = [sys.executable, "-m", "audit.verify", str(path), "--key", key]
    done = subprocess.run(
        [*command, "--shared", "--files", str(closed.home.tables)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_who_planned_may_not_apply(house: Copy) -> None:
    shop = house("open")
    token = shop.plan(JANUARY).token
    assert token
    with pytest.raises(IncorrectInput, match="somebody other than ana"):
        shop.apply(token, as_="ana")
    assert read_status(shop.home)[0].state == "planned"


def test_plan_does_not_stand_after_a_new_commit(house: Copy) -> None:
    shop = house("open")
    planned = shop.plan(JANUARY)
    assert planned.token
    shop.sell(day(2, 9), 4, at=shop.clock + timedelta(hours=2))
    with pytest.raises(IncorrectInput, match=r"4 accepted SaleRecorded of till") as refused:
        shop.apply(planned.token)
    assert refused.value.rule == "plan_must_still_stand"
    assert not isinstance(_state(shop), SoftClosed)


def test_warning_must_be_acknowledged_by_its_name(house: Copy) -> None:
    shop = house("open")
    shop.careful = True
    shop.trade(day(2, 9), 1)
    shop.send_an_id_again(day(2, 9), at=day(2, 11))
    shop.clock = day(4, 1)
    shop.build()
    planned = shop.plan(FEBRUARY, as_="ana")
    warned = [one.code for one in planned.plan.warnings]
    stale, quarantined, silent = (
        "every_source_was_heard_after_the_period",
        "no_row_of_the_period_is_quarantined",
        "no_store_is_silent_longer_than_usual",
    )
    assert {stale, quarantined, silent} <= set(warned)
    assert all(one.count and one.sample and one.remedy for one in planned.plan.warnings)
    assert planned.token
    for name in warned:
        others = [one for one in warned if one != name]
        with pytest.raises(IncorrectInput, match=f"found none for {name}"):
            shop.apply(planned.token, acknowledged=others)
    with pytest.raises(IncorrectInput, match="unknown all_is_well"):
        shop.apply(planned.token, acknowledged=[*warned, "all_is_well"])
    done = shop.apply(planned.token, acknowledged=warned)
    assert isinstance(done, applying.Closed)


def test_closing_again_with_the_same_token_changes_nothing(house: Copy) -> None:
    closed = house("closed")
    token = read_status(closed.home)[0].run_id
    before, head = closed.closed_bytes(), load_books(closed.home.lake).commit_seq
    done = closed.apply(token)
    assert isinstance(done, applying.Closed)
    assert (closed.closed_bytes(), load_books(closed.home.lake).commit_seq) == (before, head)


def test_damaged_segment_ends_the_close_and_leaves_the_period_soft_closed(house: Copy) -> None:
    shop = house("open")
    planned = shop.plan(JANUARY)
    assert planned.token
    segment = sorted((shop.home.lake / "family=sales").rglob("*.parquet"))[7]
    segment.chmod(0o644)
    damaged = bytearray(segment.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    good = segment.read_bytes()
    segment.write_bytes(damaged)
    done = shop.apply(planned.token)
    assert isinstance(done, applying.Failed)
    assert (done.step, segment.name in done.reason) == ("verified", True)
    state = _state(shop)
    assert isinstance(state, SoftClosed)
    assert (state.sealed, "file_must_hash_to_its_name" in state.reason) == (False, True)
    with pytest.raises(IncorrectInput, match="a close that failed at verified"):
        shop.apply(planned.token)
    segment.write_bytes(good)
    shop.build()
    assert shop.close(JANUARY).closed_edition == 1, "repaired, it closes"


def test_failed_gate_keeps_its_report_and_says_which_control(house: Copy) -> None:
    shop = house("open")
    planned = shop.plan(JANUARY)
    assert planned.token

    def tamper(step: str) -> None:
        if step == "tested":
            shop.tamper(
                "update main.period_sales set amount = amount + 0.01"
                f" where posting_period = '{JANUARY}' and store_id = 'store-1'"
            )

    done = shop.apply(planned.token, step=tamper)
    assert isinstance(done, applying.Failed)
    assert done.step == "gated"
    assert "period_books_amounts_are_those_of_the_deltas" in done.reason
    assert done.docs and (done.docs / "index.html").exists()
    failed = [one for one in done.controls if not one["success"]]
    assert failed and failed[0]["rows"]
    assert read_status(shop.home)[0].state == "failed"
