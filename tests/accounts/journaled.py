"""Events of accounts as a journal holds them.

Holds no test. Called by the tests that bring them into a lake; apart from `acts`, so that tests of
the rules alone load no journal.
"""

from collections.abc import Sequence

from ingestion.account_codec import ACCOUNT_CODEC
from ingestion.journal import JournalEvent
from ledger.accounts import AccountEvent


def journaled(events: Sequence[AccountEvent], first: int = 0) -> list[JournalEvent]:
    """From position `first` on; the one at position n has the id `en`."""
    return [
        JournalEvent(
            position=number,
            stream_id=event.account_id,
            stream_version=number + 1,
            event=ACCOUNT_CODEC.to_new_event(event, event_id=f"e{number}"),
        )
        for number, event in enumerate(events, first)
    ]
