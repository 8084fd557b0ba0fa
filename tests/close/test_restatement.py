"""A closed period changes by reopening only, and readers see one edition or the next."""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from ingestion.control.books import load_books
from ledger.errors import IncorrectInput, InternalFault
from ledger.periods import Closed, Reopened
from orchestration.build import Builder
from orchestration.close.apply import Closed as ClosedRun
from orchestration.close.certificates import verify_certificates
from orchestration.close.diff import diff
from orchestration.close.reopen import approve_reopening, request_reopening
from orchestration.close.reproduce import reproduce
from orchestration.settings import Settings
from tests.cli.terminal import Terminal
from tests.close.conftest import FEBRUARY, JANUARY, Copy, Street
from tests.close.house import PROJECT, House, day
from tests.models.warehouse import parsed_project

SUM = f"select sum(amount), sum(event_count) from period_sales where posting_period = '{JANUARY}'"
IN_WAREHOUSE = SUM.replace("period_sales", "main.period_sales")
Rows = list[tuple[object, ...]]


def test_late_event_after_the_close_waits_and_decided_or_not_changes_no_closed_figure(
    house: Copy,
) -> None:
    shop = house("closed")
    before, kept = shop.read(SUM), shop.closed_bytes()
    late = shop.late(day(1, 20))
    shop.build()
    shop.publish()
    assert shop.read(SUM) == before
    assert shop.closed_bytes() == kept
    rows = shop.read("select event_id, status, exception_reason from late_event_exceptions")
    assert sorted(rows) == [(one, "pending", "period_closed") for one in late]
    shop.decide(late, "next_period", FEBRUARY)
    shop.build()
    shop.publish()
    assert shop.read(SUM) == before
    assert shop.closed_bytes() == kept
    adjusted = shop.read(
        "select posting_period, sum(event_count) from period_sales"
        f" where charge_period = '{JANUARY}' and charge_class = 'correction' group by all"
    )
    assert adjusted == [(FEBRUARY, 3)]


@dataclass(frozen=True)
class Restated:
    """January closed as edition 2; what was seen of edition 1 before, and while it was reopened."""

    shop: House
    before: Rows
    kept: dict[str, bytes]
    moved: Rows
    meanwhile: Rows
    state_meanwhile: Rows
    closed: ClosedRun


@pytest.fixture(scope="module")
def restated(street: Street, tmp_path_factory: pytest.TempPathFactory) -> Restated:
    shop = street.house("closed").copy_to(tmp_path_factory.mktemp("restated") / "home")
    before, kept = shop.read(SUM), shop.closed_bytes()
    shop.restate(JANUARY, day(1, 20))
    moved = shop.warehouse(IN_WAREHOUSE)
    shop.publish()
    return Restated(
        shop=shop,
        before=before,
        kept=kept,
        moved=moved,
        meanwhile=shop.read(SUM),
        state_meanwhile=shop.read(
            f"select state from accounting_periods where period_id = '{JANUARY}'"
        ),
        closed=shop.close(JANUARY),
    )


def test_readers_see_the_closed_edition_until_the_restated_one_is_certified(
    restated: Restated,
) -> None:
    shop = restated.shop
    assert restated.moved != restated.before
    assert restated.meanwhile == restated.before, "edition 1, though the warehouse has moved"
    assert restated.state_meanwhile == [("Reopened",)]
    assert restated.closed.closed_edition == 2
    assert shop.read(SUM) == shop.warehouse(IN_WAREHOUSE)
    assert shop.read(SUM) != restated.before
    now = shop.closed_bytes()
    assert {name: now[name] for name in restated.kept} == restated.kept, (
        "the old edition and certificate stay"
    )
    assert [one.ok for one in verify_certificates(shop.home)] == [True, True]


def test_diff_shows_what_a_restatement_changed_with_its_sums(restated: Restated) -> None:
    shop = restated.shop
    found = diff(shop.settings, JANUARY)
    assert (found.before, found.after) == (1, 2)
    assert {one.key["charge_class"] for one in found.changes} == {"correction"}
    assert sum(int(one.after["event_count"] or 0) for one in found.changes) == 3
    sums = {one.table: one for one in found.sums}
    booked = sum((one.after["amount"] or 0) for one in found.changes)
    assert sums["period_sales"].delta == booked
    assert sums["int_accounts__postings"].delta == 0
    with pytest.raises(IncorrectInput, match="closed editions: 1, 2"):
        diff(shop.settings, JANUARY, before=1, after=3)


def test_reopening_needs_a_second_person(house: Copy) -> None:
    shop = house("closed")
    asked = request_reopening(
        shop.settings, JANUARY, signer=shop.signer("ana"), reason="late till", when=shop.when
    )
    with pytest.raises(IncorrectInput, match="anybody but ana"):
        approve_reopening(
            shop.settings, asked.request_id, signer=shop.signer("ana"), reason="", when=shop.when
        )
    assert isinstance(load_books(shop.home.lake).state(JANUARY), Closed)
    approve_reopening(
        shop.settings, asked.request_id, signer=shop.signer("ben"), reason="", when=shop.when
    )
    assert isinstance(load_books(shop.home.lake).state(JANUARY), Reopened)


def test_moving_a_store_after_the_close_changes_no_closed_figure(house: Copy) -> None:
    """Its days are cut otherwise from now on; what is closed stays, in a build from nothing too."""
    shop = house("closed")
    before, kept = shop.read(SUM), shop.closed_bytes()
    shop.clock += timedelta(hours=1)
    shop.register_store("store-1", "Asia/Tokyo")
    shop.build(full_refresh=True, unit_tests=False)
    shop.publish(full=True)
    assert shop.read(SUM) == before
    assert shop.closed_bytes() == kept


def _warm(settings: Settings) -> Builder:
    return Builder(settings, project=PROJECT, manifest=parsed_project())


def _bytes(house: House) -> dict[str, str]:
    """SHA-256 of every file of a home."""
    return {
        str(path.relative_to(house.root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(house.root.rglob("*"))
        if path.is_file()
    }


def test_both_editions_come_out_of_the_lake_again_whatever_came_after(
    restated: Restated, tmp_path: Path
) -> None:
    shop = restated.shop.copy_to(tmp_path / "home")
    shop.late(day(1, 21))
    before = _bytes(shop)
    first = reproduce(shop.settings, JANUARY, closed_edition=1, make_builder=_warm)
    newest = reproduce(shop.settings, JANUARY, make_builder=_warm)
    assert (first.same, newest.same) == (True, True)
    assert (first.closed_edition, newest.closed_edition) == (1, 2)
    assert first.cut_off_commit < newest.cut_off_commit < load_books(shop.home.lake).commit_seq
    rows = [{one.name: one.rows for one in made.figures} for made in (first, newest)]
    assert rows[0]["period_sales"] < rows[1]["period_sales"]
    assert rows[0]["int_accounts__postings"] > 0
    assert (first.certificate, first.changed) == ("there", ())
    assert _bytes(shop) == before, "the home is as it was"


def test_figure_that_comes_out_otherwise_is_named_and_the_command_says_so(
    house: Copy, terminal: Terminal
) -> None:
    shop = house("closed")
    terminal.set("LEDGERLAKE_HOME", str(shop.root))
    path = next(shop.home.certificates.glob("*.json"))
    good = path.read_bytes()
    values = json.loads(good)
    figure = next(one for one in values["figures"] if one["name"] == "period_sales")
    path.write_bytes(good.replace(figure["sha256"].encode(), b"0" * 64))
    said = terminal.run("certificates", "reproduce", JANUARY, "--json")
    assert said.code == 1, said.text
    assert (said.json["same"], said.json["certificate"]) == (False, "altered")
    assert {one["name"]: one["same"] for one in said.json["figures"]} == {
        "period_sales": False,
        "int_accounts__postings": True,
    }


@pytest.mark.nightly
def test_command_says_that_all_comes_out_the_same(house: Copy, terminal: Terminal) -> None:
    terminal.set("LEDGERLAKE_HOME", str(house("closed").root))
    said = terminal.run("certificates", "reproduce", JANUARY)
    assert said.code == 0, said.text
    assert "same 2026-01 edition 1" in said.text


def test_nothing_is_reproduced_from_bytes_the_lake_does_not_name(house: Copy) -> None:
    shop = house("closed")
    with pytest.raises(IncorrectInput, match="one that a close has issued"):
        reproduce(shop.settings, JANUARY, closed_edition=2, make_builder=_warm)
    segment = sorted((shop.home.lake / "family=sales").rglob("*.parquet"))[7]
    segment.chmod(0o644)
    segment.write_bytes(segment.read_bytes()[:-9] + b"x" * 9)
    with pytest.raises(InternalFault, match=segment.name):
        reproduce(shop.settings, JANUARY, make_builder=_warm)
    next(shop.home.certificates.glob("*.note")).unlink()
    with pytest.raises(IncorrectInput, match="and the note beside it"):
        reproduce(shop.settings, JANUARY, make_builder=_warm)
