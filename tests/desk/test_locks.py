"""A lock exception lets events in for a while, with four eyes, and every one of them is shown."""

import pytest

from tests.desk.conftest import Desk, append

GRANT = ("locks", "grant", "--why", "the till is back")


def granted(desk: Desk, *scope: str) -> str:
    """A lock exception for January, in force."""
    made = desk.done(
        *GRANT, "--period", "2026-01", "--for", "30m", *scope, "--as", "alice", "--json"
    )
    own = desk.approve(made.json["request_id"], by="alice")
    assert own.code == 2 and "requester_must_not_approve" in own.text
    assert desk.approve(made.json["request_id"]).code == 0
    return str(made.json["lock_exception_id"])


def test_what_came_under_a_lock_exception_is_shown_with_its_sums(desk: Desk) -> None:
    lock = granted(desk, "--store", "store-0", "--amount-cap", "84")
    append(desk.home, 77, 21, arrived=None)  # of store-0: 77, 84 and 91, the last over the cap
    said = desk.done("locks", "audit", lock[:8], "--json").json
    assert [one["event_id"] for one in said["events"]] == ["till-77", "till-84"]
    assert {one["reason"] for one in said["events"]} == {"too_late"}
    assert [(one["events"], one["amount"]) for one in said["sums"]] == [(2, "161.0000")]
    assert "till-91" in desk.exceptions()
    assert {"till-77", "till-84"}.isdisjoint(desk.exceptions())


def test_a_revocation_holds_at_once_and_needs_one_person(desk: Desk) -> None:
    lock = granted(desk)
    append(desk.home, 77, 1, arrived=None)
    revoke = ("locks", "revoke", lock, "--as", "alice", "--why", "all in")
    assert "revoked by alice" in desk.done(*revoke).text
    assert "already revoked" in desk.done(*revoke).text
    append(desk.home, 78, 1, arrived=None)
    said = desk.done("locks", "audit", "--json").json
    assert [one["event_id"] for one in said["events"]] == ["till-77"]
    assert desk.done("locks", "list", "--json").json["locks"] == []
    (listed,) = desk.done("locks", "list", "--all", "--json").json["locks"]
    assert (listed["state"], listed["revoked_by"]) == ("revoked", "alice")


def test_asking_again_for_the_same_gives_the_same_request(desk: Desk) -> None:
    ask = (*GRANT, "--period", "2026-01", "--for", "24h")
    assert desk.ask(*ask) == desk.ask(*ask)
    assert desk.ask(*ask, "--store", "store-1") != desk.ask(*ask)


@pytest.mark.parametrize("lasts", ["5m", "24h"])
def test_the_shortest_and_the_longest_are_granted(desk: Desk, lasts: str) -> None:
    request = desk.ask(*GRANT, "--period", "2026-01", "--for", lasts)
    assert desk.approve(request).code == 0


@pytest.mark.parametrize("lasts", ["4m", "25h", "1441m", "soon"])
def test_outside_of_them_it_is_refused(desk: Desk, lasts: str) -> None:
    said = desk.run(*GRANT, "--period", "2026-01", "--for", lasts, "--as", "alice")
    assert said.code == 2 and "lock_exception_must_last_5_minutes_to_24_hours" in said.text
