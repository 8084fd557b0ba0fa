"""Verify a lake from its folder alone: `python -m audit.verify_lake LAKE_DIR [--json]`.

Recomputes chain, file hashes, every leaf, the tree root, row numbers, counts, offsets and the
uniqueness of ids, and names the first broken thing. Reads only; imports nothing that writes.
Exit 0: all holds, 1: something is broken, 2: wrong use. Also called by `ledgerlake verify`.
"""

from __future__ import annotations

import argparse
import re
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from audit.anchor import first_anchor_problem
from audit.canonical import leaf_hashes
from audit.commit_chain import CommitChain
from audit.commit_file import CommitFile, SegmentEntry, read_commit
from audit.event_ids import EventIds
from audit.findings import RESTORE, Broken, Problem, broken
from audit.lake_report import Head, KnownHead, Progress, Report
from audit.merkle import CompactRange
from audit.segment_file import (
    Accepted,
    SegmentCheck,
    check_quarantine,
    id_hashes,
    read_event_id,
    require_file,
)
from audit.strays import COMMIT_NAME, LOG, find_strays
from audit.trusted_keys import read_keys
from ledger.errors import IncorrectInput


def verify_lake(
    lake_dir: Path,
    *,
    known_head: KnownHead | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Report:
    """Verify all commits there are when it starts. Memory: a chunk of rows + 8 bytes an event.

    Raises NotADirectoryError when `lake_dir` holds no commit log at all.
    """
    return _Verification(lake_dir, known_head, progress or (lambda _: None)).run()


class _Verification:
    def __init__(
        self, lake_dir: Path, known_head: KnownHead | None, progress: Callable[[Progress], None]
    ) -> None:
        if not (lake_dir / LOG).is_dir():
            raise NotADirectoryError(f"{lake_dir}: no folder {LOG} in it; name a lake's folder")
        self._dir = lake_dir
        self._known_head = known_head
        self._progress = progress
        self._seqs = sorted(
            int(p.stem) for p in (lake_dir / LOG).iterdir() if COMMIT_NAME.fullmatch(p.name)
        )
        self._chain = CommitChain()
        self._tree = CompactRange()
        self._ids = EventIds()
        self._segments: list[SegmentEntry] = []
        self._named: set[str] = set()
        self._tenant_id: str | None = None
        self._head: Head | None = None
        self._commits = self._quarantined = self._bytes = 0

    def run(self) -> Report:
        problem: Problem | None = None
        try:
            self._verify_commits()
            self._require_known_head()
        except Broken as found:
            problem = found.problem
        problem = self._repeated_id() or problem
        strays = find_strays(self._dir, self._named, self._head.seq if self._head else -1)
        if problem is None and strays.beyond_the_log:
            problem = self._cut_log(strays.beyond_the_log)
        return Report(
            ok=problem is None,
            commits=self._commits,
            events=self._head.tree_size if self._head else 0,
            quarantined=self._quarantined,
            bytes_read=self._bytes,
            head=self._head,
            first_problem=problem,
            orphans=strays.orphans,
            unfinished=strays.unfinished,
            warnings=strays.warnings,
        )

    def _verify_commits(self) -> None:
        last = self._seqs[-1] if self._seqs else 0
        there = set(self._seqs)
        for seq in range(last + 1):
            if seq not in there:
                raise broken(
                    "commits_must_be_contiguous",
                    commit=seq,
                    expected=f"file {_commit_path(seq)}",
                    found=f"no such file, but commits up to {last}" if there else "no commits",
                    what_to_do=RESTORE,
                )
            self._verify_commit(seq)

    def _verify_commit(self, seq: int) -> None:
        data = self._read_commit_file(seq)
        commit = read_commit(data, seq)
        self._chain.follow(commit, data)
        self._require_noted(seq)
        self._bytes += len(data)
        accepted: Counter[tuple[str, str]] = Counter()
        for segment in commit.segments:
            accepted += self._verify_segment(commit, segment)
        self._require_root(commit)
        self._verify_quarantine(commit)
        _require_outcomes(commit, accepted)
        self._commits += 1
        self._head = Head(
            seq=seq,
            sha256=self._chain.sha256 or "",
            ingest_time_us=commit.ingest_time_us,
            tree_size=commit.tree_size,
            tree_root=commit.tree_root,
        )
        self._tell()

    def _read_commit_file(self, seq: int) -> bytes:
        try:
            return (self._dir / _commit_path(seq)).read_bytes()
        except OSError as error:
            raise broken(
                "file_must_exist_and_be_readable",
                commit=seq,
                expected="a readable file",
                found=f"{type(error).__name__}: {error.strerror}",
                what_to_do=RESTORE,
            ) from error

    def _verify_segment(
        self, commit: CommitFile, segment: SegmentEntry
    ) -> Counter[tuple[str, str]]:
        self._require_file(commit, segment.path, segment.sha256, commit.sizes[segment.path])
        self._segments.append(segment)
        check = SegmentCheck(commit, segment, self._tenant_id)
        for chunk in check.chunks(self._dir):
            self._tree.extend(leaf_hashes(chunk))
            self._ids.add(id_hashes(chunk))
            self._tell()
        self._tenant_id = check.tenant_id
        return check.accepted

    def _require_file(self, commit: CommitFile, path: str, sha256: str, size: int | None) -> None:
        self._named.add(path)
        found = require_file(self._dir, path, sha256, commit=commit.seq)
        self._bytes += found
        if size is not None and found != size:
            raise broken(
                "delta_actions_must_agree_with_the_lake_fields",
                commit=commit.seq,
                segment=path,
                expected=f"size {found}",
                found=size,
            )

    def _require_root(self, commit: CommitFile) -> None:
        root = self._tree.root().hex()
        if (self._tree.size, root) != (commit.tree_size, commit.tree_root):
            raise broken(
                "tree_root_must_be_that_of_all_events",
                commit=commit.seq,
                expected=f"root {root} over {self._tree.size} events",
                found=f"{commit.tree_root} over {commit.tree_size}",
            )

    def _verify_quarantine(self, commit: CommitFile) -> None:
        found: Counter[tuple[str, str | None, str | None]] = Counter()
        if commit.quarantine:
            self._require_file(commit, commit.quarantine.path, commit.quarantine.sha256, None)
            found.update(check_quarantine(self._dir, commit, commit.quarantine))
            self._quarantined += commit.quarantine.rows
        _require_equal_counts(commit, "quarantined", found)

    def _require_noted(self, seq: int) -> None:
        known = self._known_head
        if known and known.seq == seq and known.sha256 != self._chain.sha256:
            raise broken(
                "known_head_must_be_in_the_log",
                commit=seq,
                expected=f"SHA-256 {known.sha256}, as noted",
                found=self._chain.sha256,
            )

    def _require_known_head(self) -> None:
        if self._known_head and self._known_head.seq > self._chain.seq:
            raise broken(
                "known_head_must_be_in_the_log",
                commit=self._known_head.seq,
                expected=f"commit {self._known_head.seq}, as noted",
                found=f"a log that ends at commit {self._chain.seq}",
                what_to_do=RESTORE,
            )

    def _repeated_id(self) -> Problem | None:
        """Rows verified so far lie before any other problem, so a repeat among them is first."""
        repeat = self._ids.first_repeat(self._event_id_of)
        if repeat is None:
            return None
        row, earlier, event_id = repeat
        segment = self._segment_of(row)
        return broken(
            "event_id_must_be_unique",
            commit=int(Path(segment.path).name.split("-")[0]),
            segment=segment.path,
            row=row,
            expected="an event_id no earlier row has",
            found=f"{event_id!r}, the event_id of row {earlier}",
        ).problem

    def _segment_of(self, row: int) -> SegmentEntry:
        after = bisect_right(self._segments, row, key=lambda segment: segment.first_row_index)
        return self._segments[after - 1]

    def _event_id_of(self, row: int) -> str:
        segment = self._segment_of(row)
        return read_event_id(self._dir, segment.path, row - segment.first_row_index)

    def _cut_log(self, path: str) -> Problem:
        seq = self._chain.seq
        return broken(
            "log_must_not_end_before_its_segments",
            commit=seq + 1,
            segment=path,
            expected=f"no file beyond commit {seq + 1}, as {seq} is the log's last",
            found="a file of a later commit, so commits were lost",
            what_to_do="Restore the commit files behind this one from a copy, then verify again.",
        ).problem

    def _tell(self) -> None:
        self._progress(
            Progress(
                commits=self._commits,
                commits_total=len(self._seqs),
                events=self._tree.size,
                bytes_read=self._bytes,
            )
        )


def _require_outcomes(commit: CommitFile, accepted: Accepted) -> None:
    """The accepted rows of the segments are those the commit counts, by source and type."""
    found = {(source, kind, None): rows for (source, kind), rows in accepted.items()}
    _require_equal_counts(commit, "accepted", Counter(found))


def _require_equal_counts(
    commit: CommitFile, outcome: str, found: Counter[tuple[str, str | None, str | None]]
) -> None:
    said = {key[1:]: rows for key, rows in commit.outcomes.items() if key[0] == outcome}
    if said != dict(found):
        raise broken(
            "outcomes_must_be_those_of_the_rows",
            commit=commit.seq,
            expected=f"{outcome} (source, event_type, reason): {dict(found)}",
            found=said,
        )


def _commit_path(seq: int) -> str:
    return f"{LOG}/{seq:020d}.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m audit.verify_lake",
        description="Verify a lake from its folder alone; names the first broken thing.",
        epilog="Exit code 0: all holds, 1: something is broken, 2: wrong use.",
    )
    parser.add_argument("lake_dir", type=Path, help="folder that holds _delta_log/")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.add_argument(
        "--head",
        type=_known_head,
        metavar="SEQ:SHA256",
        help="a head noted earlier that the log must still hold",
    )
    parser.add_argument(
        "--anchors", type=Path, metavar="DIR", help="folder of heads kept elsewhere"
    )
    parser.add_argument(
        "--key", action="append", metavar="VKEY_OR_FILE", help="public key of those heads"
    )
    options = parser.parse_args(arguments)
    if options.anchors is not None and not (options.key and options.anchors.is_dir()):
        parser.error("--anchors wants a folder, and the lake's public key as --key")
    try:
        keys = read_keys(options.key or ())
        report = verify_lake(options.lake_dir, known_head=options.head)
    except (NotADirectoryError, IncorrectInput) as error:
        parser.error(str(error))
    if report.ok and options.anchors is not None:
        problem = first_anchor_problem(options.lake_dir, options.anchors, keys)
        report = replace(report, ok=problem is None, first_problem=problem)
    sys.stdout.write((report.to_json() if options.json else report.to_text()) + "\n")
    return 0 if report.ok else 1


def _known_head(text: str) -> KnownHead:
    if not re.fullmatch(r"[0-9]+:[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not SEQ:SHA256")
    seq, sha256 = text.split(":")
    return KnownHead(seq=int(seq), sha256=sha256)


if __name__ == "__main__":
    sys.exit(main())
