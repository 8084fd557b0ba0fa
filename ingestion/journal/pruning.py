"""Letting go of events the lake has: the outbox keeps what is new, not its history.

Holds `prune`. Takes no state and no answer away: a command that comes again is answered, so the ids
of its events stay taken. Called after draining.
"""

from typing import Final

from ingestion.journal import statements, tables
from ingestion.journal.journal import Journal
from ingestion.journal.records import PARTITION, SOURCE
from ingestion.lake import Lake

PRUNED_AT_ONCE: Final = 5_000
"""Events taken away under one lock of the journal: 0.1 s, in which commands wait."""


def prune(journal: Journal, lake: Lake, *, before_us: int, at_once: int = PRUNED_AT_ONCE) -> int:
    """Take away the oldest events that the lake has and that were recorded before; how many.

    Positions stay without a gap from `pruned_to` on. Killed anywhere, an event is there or the
    mark is behind it: both move in one transaction.
    """
    in_lake = min(lake.next_offset(SOURCE, PARTITION), journal.drained_to())
    pruned = 0
    while stop := _next_stop(journal, before_us, in_lake, at_once):
        with journal.writing() as connection:
            tables.lock_next_position(connection)
            pruned += statements.remove_events(connection, before=stop)
            if statements.mark(connection, tables.PRUNED_TO) < stop:
                statements.set_mark(connection, tables.PRUNED_TO, stop)
            journal.step("pruned")
    return pruned


def _next_stop(journal: Journal, before_us: int, in_lake: int, at_once: int) -> int | None:
    """The position before which all may go; None if nothing may. Clocks of several writers differ,
    so the first event that is too new ends it."""
    stop = None
    with journal.reading() as connection:
        for position, recorded_us in statements.oldest_events(connection, at_once):
            if position >= in_lake or recorded_us >= before_us:
                break
            stop = position + 1
    return stop
