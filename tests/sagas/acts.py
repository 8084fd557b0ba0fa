"""Short words for sagas in tests: a payment of 30 EUR from account A1, its commands and events.

Holds no test. Called by the tests of sagas.
"""

from dataclasses import replace
from typing import Any, Final, TypeVar

from ledger import sagas
from ledger.payments import PAYMENT
from ledger.sagas import Refused, Result, SagaDecider, SagaEvent, Succeeded, Unknown

NOW_US: Final = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""
DEADLINE_US: Final = NOW_US + PAYMENT.deadline_us
DETAILS: Final = {"account_id": "A1", "amount": "30.00", "currency": "EUR"}
STEPS: Final = ("reserve_funds", "capture_payment", "settle_funds", "send_receipt")
DECIDER: Final = SagaDecider({PAYMENT.name: PAYMENT})
ID: Final = "order-7"
STREAM: Final = "saga/order-7"

DONE: Final = Succeeded(reference="r")
NO: Final = Refused(reason="no")
SILENCE: Final = Unknown(reason="silence")

EVENT = TypeVar("EVENT", bound=SagaEvent)


def begin(**values: Any) -> sagas.Begin:
    return sagas.Begin(**{"at_us": NOW_US, "saga": "payment", "details": DETAILS} | values)


def report(step: str, result: Result, attempt: int = 1, at_us: int = NOW_US) -> sagas.Report:
    return sagas.Report(at_us=at_us, step=step, attempt=attempt, result=result)


def expire(at_us: int = DEADLINE_US) -> sagas.Expire:
    return sagas.Expire(at_us=at_us)


def says(decision: Any, **values: Any) -> sagas.Intervene:
    given = {"at_us": NOW_US, "decision": decision, "by": "ana", "why": "as it is"}
    return sagas.Intervene(**given | values)


def begun(**values: Any) -> sagas.SagaBegun:
    given = {
        "event_type": "OrderPlaced",
        "saga": "payment",
        "details": DETAILS,
        "steps": STEPS,
        "deadline_us": DEADLINE_US,
    }
    return event(sagas.SagaBegun, **given | values)


def done(step: str, attempt: int = 1) -> sagas.SagaStepSucceeded:
    return event(sagas.SagaStepSucceeded, step=step, attempt=attempt, reference="r")


def failed(step: str, *, attempt: int = 1, retry_us: int | None = None) -> sagas.SagaStepFailed:
    """Nobody knows whether it was done."""
    return event(
        sagas.SagaStepFailed,
        step=step,
        attempt=attempt,
        outcome="unknown",
        reason="silence",
        retry_us=retry_us,
    )


def refused(step: str, attempt: int = 1) -> sagas.SagaStepFailed:
    return replace(failed(step, attempt=attempt), outcome="refused", reason="no")


def turned_back(*steps: str, reason: str) -> sagas.SagaTurnedBack:
    return event(sagas.SagaTurnedBack, reason=reason, steps=steps)


def waits(step: str, reason: str) -> sagas.SagaWaitsForPerson:
    return event(sagas.SagaWaitsForPerson, step=step, reason=reason)


def decided(decision: Any, *, anew: bool = False) -> sagas.SagaDecidedByPerson:
    return event(sagas.SagaDecidedByPerson, decision=decision, by="ana", why="as it is", anew=anew)


def ended(outcome: Any) -> sagas.SagaEnded:
    return event(sagas.SagaEnded, outcome=outcome)


def event(kind: type[EVENT], **values: Any) -> EVENT:
    return kind(**{"saga_id": ID, "event_time_us": NOW_US} | values)
