"""The decider of all sagas: what follows from an answer, from time, from a person's word.

Holds `SagaDecider` and its rules. Holds no step of any one saga. Called by the journal's handler
and tests; what each rule is for: docs/sagas.md.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from ledger.deciding import Rejection, no
from ledger.sagas import commands as co
from ledger.sagas import events as ev
from ledger.sagas.definition import SagaDefinition
from ledger.sagas.evolve import evolve
from ledger.sagas.state import Saga

Decided = tuple[ev.SagaEvent, ...] | Rejection

STREAM_PREFIX: Final = "saga/"
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
"""An id travels in a header of HTTP and is the id of a hold."""
REASON_MAX: Final = 500
"""Of what others say, so much is kept: an answer may be a web page."""


def stream_of(saga_id: str) -> str:
    """The stream of a saga."""
    return STREAM_PREFIX + saga_id


class SagaDecider:
    """The `Decider` of sagas of these kinds, by name."""

    def __init__(self, definitions: Mapping[str, SagaDefinition]) -> None:
        self.definitions = definitions

    def initial(self, stream_id: str) -> Saga:
        return Saga(saga_id=stream_id.removeprefix(STREAM_PREFIX))

    def decide(self, state: Saga, command: co.SagaCommand) -> Decided:
        """The events, or the first broken rule."""
        if isinstance(command, co.Begin):
            return self._begin(state, command)
        definition = self.definitions.get(state.saga)
        if definition is None:
            return self._no_such_kind(state, state.saga)
        match command:
            case co.Report():
                return _report(state, command, definition)
            case co.Expire():
                return _expire(state, command, definition)
            case co.Intervene():
                return _intervene(state, command, definition)
        raise TypeError(f"no command of sagas: {type(command).__name__}")

    def evolve(self, state: Saga, event: ev.SagaEvent) -> Saga:
        return evolve(state, event)

    def _begin(self, state: Saga, command: co.Begin) -> Decided:
        definition = self.definitions.get(command.saga)
        if definition is None:
            return self._no_such_kind(state, command.saga)
        if state.status != "unknown":
            return no("saga_must_be_new", _thing(state), "an id not in use", f"{state.status}")
        if not _ID.fullmatch(state.saga_id):
            expected = "1 to 100 letters, digits, dots, colons, - and _"
            return no("saga_id_must_be_a_short_word", "saga", expected, repr(state.saga_id))
        if set(command.details) != set(definition.details):
            rule = "saga_details_must_be_those_of_its_kind"
            found = ", ".join(sorted(command.details)) or "none"
            return no(rule, _thing(state), ", ".join(sorted(definition.details)), found)
        broken = definition.check(command.details)
        if broken is not None:
            return broken
        begun = ev.SagaBegun(
            **_when(state, command),
            event_type=definition.begun_by,
            saga=definition.name,
            details=dict(command.details),
            steps=tuple(step.name for step in definition.steps),
            deadline_us=command.at_us + definition.deadline_us,
        )
        return (begun,)

    def _no_such_kind(self, state: Saga, name: str) -> Rejection:
        if not name:
            return no("saga_must_be_known", _thing(state), "a saga that was begun", "none")
        known = ", ".join(sorted(self.definitions))
        return no("saga_must_be_of_a_known_kind", _thing(state), known, repr(name))


def _report(state: Saga, command: co.Report, definition: SagaDefinition) -> Decided:
    action = state.action
    if action is None or (action.step, action.attempt) != (command.step, command.attempt):
        rule = "report_must_be_of_the_call_under_way"
        expected = "none" if action is None else f"{action.step}, try {action.attempt}"
        return no(rule, _thing(state), expected, f"{command.step}, try {command.attempt}")
    match command.result:
        case co.Succeeded(reference=reference):
            done = ev.SagaStepSucceeded(
                **_when(state, command),
                step=command.step,
                attempt=command.attempt,
                reference=reference[:REASON_MAX],
            )
            return (done, *_ended_if_done(evolve(state, done), command))
        case co.Refused(reason=reason):
            failed = _failed(state, command, "refused", reason, None)
            after = evolve(state, failed)
            text = f"{command.step} was refused: {failed.reason}"
            if state.undoing:
                return (failed, _wait(after, command, text))
            return (failed, *_turn_back(after, command, definition, text))
    return _unknown(state, command, definition, command.result.reason)


def _unknown(state: Saga, command: co.Report, definition: SagaDefinition, reason: str) -> Decided:
    """No clear answer: again later, if there is a try left and the deadline is not before it."""
    step = definition.step(command.step)
    if step is not None and command.attempt < step.retry.tries:
        lot = f"{state.saga_id}/{command.step}"
        again_us = command.at_us + step.retry.wait_us(command.attempt, lot=lot)
        if state.undoing or again_us < state.deadline_us:
            return (_failed(state, command, "unknown", reason, again_us),)
    failed = _failed(state, command, "unknown", reason, None)
    text = f"{command.step} got no clear answer in {command.attempt} tries: {failed.reason}"
    return (failed, *_give_up(evolve(state, failed), command, definition, text))


def _expire(state: Saga, command: co.Expire, definition: SagaDefinition) -> Decided:
    if state.status != "running" or command.at_us < state.deadline_us:
        rule = "deadline_must_have_passed_while_running"
        found = f"{state.status}, {command.at_us - state.deadline_us} us after it"
        return no(rule, _thing(state), "running, at or after its deadline", found)
    return _give_up(state, command, definition, f"{state.pending[0]} was not done by the deadline")


def _intervene(state: Saga, command: co.Intervene, definition: SagaDefinition) -> Decided:
    thing = _thing(state)
    if state.status != "waiting":
        return no("saga_must_wait_for_a_person", thing, "waiting", state.status)
    for name, value in (("person", command.by), ("reason", command.why)):
        if not value.strip():
            return no(f"{name}_must_be_given", thing, f"a {name}", "nothing")
    if command.decision == "turn_back" and state.undoing:
        return no("saga_must_not_be_undoing", thing, "one on its way forward", "undoing")
    decided = ev.SagaDecidedByPerson(
        **_when(state, command),
        decision=command.decision,
        by=command.by,
        why=command.why[:REASON_MAX],
        anew=command.decision == "retry" and state.refused,
    )
    after = evolve(state, decided)
    if command.decision == "turn_back":
        return (decided, *_turn_back(after, command, definition, f"{command.by}: {command.why}"))
    if command.decision == "settled":
        return (decided, ev.SagaEnded(**_when(state, command), outcome="settled"))
    return (decided,)


def _give_up(
    state: Saga, command: co.SagaCommand, definition: SagaDefinition, text: str
) -> tuple[ev.SagaEvent, ...]:
    """No more tries: forward steps are undone or asked about, as they say; undoing ones asked."""
    step = definition.step(state.pending[0])
    if state.undoing or (step is not None and step.else_ == "ask_a_person"):
        return (_wait(state, command, text),)
    return _turn_back(state, command, definition, text)


def _turn_back(
    state: Saga, command: co.SagaCommand, definition: SagaDefinition, text: str
) -> tuple[ev.SagaEvent, ...]:
    """Undo the latest first what was done, and what may have been: also the step that was next, as
    its call may be under way, or have been made by a runner that died before it could tell."""
    asked = () if state.refused else state.pending[:1]
    touched = dict.fromkeys((*state.done, *state.unsure, *asked))
    undoing = [
        step.undone_by.name
        for name in reversed(touched)
        if (step := definition.step(name)) is not None and step.undone_by is not None
    ]
    back = ev.SagaTurnedBack(
        **_when(state, command), reason=text[:REASON_MAX], steps=tuple(undoing)
    )
    return (back, *_ended_if_done(evolve(state, back), command))


def _ended_if_done(state: Saga, command: co.SagaCommand) -> tuple[ev.SagaEvent, ...]:
    if state.pending:
        return ()
    when = _when(state, command)
    return (ev.SagaEnded(**when, outcome="compensated" if state.undoing else "completed"),)


def _wait(state: Saga, command: co.SagaCommand, text: str) -> ev.SagaEvent:
    when = _when(state, command)
    return ev.SagaWaitsForPerson(**when, step=state.pending[0], reason=text[:REASON_MAX])


def _failed(
    state: Saga,
    command: co.Report,
    outcome: Literal["refused", "unknown"],
    reason: str,
    retry_us: int | None,
) -> ev.SagaStepFailed:
    return ev.SagaStepFailed(
        **_when(state, command),
        step=command.step,
        attempt=command.attempt,
        outcome=outcome,
        reason=reason[:REASON_MAX],
        retry_us=retry_us,
    )


def _when(state: Saga, command: co.SagaCommand) -> dict[str, Any]:
    return {"saga_id": state.saga_id, "event_time_us": command.at_us}


def _thing(state: Saga) -> str:
    return f"saga {state.saga_id}"
