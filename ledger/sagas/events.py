"""What happens to a saga. Each event tells all that folding needs: no definition is asked.

Holds the events, one type each, so that a changed definition does not change what happened. Holds
no form in files (`ingestion.saga_codec`). Called by the decider, folding and the codec.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class SagaEvent:
    """Of the saga `saga_id`."""

    saga_id: str
    event_time_us: int


@dataclass(frozen=True, kw_only=True)
class SagaBegun(SagaEvent):
    """`event_type` is the one its definition says, as OrderPlaced; `steps` what is to be done."""

    event_type: str
    saga: str
    details: Mapping[str, str]
    steps: tuple[str, ...]
    deadline_us: int


@dataclass(frozen=True, kw_only=True)
class SagaStepSucceeded(SagaEvent):
    """`reference`: what the other side calls it."""

    step: str
    attempt: int
    reference: str


@dataclass(frozen=True, kw_only=True)
class SagaStepFailed(SagaEvent):
    """`outcome`: not done for certain, or nobody knows. `retry_us`: when it is tried again."""

    step: str
    attempt: int
    outcome: Literal["refused", "unknown"]
    reason: str
    retry_us: int | None


@dataclass(frozen=True, kw_only=True)
class SagaTurnedBack(SagaEvent):
    """From now on what was done is undone: `steps`, in this order."""

    reason: str
    steps: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SagaWaitsForPerson(SagaEvent):
    """Nothing more is done until a person has decided."""

    step: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SagaDecidedByPerson(SagaEvent):
    """A person decided; `anew` says that the step is asked under a new key."""

    decision: Literal["retry", "turn_back", "settled"]
    by: str
    why: str
    anew: bool


@dataclass(frozen=True, kw_only=True)
class SagaEnded(SagaEvent):
    """Completed, compensated, or settled by hand."""

    outcome: Literal["completed", "compensated", "settled"]
