"""Late events decided in any order: the rules allow exactly what a plain model allows."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger import control_events as ev
from ledger.errors import IncorrectInput
from tests.control.office import DAY_US, NOW_US
from tests.ledger.paper_office import PaperOffice

MARCH, APRIL, MAY, JUNE = "2011-03", "2011-04", "2011-05", "2011-06"
EVENTS = st.sampled_from(("a", "b"))
DECISIONS = st.sampled_from(("next_period", "restated", "rejected", "pending"))
INTO = st.sampled_from((None, MARCH, APRIL, MAY))


class Decisions(RuleBasedStateMachine):
    """`decided`: (decision, posting period) of each event; March is Closed or Reopened, the months
    after it Open or SoftClosed."""

    def __init__(self) -> None:
        super().__init__()
        self.office = PaperOffice().open_for_business()
        self.office.sell("a", "b", at_us=NOW_US - 15 * DAY_US)
        self.office.close(MARCH)
        self.state = {MARCH: "Closed", APRIL: "Open", MAY: "Open", JUNE: "Open"}
        self.closes = 1
        self.decided: dict[str, tuple[str, str | None]] = {}

    def allowed(self, decision: str, into: str | None, last: tuple[str, str | None]) -> bool:
        if last == (decision, into) or (decision == "pending" and last[0] == "nothing"):
            return False
        if last[1] is not None:
            takes = "Reopened" if last[0] == "restated" else "Open"
            if self.state[last[1]] != takes:
                return False
        if decision == "next_period":
            return into == next(one for one, state in self.state.items() if state == "Open")
        if decision == "restated":
            return into == MARCH and self.state[MARCH] == "Reopened"
        return into is None

    @rule(event_id=EVENTS, decision=DECISIONS, into=INTO)
    def decide(self, event_id: str, decision: str, into: str | None) -> None:
        last = self.decided.get(event_id, ("nothing", None))
        allowed = self.allowed(decision, into, last)
        try:
            self.office.decide([event_id], decision, into)
        except IncorrectInput as error:
            assert not allowed, error
        else:
            assert allowed, (last, decision, into)
            self.decided[event_id] = (decision, into)

    @rule(month=st.sampled_from((APRIL, MAY)))
    def soft_close(self, month: str) -> None:
        self.office.record(ev.PeriodSoftClosed(period_id=month, sealed=False, reason=""))
        self.state[month] = "SoftClosed"

    @precondition(lambda self: self.state[MARCH] == "Closed")
    @rule()
    def reopen(self) -> None:
        self.office.reopen(MARCH)
        self.state[MARCH] = "Reopened"

    @precondition(lambda self: self.state[MARCH] == "Reopened")
    @rule()
    def close_again(self) -> None:
        self.closes += 1
        self.office.close(MARCH, edition=self.closes)
        self.state[MARCH] = "Closed"

    @invariant()
    def books_agree_with_the_model(self) -> None:
        known = self.office.books.decisions
        assert {one: (d.decision, d.posting_period) for one, d in known.items()} == self.decided


TestDecisions = Decisions.TestCase
TestDecisions.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
