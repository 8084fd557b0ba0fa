"""Periods, calendar and policy on the command line: seen, changed once, told who and why."""

from tests.cli.terminal import Terminal
from tests.desk.conftest import Desk, append


def test_periods_are_listed_with_state_who_when_and_why(desk: Desk) -> None:
    close = ("periods", "soft-close", "2026-01", "--as", "alice", "--why", "month end")
    assert "is SoftClosed" in desk.done(*close).text
    head = desk.head()
    assert "already SoftClosed" in desk.done(*close).text
    assert desk.head() == head
    periods = {
        one["period_id"]: one for one in desk.done("periods", "list", "--json").json["periods"]
    }
    january = periods["2026-01"]
    assert (january["state"], january["who"], january["why"]) == (
        "SoftClosed",
        "alice",
        "month end",
    )
    assert periods["2026-02"]["state"] == "Open"
    shown = desk.done("periods", "show", "2026-01", "--json").json
    assert [one["commit_seq"] for one in shown["changes"]] == [head]
    append(desk.home, 77, 1, arrived=None)
    assert desk.exceptions()["till-77"]["exception_reason"] == "period_soft_closed"
    unknown = desk.run("periods", "show", "2026-13")
    assert unknown.code == 2 and "period_must_be_in_the_calendar" in unknown.text


def test_a_late_event_of_a_soft_closed_period_goes_to_the_next_one(desk: Desk) -> None:
    desk.done("periods", "soft-close", "2026-01", "--as", "alice", "--why", "month end")
    desk.approve(desk.decide("next_period", "--all"))
    decided = desk.exceptions("--status", "next_period")
    assert {one["posting_period"] for one in decided.values()} == {"2026-02"}


def calendar(kind: str, first: str) -> tuple[str, ...]:
    """The command that defines one from a day on."""
    return ("calendar", "define", "--kind", kind, "--from", first, "--until", "2027-01-01")


def test_a_calendar_is_free_until_the_first_sale(terminal: Terminal) -> None:
    assert terminal.run("init").code == 0
    for version, kind in enumerate(("month", "iso_week", "4-4-5"), 1):
        first = "2026-01-01" if kind == "month" else "2025-12-29"
        said = terminal.run(*calendar(kind, first), "--json")
        assert said.code == 0 and said.json["calendar_version"] == version


def test_a_calendar_begins_behind_the_sales_there_are(desk: Desk) -> None:
    head = desk.head()
    refused = desk.run(*calendar("4-4-5", "2025-12-29"))
    assert refused.code == 2 and "calendar_must_keep_periods_with_events" in refused.text
    told = " ".join(refused.text.split())
    assert "give every period before 2026-02-01 as it is" in told, told
    assert desk.head() == head
    desk.done(*calendar("4-4-5", "2026-02-01"))


def test_a_calendar_is_defined_once_and_keeps_what_is_locked(desk: Desk) -> None:
    define = calendar("4-4-5", "2026-02-01")
    made = desk.done(*define, "--json").json
    assert (made["calendar_version"], made["new"]) == (1, True)
    assert made["periods"][0]["period_id"] == "FY2026-P01"
    assert desk.done(*define, "--json").json["new"] is False
    assert desk.exceptions()["till-70"]["period_id"] == "2026-01"
    desk.done("periods", "soft-close", "FY2026-P01", "--as", "bob", "--why", "month end")
    moved = desk.run(*calendar("month", "2026-01-01"))
    assert moved.code == 2 and "calendar_must_keep_locked_periods" in moved.text
    neither = desk.run("calendar", "define", "--kind", "month")
    assert neither.code == 2 and "calendar_must_be_given_one_way" in neither.text


def test_a_table_of_ones_own_is_a_calendar_too(desk: Desk) -> None:
    table = desk.terminal.folder / "periods.csv"
    table.write_text(
        "period_id,first_date,end_date\nH1,2026-02-01,2026-08-01\nH2,2026-08-01,2027-01-01\n"
    )
    desk.done("calendar", "define", "--table", str(table))
    shown = desk.done("calendar", "show", "--json").json
    assert [one["period_id"] for one in shown["periods"]] == ["H1", "H2"]
    table.write_text("period_id,first_date\nH1,2026-01-01\n")
    wrong = desk.run("calendar", "define", "--table", str(table))
    assert wrong.code == 2 and "calendar_table_must_be_csv" in wrong.text


def test_a_policy_is_set_for_a_scope_and_does_not_disturb_init(desk: Desk) -> None:
    scoped = ("policy", "set", "--max-delay-days", "3000", "--initial-grace-hours", "6")
    assert desk.done(*scoped, "--source", "till", "--json").json["new"] is True
    assert desk.done(*scoped, "--source", "till", "--json").json["new"] is False
    judged = ("policy", "show", "--source", "till", "--date", "2026-01-01", "--json")
    assert desk.done(*judged).json["policies"][0]["max_delay_days"] == 3000
    append(desk.home, 77, 1, arrived=None)
    assert "till-77" not in desk.exceptions()
    assert len(desk.done("policy", "show", "--json").json["policies"]) == 2
    assert desk.done("init", "--json").json["policy_commit"] is None
