"""Deltas of commits behind the edition, booked once when they are compacted.

Routing goes by what was known at an event's own commit, so what a commit's events are booked as
never changes. Holds asking the published file's own live views for it. Called by `showing`, for
`tail`, which keeps the answer beside the events.
"""

import hashlib
from dataclasses import dataclass

import duckdb
import polars as pl

from orchestration.home import Home
from orchestration.publish import current_file
from orchestration.publish import edition as editions
from orchestration.publish.edition import Edition
from orchestration.publish.export import text

VIEWS = {"sales": "sales_deltas", "accounts": "account_deltas"}
"""Families whose events are routed, and the live view of their deltas."""


@dataclass(frozen=True)
class LiveBooking:
    """`version` is of the SQL that books: what another one booked is not used."""

    home: Home
    version: str

    def deltas(self, first: int, last: int) -> dict[str, pl.DataFrame] | None:
        """Per family the deltas of commits [first, last], by commit.

        None when the file readers see now cannot tell: it has other SQL, an edition of a later
        commit, or does not open. Then the live views go on booking these commits themselves.
        """
        pointer = current_file.read_pointer(self.home)
        if pointer is None or pointer.home != str(self.home.root):
            return None
        shown = editions.read(self.home.editions, pointer.number)
        if version_of(shown) != self.version or shown.commit_seq >= first:
            return None
        try:
            with duckdb.connect(":memory:") as connection:
                connection.execute(f"attach {text(self.home.current)} as published (read_only)")
                connection.execute("use published")
                connection.execute("set TimeZone = 'UTC'")
                return {
                    family: connection.execute(
                        f"select * from live.{view} where commit_seq between ? and ?"
                        " order by commit_seq",
                        [first, last],
                    ).pl()
                    for family, view in VIEWS.items()
                }
        except duckdb.Error:
            return None


def version_of(edition: Edition) -> str:
    return hashlib.sha256("\n".join(edition.definitions).encode()).hexdigest()


def of(home: Home, edition: Edition) -> LiveBooking | None:
    """How commits behind `edition` are booked; None if its models make no deltas."""
    made = all(any(f'"{view}"' in one for one in edition.definitions) for view in VIEWS.values())
    return LiveBooking(home, version_of(edition)) if made else None
