"""Late events are listed, decided by two people, and never by one."""

from datetime import UTC, datetime

import polars as pl
import pytest

from ingestion.control.books import load_books
from ingestion.lake import Lake
from ingestion.lake.writer import system_clock
from ledger.books import read_statement
from tests.desk.conftest import LATE, Desk
from tests.events import batch, sales


def test_people_come_two_at_once_and_then_by_request(empty_desk: Desk) -> None:
    desk = empty_desk
    roles = ("--role", "requester", "--role", "approver")
    assert "added" in desk.done("people", "add", "alice", *roles).text
    assert "was there" in desk.done("people", "add", "alice", *roles).text
    desk.done("people", "add", "bob", *roles)
    refused = desk.run("people", "add", "carol", "--role", "auditor")
    assert refused.code == 2 and "person_must_be_approved" in refused.text
    asked = desk.ask("people", "add", "carol", "--role", "auditor")
    assert asked == desk.ask("people", "add", "carol", "--role", "auditor")
    assert desk.approve(asked).code == 0
    gone = desk.ask("people", "remove", "carol", "--why", "left")
    assert desk.approve(gone[:8]).code == 0
    people = {one["person"]: one for one in desk.done("people", "list", "--json").json["people"]}
    assert [people[name]["active"] for name in ("alice", "bob", "carol")] == [True, True, False]


def test_late_events_are_seen_without_any_build_with_their_sums(desk: Desk) -> None:
    said = desk.done("exceptions", "list", "--json").json
    assert (said["base"], len(said["exceptions"])) == ("lake", LATE)
    assert said["sums"] == [{"currency": "EUR", "events": LATE, "amount": "511.0000"}]
    assert {one["exception_reason"] for one in said["exceptions"]} == {"too_late"}
    assert said["commit_seq"] == desk.head()
    assert len(desk.exceptions("--store", "store-0")) == 1
    assert desk.exceptions("--period", "2026-02") == {}


def test_a_decision_takes_two_people_and_one_commit(desk: Desk) -> None:
    request = desk.decide("next_period", "--event", "till-70", "--event", "till-71")
    assert desk.exceptions()["till-70"]["asked"] == request
    before = desk.head()
    own = desk.approve(request, by="alice")
    assert own.code == 2 and "requester_must_not_approve" in own.text
    assert desk.head() == before
    assert "next_period of late events: 2" in desk.approve(request).text
    assert desk.head() == before + 1
    decided = desk.exceptions("--status", "next_period")
    assert set(decided) == {"till-70", "till-71"}
    first = decided["till-70"]
    assert (first["requester"], first["approver"]) == ("alice", "bob")
    assert first["posting_period"] == "2026-01"  # its own period is Open still


def test_deciding_and_approving_again_change_nothing(desk: Desk) -> None:
    request = desk.decide("rejected", "--store", "store-0")
    assert desk.decide("rejected", "--store", "store-0") == request
    desk.approve(request)
    head = desk.head()
    again = desk.approve(request)
    assert again.code == 0 and "Already approved by bob" in again.text
    said = desk.done(
        *("exceptions", "decide", "--decision", "rejected", "--event", "till-70"),
        *("--why", "again", "--as", "alice"),
    )
    assert "already decided" in said.text
    assert desk.head() == head


def test_a_changed_mind_is_a_new_decision_and_its_history_stays(desk: Desk) -> None:
    for decision in ("next_period", "pending", "rejected"):
        assert desk.approve(desk.decide(decision, "--event", "till-70")).code == 0
    shown = desk.done("exceptions", "show", "till-70", "--json").json
    assert shown["exception"]["status"] == "rejected"
    assert [one["decision"] for one in shown["decisions"]] == ["next_period", "pending", "rejected"]


def test_a_request_overtaken_by_another_decision_is_refused(desk: Desk) -> None:
    first = desk.decide("next_period", "--event", "till-70")
    second = desk.decide("rejected", "--event", "till-70", by="bob")
    desk.approve(first)
    late = desk.approve(second, by="alice")
    assert late.code == 2 and "exception_must_be_pending_or_undone" in late.text
    declined = desk.run("requests", "decline", second, "--as", "alice", "--why", "overtaken")
    assert declined.code == 0
    assert desk.done("requests", "list", "--json").json["requests"] == []


def test_a_bulk_decision_is_confirmed_and_needs_one_way_of_naming(desk: Desk) -> None:
    bulk = ("exceptions", "decide", "--decision", "rejected", "--why", "x", "--as", "alice")
    unsure = desk.run(*bulk, "--all")
    assert unsure.code == 2 and "bulk_decision_must_be_confirmed" in unsure.text
    assert "511.0000 EUR" in unsure.text
    assert "events_must_be_named_one_way" in desk.run(*bulk).text
    both = desk.run(*bulk, "--all", "--event", "till-70")
    assert "events_must_be_named_one_way" in both.text
    assert "only_an_exception_can_be_decided" in desk.run(*bulk, "--event", "till-1").text
    assert "reason_must_be_given" in desk.run(*bulk, "--event", "till-70", "--why", " ").text
    assert desk.done("requests", "list", "--all", "--json").json["requests"] == []


def test_what_could_not_be_approved_is_refused_when_asked(desk: Desk) -> None:
    said = desk.run(
        *("exceptions", "decide", "--decision", "restated", "--event", "till-70"),
        *("--why", "x", "--as", "alice"),
    )
    assert said.code == 2 and "restated_needs_a_reopened_period" in said.text


def test_a_sheet_goes_out_and_comes_back_as_one_request_per_decision(desk: Desk) -> None:
    desk.done("exceptions", "export", "late.csv")
    lines = (desk.terminal.folder / "late.csv").read_text().splitlines()
    assert len(lines) == LATE + 1 and lines[1].startswith("till-70,,,pending,")
    lines[1] = lines[1].replace("till-70,,", "till-70,next_period,found it", 1)
    lines[2] = lines[2].replace("till-71,,", "till-71,rejected,a test sale", 1)
    (desk.terminal.folder / "late.csv").write_text("\n".join(lines))
    sheet = ("exceptions", "decide", "--csv", "late.csv", "--as", "alice", "--yes", "--json")
    made = desk.done(*sheet).json["decisions"]
    assert [(one["decision"], one["events"]) for one in made] == [
        ("next_period", 1),
        ("rejected", 1),
    ]
    for one in made:
        assert desk.approve(one["request_id"]).code == 0
    assert desk.exceptions("--status", "rejected")["till-71"]["decision_reason"] == "a test sale"
    assert {one["outcome"] for one in desk.done(*sheet).json["decisions"]} == {"already_decided"}


@pytest.mark.parametrize("harm", ["lost", "altered"])
def test_without_its_list_of_events_a_request_is_not_approved(desk: Desk, harm: str) -> None:
    request = desk.decide("rejected", "--event", "till-70")
    (path,) = desk.home.root.glob(f"requests/*/{request}.json")
    path.unlink() if harm == "lost" else path.write_text(
        path.read_text().replace("till-70", "till-71")
    )
    said = desk.approve(request)
    assert said.code == 2 and "events_must_be_those_of_the_request" in said.text
    assert load_books(desk.home.lake).decisions == {}


def test_of_a_mixed_commit_only_what_came_too_late_is_listed(desk: Desk) -> None:
    mixed = sales(77, 30)
    even = pl.col("source_offset") % 2 == 0
    fresh = mixed.with_columns(
        event_time=pl.when(even).then(datetime.now(UTC)).otherwise("event_time")
    )
    lake = Lake.open(desk.home.lake, desk.home.index)
    lake.append(batch(fresh.cast(mixed.schema)))
    lake.close()
    late = {f"till-{number}" for number in range(77, 107, 2)}
    assert set(desk.exceptions()) == late | {f"till-{number}" for number in range(70, 77)}


def test_people_sign_in_the_lake_s_time_when_its_clock_ran_ahead(desk: Desk) -> None:
    """A commit once dated a year ahead: the lake's clock stays there, and nobody is locked out."""
    ahead_us = 365 * 86_400_000_000
    lake = Lake.open(desk.home.lake, desk.home.index, now=lambda: system_clock() + ahead_us)
    lake.append(batch(sales(77, 1)))
    lake.close()
    request = desk.decide("rejected", "--event", "till-70")
    assert desk.approve(request).code == 0
    asked = load_books(desk.home.lake).requests[request]
    for note in asked.statements:
        assert read_statement(note)["at_us"] > system_clock() + ahead_us // 2
