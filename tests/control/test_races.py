"""Several writers and crashes: a decision is made once, whole or not at all. Real processes."""

from dataclasses import replace
from pathlib import Path

import pytest

from audit.verify_lake import verify_lake
from ingestion.control.books import load_books
from ingestion.control.check import check_control
from ingestion.control.write import append_control
from ingestion.lake import Lake
from ledger import control_events as ev
from ledger.errors import IncorrectInput
from tests import forked
from tests.control.clerk import Clerk, approve
from tests.control.office import DAY_US, NOW_US, Office
from tests.lake.test_faults import STEPS

MARCH = "2011-03"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path).open_for_business()
    made.sell("a", "b", at_us=NOW_US - 15 * DAY_US)
    return made


def clerk(
    office: Office,
    request_id: str,
    who: str,
    decision: str,
    *,
    into: str | None = None,
    index: str = "index",
) -> Clerk:
    return Clerk(
        home=office.folder,
        index=index,
        request_id=request_id,
        who=who,
        decision=decision,
        into=into,
    )


def said(*clerks: Clerk) -> list[str]:
    """What each says, once all were ready and went at the same moment."""
    assert exit_codes(*clerks) == [0] * len(clerks)
    return [one.said.read_text() for one in clerks]


def exit_codes(*clerks: Clerk) -> list[int | None]:
    all_ready = forked.meeting(len(clerks))
    processes = [forked.start(approve, one, all_ready) for one in clerks]
    return [forked.exit_code(one) for one in processes]


@pytest.mark.parametrize("indexes", [("index", "index"), ("index-1", "index-2")])
def test_two_people_decide_the_same_events_and_one_of_them_is_told(
    office: Office, indexes: tuple[str, str]
) -> None:
    first = office.ask_to_decide(["a", "b"], "rejected", by="rita")
    second = office.ask_to_decide(["a", "b"], "next_period", by="adam")
    answers = said(
        clerk(office, first.request_id, "adam", "rejected", index=indexes[0]),
        clerk(office, second.request_id, "rita", "next_period", into=MARCH, index=indexes[1]),
    )
    outcomes = sorted(text.split()[0] for text in answers)
    assert outcomes == ["commit", "refused"], answers
    assert "refused exception_must_be_pending_or_undone" in answers
    books = load_books(office.folder / "lake")
    assert len({one.decision for one in books.decisions.values()}) == 1
    assert len(books.decisions) == 2
    assert check_control(office.folder / "lake") is None


def test_the_same_approval_by_two_processes_is_recorded_once(office: Office) -> None:
    asked = office.ask_to_decide(["a", "b"], "rejected")
    arguments = (asked.request_id, "adam", "rejected")
    answers = said(*(clerk(office, *arguments, index=f"index-{n}") for n in range(2)))
    assert sorted(text.split()[0] for text in answers) == ["commit", "commit"], answers
    assert "commit None" in answers, "the slower one found it done"
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
    approving = clerk(office, asked.request_id, "adam", "next_period", into=MARCH)
    assert exit_codes(replace(approving, die_at=(step, nth))) == [-9]
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
