"""Answers, silences, deadlines, late arrivals and people in any order: whatever comes, a saga that
has ended has either paid everywhere or nowhere, in a plain model of the world.
"""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ingestion.journal.records import JournalEvent
from ingestion.journal.rows import as_frame, as_rows
from ingestion.saga_codec import SAGA_CODEC
from ledger.deciding import Rejection
from ledger.sagas import Action, Refused, Result, SagaCommand, Succeeded, Unknown
from tests.sagas.acts import DECIDER, NOW_US, STREAM, begin, expire, report, says

TAKES_BACK = {
    "release_funds": "reserve_funds",
    "refund_payment": "capture_payment",
    "return_funds": "settle_funds",
}


class World:
    """Does each step once per key, as gateways and our accounts do."""

    def __init__(self) -> None:
        self.answers: dict[str, bool] = {}
        self.is_so = dict.fromkeys((*TAKES_BACK.values(), "send_receipt"), False)
        self.used_up: set[str] = set()

    def perform(self, action: Action, *, refuse: bool) -> bool:
        """Whether it was done; the first answer to a key stays."""
        if action.key not in self.answers:
            self.answers[action.key] = not refuse and self._do(action.step)
        return self.answers[action.key]

    def _do(self, step: str) -> bool:
        if step in TAKES_BACK:
            self.used_up.add(TAKES_BACK[step])
            self.is_so[TAKES_BACK[step]] = False
            return True
        if step in self.used_up:
            return False
        self.is_so[step] = True
        return True


class Sagas(RuleBasedStateMachine):
    """One saga; `asked` are calls that may still be on their way."""

    def __init__(self) -> None:
        super().__init__()
        self.world, self.now_us = World(), NOW_US
        self.state = DECIDER.initial(STREAM)
        self.asked: list[Action] = []
        self.versions = 0
        self.tell(begin())

    def tell(self, command: SagaCommand) -> None:
        outcome = DECIDER.decide(self.state, command)
        assert not isinstance(outcome, Rejection), outcome
        for event in outcome:
            assert self.kept(event) == event, "the form of an event loses nothing"
            self.state = DECIDER.evolve(self.state, event)
            self.versions += 1
        data = SAGA_CODEC.state_to_bytes(self.state)
        assert SAGA_CODEC.state_from_bytes(data) == self.state

    def kept(self, event: Any) -> Any:
        """The event out of a row of the lake."""
        new = SAGA_CODEC.to_new_event(event, event_id="e")
        told = JournalEvent(position=0, stream_id=STREAM, stream_version=1, event=new)
        [row] = as_rows(as_frame([told]))
        return SAGA_CODEC.from_row(row)

    @precondition(lambda self: self.state.action is not None)
    @rule(
        fate=st.sampled_from(("answered", "answered", "refused", "never came", "answer was lost")),
        wait_s=st.integers(0, 600),
    )
    def call(self, fate: str, wait_s: int) -> None:
        action = self.state.action
        assert action is not None
        self.now_us = max(self.now_us, action.due_us) + wait_s * 1_000_000
        result: Result = Unknown(reason=fate)
        if fate == "never came":
            self.asked.append(action)
        else:
            done = self.world.perform(action, refuse=fate == "refused")
            if fate != "answer was lost":
                result = Succeeded(reference="r") if done else Refused(reason="no")
        self.tell(report(action.step, result, action.attempt, self.now_us))

    @rule()
    def call_arrives_late(self) -> None:
        if self.asked:
            self.world.perform(self.asked.pop(0), refuse=False)

    @precondition(lambda self: self.state.status == "running")
    @rule(performed=st.booleans())
    def runner_dies_until_past_the_deadline(self, performed: bool) -> None:
        """Before or after the call; what it did nobody tells the saga."""
        action = self.state.action
        assert action is not None
        if performed:
            self.world.perform(action, refuse=False)
        self.now_us = max(self.now_us, self.state.deadline_us)
        self.tell(expire(self.now_us))

    @precondition(lambda self: self.state.status == "waiting")
    @rule(turn_back=st.booleans())
    def person(self, turn_back: bool) -> None:
        decision = "turn_back" if turn_back and not self.state.undoing else "retry"
        self.tell(says(decision, at_us=self.now_us))

    @invariant()
    def whole_or_undone(self) -> None:
        is_so = self.world.is_so
        if self.state.status == "completed":
            assert all(is_so.values()), is_so
        if self.state.status == "compensated":
            money = {name: so for name, so in is_so.items() if name != "send_receipt"}
            assert not any(money.values()), money

    @invariant()
    def it_goes_on_or_waits_or_has_ended(self) -> None:
        going_on = self.state.action is not None
        assert going_on + (self.state.status == "waiting") + self.state.ended == 1

    def teardown(self) -> None:
        """Then all calls arrive, and everybody answers: it ends."""
        for _ in range(40):
            self.call_arrives_late()
            if self.state.status == "waiting":
                self.person(turn_back=False)
            elif self.state.action is not None:
                self.call(fate="answered", wait_s=0)
        self.whole_or_undone()
        assert self.state.ended, self.state


TestSagas = Sagas.TestCase
TestSagas.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
