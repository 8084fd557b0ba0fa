"""The same late events are listed from the lake alone, behind a build, and behind an edition."""

from pathlib import Path

from orchestration.build import Builder
from orchestration.desk.late_events import Wanted, read_late_events
from orchestration.publish.publisher import publish
from orchestration.settings import Settings
from tests.desk.conftest import Desk, append
from tests.models.warehouse import parsed_project

ROOT = Path(__file__).resolve().parents[2]


def test_late_events_are_the_same_wherever_they_are_read(desk: Desk) -> None:
    desk.approve(desk.decide("next_period", "--event", "till-70"))
    alone = desk.exceptions("--all")
    settings = Settings(home=desk.home.root)
    built = Builder(settings, project=ROOT, checked=0, manifest=parsed_project()).build()
    assert not built.failed, built.failed
    assert _read(desk) == ("warehouse", alone)
    publish(settings)
    assert _read(desk) == ("edition 1", alone)
    assert "), read from edition 1." in desk.run("exceptions", "list").text
    append(desk.home, 77, 2, arrived=None)
    desk.approve(desk.decide("rejected", "--event", "till-78"))
    base, newest = _read(desk)
    assert base == "edition 1" and newest.keys() - alone.keys() == {"till-77", "till-78"}
    desk.home.current.unlink()
    desk.home.warehouse.unlink()
    assert _read(desk) == ("lake", newest)


def _read(desk: Desk) -> tuple[str, dict[str, dict[str, object]]]:
    _assert_a_choice_is_what_a_filter_leaves(desk)
    said = desk.done("exceptions", "list", "--json", "--all").json
    return said["base"], {one["event_id"]: one for one in said["exceptions"]}


def _assert_a_choice_is_what_a_filter_leaves(desk: Desk) -> None:
    every = read_late_events(desk.home).events
    chosen = [Wanted(), Wanted(period_id="1999-xx"), Wanted(status="rejected")]
    chosen += [Wanted(store_id=one) for one in {event.store_id for event in every}]
    for period in {event.period_id for event in every}:
        chosen += [Wanted(period_id=period), Wanted(period_id=period, status="pending")]
    for wanted in chosen:
        found = read_late_events(desk.home, wanted=wanted).events
        assert found == tuple(one for one in every if wanted.takes(one)), wanted
