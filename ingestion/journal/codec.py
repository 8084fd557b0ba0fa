"""What the journal must be told of a kind of stream: its decider, and its forms.

Holds the `Codec` protocol. Knows no kind. Called by the handler and by folding; each kind of
stream has one of its own.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeVar

from ingestion.journal.records import NewEvent, StreamState
from ledger.deciding import Decider
from ledger.errors import InternalFault

S = TypeVar("S")
C = TypeVar("C")
C_contra = TypeVar("C_contra", contravariant=True)
E = TypeVar("E")


ON_DEMAND: Final = 2**62
"""Later than any moment, and fits a database's integer."""


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

    def due_us(self, state: S) -> int | None:
        """When something is to be done with the stream that no command asks for: the journal finds
        it by that. None: never; `ON_DEMAND`: it is open, and waits for a command."""

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


def state_of(codec: Codec[S, C, E], stream_id: str, found: StreamState | None) -> tuple[S, int]:
    """A stream's state and version; the initial one and 0 if there is none.

    InternalFault for a state of another format: it is refused, never misread.
    """
    if found is None:
        return codec.decider.initial(stream_id), 0
    if found.state_format != codec.state_format:
        raise InternalFault(
            "state_must_be_of_this_format",
            thing=f"state of stream {stream_id!r}",
            expected=codec.state_format,
            found=found.state_format,
            remedy="Run `ledgerlake journal rebuild`: states are folded anew from the lake.",
        )
    return codec.state_from_bytes(found.state), found.version
