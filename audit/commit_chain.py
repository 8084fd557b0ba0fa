"""What must hold from one commit to the next: chain, clock, row numbers and offsets.

Holds the state that walks along the log. Does not read files. Called by `verify_lake`.
"""

from __future__ import annotations

import hashlib

from audit.commit_file import CommitFile
from audit.findings import broken


class CommitChain:
    """Follows every commit from 0 on; raises `Broken` at the first that does not fit."""

    def __init__(self) -> None:
        self.seq = -1
        self.sha256: str | None = None
        self.lake_id: str | None = None
        self.ingest_time_us: int | None = None
        self.rows = 0
        self._next_offset: dict[tuple[str, str], int] = {}

    def follow(self, commit: CommitFile, data: bytes) -> None:
        """Check `commit` against all before it, and step onto it."""
        self._require_identity(commit)
        self._require_clock(commit)
        self._require_row_numbers(commit)
        self._require_offsets(commit)
        self.seq = commit.seq
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.lake_id = commit.lake_id
        self.ingest_time_us = commit.ingest_time_us
        self.rows = commit.tree_size

    def _require_identity(self, commit: CommitFile) -> None:
        seq = self.seq + 1
        if commit.previous_sha256 != self.sha256:
            raise broken(
                "commit_must_chain_to_the_one_before",
                commit=seq,
                expected=f"previous_sha256 {self.sha256}",
                found=commit.previous_sha256,
            )
        if self.lake_id is not None and commit.lake_id != self.lake_id:
            raise broken(
                "lake_id_must_not_change", commit=seq, expected=self.lake_id, found=commit.lake_id
            )

    def _require_clock(self, commit: CommitFile) -> None:
        if self.ingest_time_us is not None and commit.ingest_time_us <= self.ingest_time_us:
            raise broken(
                "ingest_time_must_move_forward",
                commit=commit.seq,
                expected=f"ingest_time_us above {self.ingest_time_us}",
                found=commit.ingest_time_us,
            )

    def _require_row_numbers(self, commit: CommitFile) -> None:
        expected = self.rows
        for segment in commit.segments:
            if segment.first_row_index != expected:
                raise broken(
                    "row_index_must_have_no_gap",
                    commit=commit.seq,
                    segment=segment.path,
                    expected=f"first_row_index {expected}",
                    found=segment.first_row_index,
                )
            expected += segment.rows
        if commit.tree_size != expected:
            raise broken(
                "tree_size_must_be_the_number_of_events",
                commit=commit.seq,
                expected=expected,
                found=commit.tree_size,
            )

    def _require_offsets(self, commit: CommitFile) -> None:
        for key, (start, stop) in commit.offsets.items():
            expected = self._next_offset.get(key, 0)
            if start != expected or stop < start:
                raise broken(
                    "source_offsets_must_follow_each_other",
                    commit=commit.seq,
                    expected=f"source {key[0]!r}, partition {key[1]!r}: offsets from {expected}",
                    found=f"[{start}, {stop})",
                )
            self._next_offset[key] = stop
