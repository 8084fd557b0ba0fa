"""The transactional inbox and outbox for everything that is pushed: commands, HTTP, sagas.

Holds the journal, the handler that runs commands, and the way from the journal to the lake and
back. Knows no account and no saga: a `Codec` tells it. Called by the command line.
"""

from ingestion.journal.catch_up import CaughtUp, catch_up
from ingestion.journal.codec import Codec
from ingestion.journal.drain import Drained, drain
from ingestion.journal.handler import Accepted, Answer, Handler, Rejected, Request, Retries
from ingestion.journal.journal import Journal, JournalStatus
from ingestion.journal.pruning import prune
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
from ingestion.journal.states import Checked, Difference, Rebuilt, check, rebuild

__all__ = [
    "PARTITION",
    "SOURCE",
    "Accepted",
    "Answer",
    "Append",
    "Appended",
    "CaughtUp",
    "Checked",
    "Codec",
    "Difference",
    "Drained",
    "EventIdTaken",
    "Handler",
    "Journal",
    "JournalEvent",
    "JournalStatus",
    "NewEvent",
    "Rebuilt",
    "Received",
    "Rejected",
    "Request",
    "Retries",
    "StreamState",
    "VersionConflict",
    "catch_up",
    "check",
    "drain",
    "prune",
    "rebuild",
]
