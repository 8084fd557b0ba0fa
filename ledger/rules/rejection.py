"""What the rules look at: an event at its place, the books before it, and evidence.

Holds `Evidence` and `Case`. Holds neither a rule nor `Rejection` (`ledger.deciding`). Called by
every module of `ledger.rules`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ledger.books import Books, Recorded
from ledger.deciding import Rejection
from ledger.people import Statement
from ledger.routing import Arrival


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """`open_statement` verifies a signed note with the people's keys (person -> key text);
    `check_key` says what is wrong with a key text; `newest_event_us` is the latest event time of
    sales and accounts in earlier commits, None before the first; `arrivals` are the lake's events
    by event id."""

    lake_id: str
    open_statement: Callable[[str, Mapping[str, str]], Statement | Rejection]
    check_key: Callable[[str, str], Rejection | None]
    newest_event_us: int | None
    arrivals: Mapping[str, Arrival] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Case:
    """An event at its place, the books before it, and the evidence: what a rule looks at."""

    books: Books
    at: Recorded
    evidence: Evidence


Rejections: TypeAlias = Iterator[Rejection]
"""What a rule gives: nothing when it is obeyed; nobody asks for a second rejection."""
