"""Are all `event_id`s of a lake different? 8 bytes of memory an event, exact.

Holds a 64-bit hash of each id in row order; where hashes repeat, the ids themselves are read and
compared. Called by `verify_lake` as it streams the segments, and once at its end.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


class EventIds:
    """All ids seen, by hash; their positions are their row indexes, as rows come in order."""

    def __init__(self) -> None:
        self._hashes: list[NDArray[np.uint64]] = []

    def add(self, hashes: NDArray[np.uint64]) -> None:
        """Hashes of the ids of the next rows."""
        self._hashes.append(hashes)

    def first_repeat(self, read: Callable[[int], str]) -> tuple[int, int, str] | None:
        """Lowest row whose id an earlier row has: (row, earlier row, id). `read`: row to id."""
        for rows in self._suspects():
            seen: dict[str, int] = {}
            for row in rows:
                event_id = read(row)
                if event_id in seen:
                    return row, seen[event_id], event_id
                seen[event_id] = row
        return None

    def _suspects(self) -> list[list[int]]:
        """Rows of equal hash, the groups ordered by where they first repeat."""
        if not self._hashes:
            return []
        hashes = np.concatenate(self._hashes)
        ordered = np.sort(hashes)
        repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        rows = np.flatnonzero(np.isin(hashes, repeated)) if len(repeated) else np.empty(0, np.int64)
        groups: dict[int, list[int]] = {}
        for row in rows.tolist():
            groups.setdefault(int(hashes[row]), []).append(row)
        return sorted(groups.values(), key=lambda group: group[1])
