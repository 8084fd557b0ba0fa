"""Closing and reopening in any order: the rules allow exactly what a plain model allows."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ledger import control_events as ev
from ledger.errors import IncorrectInput
from ledger.periods import closed_edition_of, name_of
from tests.control.office import PLAN, reopened
from tests.ledger.paper_office import PaperOffice

MONTHS = [f"2011-{month:02d}" for month in range(1, 7)]
MONTH = st.sampled_from(range(len(MONTHS)))


class Periods(RuleBasedStateMachine):
    """`model`: (state, times closed) of each month; states as readers see them, and Sealed."""

    def __init__(self) -> None:
        super().__init__()
        self.office = PaperOffice().open_for_business()
        self.model = dict.fromkeys(MONTHS, ("Open", 0))

    def locked_before_first(self, number: int) -> bool:
        first = [n for n, month in enumerate(MONTHS) if self.model[month][1]]
        return bool(first) and number < first[0]

    def ever_closed(self) -> list[int]:
        return [n for n, month in enumerate(MONTHS) if self.model[month][1]]

    def in_order(self, number: int) -> bool:
        """All that were ever closed before it are Closed, and it follows them without a gap."""
        closed = self.ever_closed()
        if not closed:  # nobody has touched what will be locked with it
            return all(self.model[month][0] == "Open" for month in MONTHS[:number])
        if number == closed[0]:
            return True
        before = range(closed[0], number)
        return all(self.model[MONTHS[n]][0] == "Closed" for n in before)

    @rule(number=MONTH)
    def soft_close(self, number: int) -> None:
        month = MONTHS[number]
        state, times = self.model[month]
        allowed = state in ("Open", "SoftClosed") and not self.locked_before_first(number)
        self.office.expect(
            allowed, ev.PeriodSoftClosed(period_id=month, sealed=False, reason="clock")
        )
        if allowed:
            self.model[month] = ("SoftClosed", times)

    @rule(number=MONTH)
    def seal(self, number: int) -> None:
        month = MONTHS[number]
        state, times = self.model[month]
        allowed = (
            state != "Closed" and not self.locked_before_first(number) and self.in_order(number)
        )
        self.office.expect(
            allowed, ev.PeriodSoftClosed(period_id=month, sealed=True, reason="close")
        )
        if allowed:
            self.model[month] = ("Sealed", times)

    @rule(number=MONTH)
    def fail(self, number: int) -> None:
        month = MONTHS[number]
        state, times = self.model[month]
        failed = ev.CloseFailed(
            period_id=month, run_id="r", step="s", reason="", controls=(), evidence_sha256=None
        )
        lifted = ev.PeriodSoftClosed(period_id=month, sealed=False, reason="failed")
        allowed = state in ("Open", "SoftClosed", "Sealed") and not self.locked_before_first(number)
        self.office.expect(allowed, failed, lifted)
        if allowed:
            self.model[month] = ("SoftClosed", times)

    @rule(number=MONTH)
    def close(self, number: int) -> None:
        month = MONTHS[number]
        state, times = self.model[month]
        asked = self.office.ask("rita", "close_period", period_id=month, plan_sha256=PLAN)
        self.office.approve("adam", asked)
        allowed = state == "Sealed" and self.in_order(number)
        self.office.expect(allowed, self.office.closed(month, asked, edition=times + 1))
        if allowed:
            self.model[month] = ("Closed", times + 1)

    @rule(number=MONTH)
    def reopen(self, number: int) -> None:
        month = MONTHS[number]
        state, times = self.model[month]
        later = self.model[MONTHS[number + 1]][0] if number + 1 < len(MONTHS) else "Open"
        asked = self.office.ask("rita", "reopen_period", period_id=month)
        events: list[Any] = [self.office.approval("adam", asked), reopened(month, asked)]
        closed_once = state == "SoftClosed" and times > 0
        allowed = (state == "Closed" or closed_once) and later not in ("Closed", "Sealed")
        self.office.expect(allowed, *events)
        if allowed:
            self.model[month] = ("Reopened", times)

    @invariant()
    def books_agree_with_the_model(self) -> None:
        for number, month in enumerate(MONTHS):
            state = self.office.books.state(month)
            expected, times = self.model[month]
            if self.locked_before_first(number):
                expected = "Closed"
            assert name_of(state) == expected.replace("Sealed", "SoftClosed")
            assert closed_edition_of(state) == times

    @invariant()
    def closed_periods_are_a_run_without_a_gap(self) -> None:
        closed = [n for n, month in enumerate(MONTHS) if self.model[month][0] == "Closed"]
        assert closed == list(range(closed[0], closed[-1] + 1)) if closed else True

    @invariant()
    def what_goes_to_the_next_period_goes_to_an_open_one_after_every_close(self) -> None:
        books = self.office.books
        for month in MONTHS:
            target = books.first_open(books.calendar.get(month))
            assert name_of(books.state(target.period_id)) == "Open"
            assert target.period_id >= month
            assert all(target.period_id > MONTHS[n] for n in self.ever_closed())


Periods.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestPeriods = Periods.TestCase


def test_the_machine_sees_a_rule_taken_out() -> None:
    """Guard of the guard: a rejection is an IncorrectInput, and not swallowed as something else."""
    office = PaperOffice().open_for_business()
    office.close("2011-03")
    try:
        office.record(ev.PeriodSoftClosed(period_id="2011-03", sealed=False, reason=""))
    except IncorrectInput as error:
        assert error.rule == "closed_period_must_be_reopened_first"
    else:
        raise AssertionError("a closed period was soft-closed")
