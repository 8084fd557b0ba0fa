"""The gate inside `Lake.append`: what of a batch is reserved, and whether it may come.

Holds setting aside reserved rows of other sources, and trying our own on the books. Does not read a
lake: books and events are handed in. Called by the lake's writer, in the step of the commit, and by
the re-check of a lake.
"""

import bisect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingestion.control import rows, signatures
from ledger import control_events as ev
from ledger.books import Books, Recorded
from ledger.errors import IncorrectInput
from ledger.routing import Arrival
from ledger.rules import Evidence, check

ReadEvents = Callable[[NDArray[np.int64]], pl.DataFrame]
"""Reads the lake's events at these row indexes, all of which it has."""


def set_foreign_aside(
    events: pl.DataFrame, reject_schema: pl.Schema
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The events without reserved rows of other sources, and those as rejects."""
    if not rows.holds_control(events):
        return events, pl.DataFrame(schema=reject_schema)
    refused = events.filter(rows.IS_FOREIGN)
    if refused.is_empty():
        return events, pl.DataFrame(schema=reject_schema)
    rejects = refused.with_columns(
        reason=rows.FOREIGN_RULE,
        detail=rows.FOREIGN_DETAIL,
        raw=pl.col("payload").cast(pl.Binary),
        existing_sha256=pl.lit(None, dtype=pl.String),
        received_sha256=pl.lit(None, dtype=pl.String),
    )
    return events.filter(~rows.IS_FOREIGN), rejects.select(reject_schema.names())


def reserved_rows(numbered: pl.DataFrame) -> pl.DataFrame:
    """The rows the gate must try, of rows as the lake commits them: family by family, sorted."""
    family = numbered["family"]
    first = bisect.bisect_left(family, rows.FAMILY)  # `search_sorted` starts a query: 1 ms
    if first == len(family) or family[first] != rows.FAMILY:
        return numbered.clear()
    return numbered[first:].filter(rows.IS_RESERVED)


@dataclass(frozen=True, kw_only=True)
class Before:
    """The lake before a commit: how many events, and the newest time of a sale or account event."""

    lake_id: str
    tree_size: int
    newest_event_us: int | None


def require(books: Books, reserved: pl.DataFrame, *, before: Before, read: ReadEvents) -> None:
    """IncorrectInput, named as the broken rule, unless all reserved rows of a commit may come."""
    batch = rows.recorded(reserved)
    evidence = Evidence(
        lake_id=before.lake_id,
        open_statement=signatures.open_statement,
        check_key=signatures.check_key,
        newest_event_us=before.newest_event_us,
        arrivals=_arrivals(batch, before.tree_size, read),
    )
    rejection = check(books, batch, evidence)
    if rejection is not None:
        raise rejection.error()


def holds_ours(conflicts: pl.DataFrame) -> bool:
    """Is a control event of our own among rows whose id the lake has with other content?

    Those cannot be set aside as other rows are; the rules, tried on the whole batch, say why.
    """
    if conflicts.is_empty():
        return False
    reserved = pl.col("event_type").is_in(sorted(ev.RESERVED))
    return conflicts.filter(reserved & (pl.col("source") == ev.SOURCE)).height > 0


def id_is_taken(conflicts: pl.DataFrame) -> IncorrectInput:
    """Another source has used the id that a control event needs."""
    return IncorrectInput(
        "control_event_id_must_be_free",
        thing=f"event_id {conflicts['event_id'][0]!r}",
        expected="an id no event of the lake has",
        found=str(conflicts["detail"][0]),
        remedy="A source took it. Make a new request: its id is in the id of the event.",
    )


def _arrivals(batch: list[Recorded], tree_size: int, read: ReadEvents) -> dict[str, Arrival]:
    """The events that are decided, read by their row: an id is unique, so row and id prove it."""
    wanted = {
        one.event.row_index
        for one in batch
        if isinstance(one.event, ev.LateEventDecided) and 0 <= one.event.row_index < tree_size
    }
    if not wanted:
        return {}
    return rows.arrivals(read(np.array(sorted(wanted), dtype=np.int64)))
