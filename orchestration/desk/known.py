"""What the lake knows at its head: the books and where they stand.

Holds `Known` and reading it. Called by every service of the desk.
"""

from dataclasses import dataclass

from ingestion.control.books import load_books
from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from ledger.books import Books
from ledger.errors import IncorrectInput
from orchestration.home import Home
from orchestration.status import head_of


@dataclass(frozen=True, kw_only=True)
class Known:
    """The books as of commit `commit_seq`, the head when it was looked at."""

    lake_id: str
    commit_seq: int
    ingest_time_us: int
    books: Books


def read_known(home: Home) -> Known:
    """Books and head of the home's lake. IncorrectInput if there is no lake."""
    log = CommitLog(LocalStore(home.lake))
    if not log.exists(0):
        raise IncorrectInput(
            "lake_must_exist",
            thing=f"home {home.root}, tenant {home.tenant}",
            expected="a lake",
            found="none",
            remedy="Run `ledgerlake init` first, or set LEDGERLAKE_HOME to the home that has one.",
        )
    head = head_of(log)
    return Known(
        lake_id=head.lake_id,
        commit_seq=head.seq,
        ingest_time_us=head.ingest_time_us,
        books=load_books(home.lake, until_commit=head.seq),
    )
