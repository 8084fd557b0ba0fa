"""What the lake has learned behind a commit, told from its commit log alone.

Does not read segments or the warehouse. Called by builds and the plan of a close.
"""

from collections.abc import Collection

from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from orchestration.home import Home


def newest_of_only(
    home: Home, event_types: Collection[str], *, after: int, until: int | None = None
) -> int | None:
    """The newest commit behind `after`, if those up to it brought events of these types alone.

    Rows that were no events, or were known before, count too. None if any is of another type;
    `after` itself if there is none behind it.
    """
    newest = after
    for logged in CommitLog(LocalStore(home.lake)).after(after):
        if until is not None and logged.commit.seq > until:
            break
        if any(one.event_type not in event_types for one in logged.commit.outcomes):
            return None
        newest = logged.commit.seq
    return newest
