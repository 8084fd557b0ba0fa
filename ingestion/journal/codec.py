"""What the journal must be told of a kind of stream: its decider, and its forms.

Holds the `Codec` protocol. Knows no kind. Called by the handler and by folding; each kind of
stream has one of its own.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from ingestion.journal.records import NewEvent
from ledger.deciding import Decider

S = TypeVar("S")
C_contra = TypeVar("C_contra", contravariant=True)
E = TypeVar("E")


class Codec(Protocol[S, C_contra, E]):
    """One kind of stream, between its decider, the journal and the lake."""

    @property
    def decider(self) -> Decider[S, C_contra, E]:
        """The rules."""

    @property
    def family(self) -> str:
        """The family of the lake its events lie in."""

    @property
    def event_types(self) -> frozenset[str]:
        """The types of its events: those of the lake that change its states."""

    @property
    def state_format(self) -> str:
        """`<kind>/<number>`; the number rises with every change of form or of `evolve`."""

    def to_new_event(self, event: E, *, event_id: str) -> NewEvent:
        """The event for the journal, in its newest version."""

    def from_row(self, row: Mapping[str, Any]) -> E:
        """The event of a row: the lake's canonical columns by name, in any version."""

    def state_to_bytes(self, state: S) -> bytes:
        """One state has one form."""

    def state_from_bytes(self, data: bytes) -> S:
        """The state back."""


def kind_of(state_format: str) -> str:
    """The kind of stream a format belongs to."""
    return state_format.split("/", maxsplit=1)[0]
