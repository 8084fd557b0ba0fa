"""Which events of a batch are new: the unique `event_id`, decided for a whole batch at once.

Same id and same content = duplicate (counted); same id and other content = quarantined with both
hashes. Does not write. Called by the writer between the offset check and the segments.
"""

import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from audit import canonical
from ingestion.control import gate
from ingestion.control.rows import holds_control
from ingestion.lake import layout
from ingestion.lake.batch import NO_REJECTS, Batch
from ingestion.lake.id_index import IdIndex
from ingestion.lake.id_table import Found
from ingestion.lake.layout import REJECT_SCHEMA

ReadEvents = Callable[[NDArray[np.int64]], pl.DataFrame]
"""Reads the events at these row indexes from the lake: the content columns, in the order asked."""

REUSED_ID = "event_id_must_not_be_reused_with_other_content"


@dataclass(frozen=True)
class Fingerprints:
    """What is hashed of a batch before the lake is asked: in the order received, the first 64 bits
    of SHA-256 of each event's id and of its content (which includes the id).

    `by_family` holds the events in lake order (family by family, then as received); `order` says
    which received position each of its rows has. `all_differ`: no key is there twice.
    """

    keys: NDArray[np.uint64]
    contents: NDArray[np.uint64]
    by_family: pl.DataFrame
    order: NDArray[np.intp]
    all_differ: bool

    def take(self, kept: NDArray[np.intp]) -> "Fingerprints":
        """Those at the positions `kept`, which rise."""
        if len(kept) == len(self.keys):
            return self
        position = np.full(len(self.keys), -1, dtype=np.intp)
        position[kept] = np.arange(len(kept))
        order = position[self.order]
        stays = order >= 0
        events = self.by_family.filter(pl.Series(stays))
        keys = self.keys[kept]
        return Fingerprints(keys, self.contents[kept], events, order[stays], self.all_differ)


@dataclass(frozen=True)
class Prepared:
    """A batch with all that can be computed without the lake, so that a thread of its own may."""

    batch: Batch
    prints: Fingerprints


def prepare(batch: Batch) -> Prepared:
    """Check a batch's columns (IncorrectInput), set control events aside that its source may not
    write, and hash ids and contents."""
    checked = _without_foreign_control(batch.checked())
    return Prepared(checked, fingerprints(checked.events))


def _without_foreign_control(batch: Batch) -> Batch:
    if not holds_control(batch.events):
        return batch
    events, rejects = gate.set_foreign_aside(batch.events, REJECT_SCHEMA)
    if rejects.is_empty():
        return batch
    return Batch(events, pl.concat([batch.quarantine, rejects]), batch.offsets)


@dataclass(frozen=True)
class Admitted:
    """`events` are new; `conflicts` go to quarantine; `duplicates` are the rest, as a frame."""

    events: pl.DataFrame
    fingerprints: Fingerprints
    conflicts: pl.DataFrame
    duplicates: pl.DataFrame


def fingerprints(events: pl.DataFrame) -> Fingerprints:
    """Hash ids and contents of a frame holding the content columns and `family`."""
    order = _family_order(events["family"])
    keys = _first_64_bits(canonical.text_hashes(events["event_id"]))
    return Fingerprints(
        keys=keys,
        contents=_first_64_bits(canonical.content_hashes(events)),
        by_family=events if order is None else _taken(events, order),
        order=np.arange(events.height) if order is None else order,
        all_differ=_all_differ(keys),
    )


def runs(families: pl.Series) -> Iterator[tuple[int, int]]:
    """(start, stop) of every run of a sorted Series."""
    start = 0
    while start < len(families):
        stop = bisect.bisect_right(families, families[start], lo=start)
        yield start, stop
        start = stop


def _family_order(families: pl.Series) -> NDArray[np.intp] | None:
    """Positions family by family, each in the order given; None where they stand so already."""
    if len(families) <= layout.FEW_ROWS:
        names = families.to_list()
        return np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.intp)
    names = families.unique().sort().to_list()
    if len(names) == 1:
        return None
    # Few names: finding the rows of each takes a fifth of sorting texts.
    return np.concatenate([np.flatnonzero((families == name).to_numpy()) for name in names])


def _taken(events: pl.DataFrame, order: NDArray[np.intp]) -> pl.DataFrame:
    """Rows in this order. Of few rows column by column: a frame waits for Polars' threads."""
    if events.height > layout.FEW_ROWS:
        return events[order]
    at = pl.Series(order.astype(np.uint32))  # Polars' own kind of index
    return pl.DataFrame([series[at] for series in events.iter_columns()])


def admit(events: pl.DataFrame, prints: Fingerprints, index: IdIndex, read: ReadEvents) -> Admitted:
    """Split a batch by what the lake and the batch itself hold already, keeping its order."""
    found = index.find(prints.keys, prints.contents)
    duplicate = found.same
    if not duplicate.any() and not len(found.other) and prints.all_differ:
        return Admitted(events, prints, NO_REJECTS, events.clear())
    in_lake = _held_in_lake(events, found, read)
    rest = np.flatnonzero(~duplicate & ~_mask(in_lake, events.height))
    again, other = _repeated_in_batch(events, prints, rest)
    duplicate[again] = True
    conflicts = pl.concat([in_lake, other])
    kept = np.flatnonzero(~duplicate & ~_mask(conflicts, events.height))
    return Admitted(
        events=events if len(kept) == events.height else events[kept],
        fingerprints=prints.take(kept),
        conflicts=_as_rejects(events, conflicts),
        duplicates=events[np.flatnonzero(duplicate)],
    )


def _first_64_bits(digests: bytes) -> NDArray[np.uint64]:
    return np.frombuffer(digests, dtype=">u8").reshape(-1, 4)[:, 0].astype(np.uint64)


_CONFLICT_SCHEMA = pl.Schema({"position": pl.Int64, "existing_sha256": pl.String})


def _mask(conflicts: pl.DataFrame, height: int) -> NDArray[np.bool_]:
    mask = np.zeros(height, dtype=np.bool_)
    mask[conflicts["position"].to_numpy()] = True
    return mask


def _held_in_lake(events: pl.DataFrame, found: Found, read: ReadEvents) -> pl.DataFrame:
    """Positions whose id the lake holds with another content, and that content's hash.

    The index knows only a hash of the id, so the holder's id is read and compared: two ids of
    one hash are two events.
    """
    if not len(found.other):
        return pl.DataFrame(schema=_CONFLICT_SCHEMA)
    holders = read(found.row)
    candidates = pl.DataFrame(
        {
            "position": found.other,
            "event_id": events["event_id"].gather(found.other),
            "holder_id": holders["event_id"],
            "existing_sha256": _content_hexes(holders),
        }
    )
    held = candidates.filter((pl.col("event_id") == pl.col("holder_id")) & ~_same(found))
    return held.select(_CONFLICT_SCHEMA.names()).unique("position", maintain_order=True)


def _same(found: Found) -> pl.Series:
    return pl.Series(found.same[found.other])


def _repeated_in_batch(
    events: pl.DataFrame, prints: Fingerprints, rest: NDArray[np.intp]
) -> tuple[NDArray[np.int64], pl.DataFrame]:
    """Of the positions `rest`: those that repeat an earlier one, and those that contradict it."""
    if prints.all_differ or _all_differ(prints.keys[rest]):
        return np.empty(0, dtype=np.int64), pl.DataFrame(schema=_CONFLICT_SCHEMA)
    rows = pl.DataFrame(
        {
            "position": rest,
            "event_id": events["event_id"].gather(rest),
            "content": prints.contents[rest],
        }
    ).with_columns(
        first=pl.col("position").first().over("event_id"),
        first_content=pl.col("content").first().over("event_id"),
    )
    later = rows.filter(pl.col("position") != pl.col("first"))
    again = later.filter(pl.col("content") == pl.col("first_content"))["position"].to_numpy()
    other = later.filter(pl.col("content") != pl.col("first_content"))
    holders = _content_hexes(events[other["first"].to_numpy()])
    return again, other.select("position", existing_sha256=holders)


def _all_differ(keys: NDArray[np.uint64]) -> bool:
    if len(keys) <= layout.FEW_ROWS:  # starting a query costs 0.2 ms
        return len(set(keys.tolist())) == len(keys)
    return pl.Series(keys).n_unique() == len(keys)


def _content_hexes(events: pl.DataFrame) -> pl.Series:
    digests = canonical.content_hashes(events)
    size = canonical.DIGEST_BYTES
    return pl.Series(
        [digests[at : at + size].hex() for at in range(0, len(digests), size)], dtype=pl.String
    )


def _as_rejects(events: pl.DataFrame, conflicts: pl.DataFrame) -> pl.DataFrame:
    if conflicts.is_empty():
        return NO_REJECTS
    given = events[conflicts["position"].to_numpy()]
    rejects = given.with_columns(
        existing_sha256=conflicts["existing_sha256"],
        received_sha256=_content_hexes(given),
        reason=pl.lit(REUSED_ID),
        raw=pl.col("payload").cast(pl.Binary),
    ).with_columns(
        detail=pl.format("expected content {}, found {}", "existing_sha256", "received_sha256")
    )
    return rejects.select(REJECT_SCHEMA.names())
