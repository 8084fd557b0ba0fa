"""The transactional inbox and outbox for everything that is pushed: commands, HTTP, sagas.

Holds the journal, the handler that runs commands, and the way from the journal to the lake and
back. Knows no account and no saga: a `Codec` tells it. Called by the command line.
"""

from ingestion.journal.codec import Codec
from ingestion.journal.drain import Drained, drain
from ingestion.journal.handler import Accepted, Answer, Handler, Rejected, Request, Retries
from ingestion.journal.journal import Journal, JournalStatus
from ingestion.journal.records import (
    PARTITION,
    SOURCE,
    Append,
    Appended,
    EventIdTaken,
    JournalEvent,
    NewEvent,
    Received,
    StreamState,
    VersionConflict,
)

__all__ = [
    "PARTITION",
    "SOURCE",
    "Accepted",
    "Answer",
    "Append",
    "Appended",
    "Codec",
    "Drained",
    "EventIdTaken",
    "Handler",
    "Journal",
    "JournalEvent",
    "JournalStatus",
    "NewEvent",
    "Received",
    "Rejected",
    "Request",
    "Retries",
    "StreamState",
    "VersionConflict",
    "drain",
]
