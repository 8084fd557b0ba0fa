"""Every kind of saga there is, and the types of their events, which are reserved to the journal.

Holds the definitions by name. Decides nothing. Called by the codec of sagas, the contracts and the
gate in front of the lake.
"""

from collections.abc import Mapping
from typing import Final

from ledger import sagas
from ledger.payments import PAYMENT
from ledger.sagas import SagaDefinition, SagaEvent

SAGAS: Final[Mapping[str, SagaDefinition]] = {one.name: one for one in (PAYMENT,)}
"""A new one is named here."""

STEPPING: Final[Mapping[str, type[SagaEvent]]] = {
    kind.__name__: kind
    for kind in (
        sagas.SagaStepSucceeded,
        sagas.SagaStepFailed,
        sagas.SagaTurnedBack,
        sagas.SagaWaitsForPerson,
        sagas.SagaDecidedByPerson,
        sagas.SagaEnded,
    )
}
"""What happens to a saga of any kind, by its type."""

RESERVED: Final = frozenset({*STEPPING, *(one.begun_by for one in SAGAS.values())})
"""Types that the runner of sagas records through the journal: from elsewhere, they would end a saga
that nobody performed, or begin one that nobody ordered."""

JOURNAL_RULE: Final = "saga_event_must_come_through_the_journal"
