"""Which events of a batch are new: the unique `event_id`, decided for a whole batch at once.

Same id and same content = duplicate (counted); same id and other content = quarantined with both
hashes. Does not write. Called by the writer between the offset check and the segments.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
import polars_hash as plh
from numpy.typing import NDArray

from audit import canonical
from ingestion.lake.id_index import Found, IdIndex
from ingestion.lake.layout import REJECT_SCHEMA

ReadEvents = Callable[[NDArray[np.int64]], pl.DataFrame]
"""Reads the events at these row indexes from the lake: the content columns, in the order asked."""

REUSED_ID = "event_id_must_not_be_reused_with_other_content"


@dataclass(frozen=True)
class Fingerprints:
    """First 64 bits of SHA-256 of each event's id and of its content (which includes the id)."""

    keys: NDArray[np.uint64]
    contents: NDArray[np.uint64]

    def take(self, where: NDArray[np.intp]) -> "Fingerprints":
        return Fingerprints(self.keys[where], self.contents[where])


@dataclass(frozen=True)
class Admitted:
    """`events` are new; `conflicts` go to quarantine; `duplicates` are the rest, as a frame."""

    events: pl.DataFrame
    fingerprints: Fingerprints
    conflicts: pl.DataFrame
    duplicates: pl.DataFrame


def fingerprints(events: pl.DataFrame) -> Fingerprints:
    """Hash ids and contents of a frame holding the content columns. About 0.9 us a row."""
    hexes = events.select(plh.col("event_id").chash.sha2_256()).to_series()
    return Fingerprints(
        _first_64_bits(canonical.hex_to_bytes(hexes)),
        _first_64_bits(canonical.content_hashes(events)),
    )


def admit(events: pl.DataFrame, prints: Fingerprints, index: IdIndex, read: ReadEvents) -> Admitted:
    """Split a batch by what the lake and the batch itself hold already, keeping its order."""
    found = index.find(prints.keys, prints.contents)
    duplicate = found.same
    if not duplicate.any() and not len(found.other) and _all_differ(prints):
        return Admitted(events, prints, pl.DataFrame(schema=REJECT_SCHEMA), events.clear())
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
    if _all_differ(prints.take(rest)):
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


def _all_differ(prints: Fingerprints) -> bool:
    return pl.Series(prints.keys).n_unique() == len(prints.keys)


def _content_hexes(events: pl.DataFrame) -> pl.Series:
    digests = canonical.content_hashes(events)
    size = canonical.DIGEST_BYTES
    return pl.Series(
        [digests[at : at + size].hex() for at in range(0, len(digests), size)], dtype=pl.String
    )


def _as_rejects(events: pl.DataFrame, conflicts: pl.DataFrame) -> pl.DataFrame:
    if conflicts.is_empty():
        return pl.DataFrame(schema=REJECT_SCHEMA)
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
