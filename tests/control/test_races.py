"""Several writers and crashes: a decision is made once, whole or not at all. Real processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from audit.verify_lake import verify_lake
from ingestion.control.books import load_books
from ingestion.control.check import check_control
from ingestion.control.write import append_control
from ingestion.lake import Lake
from ledger import control_events as ev
from ledger.errors import IncorrectInput
from tests.control.office import DAY_US, NOW_US, Office
from tests.lake.test_faults import STEPS

MARCH = "2011-03"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path).open_for_business()
    made.sell("a", "b", at_us=NOW_US - 15 * DAY_US)
    return made


def clerk(office: Office, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.control.clerk", str(office.folder), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def started(*clerks: "subprocess.Popen[str]") -> list[str]:
    """What each says, once all were ready and told to go at the same moment."""
    for one in clerks:
        assert one.stdout is not None and one.stdout.readline() == "ready\n", one.stderr
    for one in clerks:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    return [one.communicate(timeout=120)[0].strip() for one in clerks]


@pytest.mark.parametrize("indexes", [("index", "index"), ("index-1", "index-2")])
def test_two_people_decide_the_same_events_and_one_of_them_is_told(
    office: Office, indexes: tuple[str, str]
) -> None:
    first = office.ask_to_decide(["a", "b"], "rejected", by="rita")
    second = office.ask_to_decide(["a", "b"], "next_period", by="adam")
    said = started(
        clerk(office, indexes[0], first.request_id, "adam", "rejected", "-"),
        clerk(office, indexes[1], second.request_id, "rita", "next_period", MARCH),
    )
    outcomes = sorted(text.split()[0] for text in said)
    assert outcomes == ["commit", "refused"], said
    assert "refused exception_must_be_pending_or_undone" in said
    books = load_books(office.folder / "lake")
    assert len({one.decision for one in books.decisions.values()}) == 1
    assert len(books.decisions) == 2
    assert check_control(office.folder / "lake") is None


def test_the_same_approval_by_two_processes_is_recorded_once(office: Office) -> None:
    asked = office.ask_to_decide(["a", "b"], "rejected")
    arguments = (asked.request_id, "adam", "rejected", "-")
    said = started(*(clerk(office, f"index-{n}", *arguments) for n in range(2)))
    assert sorted(text.split()[0] for text in said) == ["commit", "commit"], said
    assert "commit None" in said, "the slower one found it done"
    assert check_control(office.folder / "lake") is None


def test_a_lost_race_is_looked_at_again(office: Office, tmp_path: Path) -> None:
    """Two writers without a common lock; the second commits between the first's look and commit."""
    slow = Lake.open(tmp_path / "lake", tmp_path / "index-2", now=office.clock)
    sealed = ev.PeriodSoftClosed(period_id=MARCH, sealed=True, reason="close")
    beaten: list[str] = []

    def step(name: str) -> None:
        if name == "before_commit" and not beaten:
            beaten.append(name)
            Office(tmp_path, index="index-3", clock=office.clock).record(sealed)

    slow._step = step
    soft = ev.PeriodSoftClosed(period_id=MARCH, sealed=False, reason="clock")
    with pytest.raises(IncorrectInput) as error:
        append_control(slow, [soft], now_us=office.clock.now_us)
    assert error.value.rule == "seal_must_be_lifted_by_a_failed_close"
    assert beaten == ["before_commit"]


# One segment and the commit file: the store's steps are reached twice, part_written four times.
NTH = [(step, 1) for step in STEPS] + [
    *(("part_written", nth) for nth in (2, 3, 4)),
    *((step, 2) for step in ("written", "linked", "durable")),
]


@pytest.mark.parametrize(("step", "nth"), NTH)
def test_a_killed_clerk_leaves_all_of_the_decision_or_nothing(
    office: Office, step: str, nth: int
) -> None:
    asked = office.ask_to_decide(["a", "b"], "next_period")
    arguments = (asked.request_id, "adam", "next_period", MARCH)
    killed = clerk(office, "index", *arguments, "--die-at", step, str(nth))
    started(killed)
    assert killed.returncode == -9
    assert verify_lake(office.folder / "lake").ok
    books = load_books(office.folder / "lake")
    approved = books.requests[asked.request_id].state == "approved"
    assert len(books.decisions) == (2 if approved else 0)
    office.lake.refresh()
    if approved:
        with pytest.raises(IncorrectInput) as error:
            office.approve("adam", asked)
        assert error.value.rule == "request_must_be_open"
    else:
        decisions = office.decisions(["a", "b"], "next_period", MARCH, asked)
        office.approve("adam", asked, *decisions)
    books = load_books(office.folder / "lake")
    assert {one.posting_period for one in books.decisions.values()} == {MARCH}
    assert check_control(office.folder / "lake") is None
    assert Lake.open(office.folder / "lake", office.folder / "index").books() == books
