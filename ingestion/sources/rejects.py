"""Which records of a block cannot be taken apart, and why.

Holds `Verdicts`: the first rule each record breaks wins. Called by the text sources.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingestion.sources.chunk import REJECTED
from ingestion.sources.limits import Limits
from ingestion.sources.records import Records


class Verdicts:
    """Collects rejects among `records`, whose first row has offset `first`."""

    def __init__(self, records: Records, first: int) -> None:
        self._records = records
        self._first = first
        self.good = np.ones(len(records), dtype=np.bool_)
        self._rejected: list[dict[str, object]] = []

    def reject(
        self, rule: str, broken: NDArray[np.bool_], expected: str, found: Callable[[int], str]
    ) -> None:
        """Reject the records where `broken`, unless an earlier rule did. `found` gets the row."""
        for row in np.flatnonzero(broken & self.good).tolist():
            self._rejected.append(
                {
                    "offset": self._first + row,
                    "reason": rule,
                    "detail": f"expected {expected}, found {found(row)}",
                    "raw": self._records.one(row),
                }
            )
        self.good &= ~broken

    def reject_long_rows(self, limits: Limits) -> None:
        lengths = self._records.stops - self._records.starts
        self.reject(
            "row_must_not_be_longer_than_the_limit",
            lengths > limits.line_bytes,
            f"at most {limits.line_bytes:,} bytes (setting ingest.largest_line_mb)",
            lambda row: f"{int(lengths[row]):,} bytes",
        )

    def reject_invalid_utf8(self) -> None:
        valid = self._records.valid_utf8()
        self.reject(
            "text_must_be_utf_8", ~valid, "UTF-8", lambda row: _bad_byte(self._records.one(row))
        )

    def good_offsets(self) -> pl.Series:
        return pl.Series("offset", np.flatnonzero(self.good) + self._first, dtype=pl.Int64)

    def good_raw(self) -> pl.Series:
        raw = self._records.binary()
        return raw if self.good.all() else raw.filter(pl.Series(self.good))

    def rejected(self) -> pl.DataFrame:
        return pl.DataFrame(self._rejected, schema=REJECTED).sort("offset")


def _bad_byte(record: bytes) -> str:
    try:
        record.decode()
    except UnicodeDecodeError as error:
        return f"byte 0x{record[error.start]:02x} at position {error.start}"
    return "valid text"
