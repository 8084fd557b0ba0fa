"""Sagas: work of several steps in different hands, ended whole or undone.

Holds what a saga is made of, and the decider for all of them: what follows from an answer, from a
passed deadline, from what a person says. Holds no step of any one saga (`ledger.payments`), no call
and no clock. Called by the codec of sagas, the runner and the command line.
"""

from ledger.sagas.commands import (
    Begin,
    Expire,
    Intervene,
    Refused,
    Report,
    Result,
    SagaCommand,
    Succeeded,
    Unknown,
)
from ledger.sagas.decide import SagaDecider
from ledger.sagas.definition import Retry, SagaDefinition, Step, key_of
from ledger.sagas.events import (
    SagaBegun,
    SagaDecidedByPerson,
    SagaEnded,
    SagaEvent,
    SagaStepFailed,
    SagaStepSucceeded,
    SagaTurnedBack,
    SagaWaitsForPerson,
)
from ledger.sagas.state import Action, Saga

__all__ = [
    "Action",
    "Begin",
    "Expire",
    "Intervene",
    "Refused",
    "Report",
    "Result",
    "Retry",
    "Saga",
    "SagaBegun",
    "SagaCommand",
    "SagaDecidedByPerson",
    "SagaDecider",
    "SagaDefinition",
    "SagaEnded",
    "SagaEvent",
    "SagaStepFailed",
    "SagaStepSucceeded",
    "SagaTurnedBack",
    "SagaWaitsForPerson",
    "Step",
    "Succeeded",
    "Unknown",
    "key_of",
]
