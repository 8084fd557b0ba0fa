"""Folding a saga's events into its state.

Holds `evolve`, which takes every event there is, in any order, and asks no definition. Called by
the decider.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from ledger.sagas import events as ev
from ledger.sagas.state import Saga


def evolve(state: Saga, event: ev.SagaEvent) -> Saga:
    """The saga after the event."""
    return _FOLDS[type(event)](state, event)


def _begun(state: Saga, event: ev.SagaBegun) -> Saga:
    return replace(
        state,
        saga=event.saga,
        status="running",
        details=dict(event.details),
        pending=event.steps,
        due_us=event.event_time_us,
        begun_us=event.event_time_us,
        deadline_us=event.deadline_us,
        allowed_us=event.deadline_us - event.event_time_us,
    )


def _succeeded(state: Saga, event: ev.SagaStepSucceeded) -> Saga:
    """Done: the next step is due at once."""
    done = state.done if state.undoing else (*state.done, event.step)
    unsure = tuple(one for one in state.unsure if one != event.step)
    left = tuple(one for one in state.pending if one != event.step)
    return _fresh(replace(state, done=done, unsure=unsure, pending=left), event)


def _failed(state: Saga, event: ev.SagaStepFailed) -> Saga:
    refused = event.outcome == "refused"
    unsure = state.unsure
    if not refused and not state.undoing and event.step not in unsure:
        unsure = (*unsure, event.step)
    return replace(
        state,
        unsure=unsure,
        attempt=event.attempt + 1,
        due_us=event.event_time_us if event.retry_us is None else event.retry_us,
        problem=event.reason,
        refused=refused,
    )


def _fresh(state: Saga, event: ev.SagaEvent) -> Saga:
    """At the first try of whatever is next."""
    return replace(state, attempt=1, key_round=0, due_us=event.event_time_us, refused=False)


def _turned_back(state: Saga, event: ev.SagaTurnedBack) -> Saga:
    back = replace(state, undoing=True, status="undoing", pending=event.steps)
    return _fresh(replace(back, problem=event.reason), event)


def _waits(state: Saga, event: ev.SagaWaitsForPerson) -> Saga:
    return replace(state, status="waiting", problem=event.reason)


def _decided(state: Saga, event: ev.SagaDecidedByPerson) -> Saga:
    """On with the step, a refused one under a key of the next round; and with as much time as at
    the beginning."""
    return replace(
        _fresh(state, event),
        status="undoing" if state.undoing else "running",
        key_round=state.key_round + event.anew,
        deadline_us=event.event_time_us + state.allowed_us,
    )


def _ended(state: Saga, event: ev.SagaEnded) -> Saga:
    return replace(state, status=event.outcome, pending=())


_FOLDS: Final[Mapping[type[ev.SagaEvent], Callable[[Saga, Any], Saga]]] = {
    ev.SagaBegun: _begun,
    ev.SagaStepSucceeded: _succeeded,
    ev.SagaStepFailed: _failed,
    ev.SagaTurnedBack: _turned_back,
    ev.SagaWaitsForPerson: _waits,
    ev.SagaDecidedByPerson: _decided,
    ev.SagaEnded: _ended,
}
