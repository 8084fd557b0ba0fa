"""A read-only connection to the current edition, and which edition it is.

Does not ask questions. Called by the other modules here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from ledger.errors import IncorrectInput
from orchestration.home import Home


@dataclass(frozen=True)
class EditionRead:
    """The edition an answer comes from; it knows nothing after `known_as_of`."""

    number: int
    commit_seq: int
    known_as_of: datetime


@dataclass(frozen=True)
class EditionReader:
    """Asks the current edition."""

    edition: EditionRead
    connection: duckdb.DuckDBPyConnection

    def rows(self, query: str, arguments: Mapping[str, object]) -> list[dict[str, Any]]:
        """Rows of a query as mappings, columns in order."""
        found = self.connection.execute(query, dict(arguments))
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@contextmanager
def open_edition(home: Home) -> Iterator[EditionReader]:
    """The edition readers see now. IncorrectInput if none was published."""
    if not home.current.exists():
        raise IncorrectInput(
            "edition_must_be_published_first",
            thing=f"home {home.root}",
            expected="a published edition",
            found="none",
            remedy="Run `ledgerlake build --publish` first.",
        )
    with duckdb.connect(str(home.current), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")  # it would write into --json
        row = connection.execute(
            "select number, commit_seq, known_as_of, home from edition"
        ).fetchone()
        assert row is not None
        _require_home(home, str(row[3]))
        yield EditionReader(EditionRead(*row[:3]), connection)


def _require_home(home: Home, found: str) -> None:
    if found != str(home.root):
        raise IncorrectInput(
            "edition_must_be_of_this_home",
            thing=f"edition of home {home.root}",
            expected="views over files of this home",
            found=f"views over files of {found}: the home was moved or copied",
            remedy="Run `ledgerlake publish`; it makes the views anew.",
        )
