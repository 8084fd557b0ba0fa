"""Heads of a lake kept elsewhere: with one, a log that lost its end or was written anew is found.

Holds the signed head (a checkpoint that names its commit) and the check of a lake's log against a
folder of them. Reads only. Called by `anchor`, `verify --anchors` and `audit.verify_lake`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from audit.checkpoint import Checkpoint, open_checkpoint, origin_of, sign_checkpoint
from audit.commit_file import read_commit
from audit.findings import ALTERED, RESTORE, Broken, Problem, broken
from audit.signed_note import Signer, Verifier
from audit.strays import LOG
from ledger.errors import IncorrectInput

_COMMIT_LINE: Final = re.compile(r"commit (0|[1-9][0-9]{0,18}) sha256 ([0-9a-f]{64})")
_TIME_LINE: Final = re.compile(r"ingest time (0|[1-9][0-9]{0,18}) us")
SUFFIX: Final = ".head.note"


@dataclass(frozen=True, kw_only=True)
class LakeHead:
    """A commit of a lake and the tree up to it. Hashes in hex."""

    lake_id: str
    seq: int
    sha256: str
    ingest_time_us: int
    tree_size: int
    tree_root: str

    @property
    def file_name(self) -> str:
        """Newest last when sorted."""
        return f"{self.lake_id}-{self.seq:020d}{SUFFIX}"


def head_at(lake_dir: Path, seq: int) -> LakeHead:
    """Commit `seq` of a lake as a head. FileNotFoundError or `Broken` if it is not there or bad."""
    data = (lake_dir / LOG / f"{seq:020d}.json").read_bytes()
    commit = read_commit(data, seq)
    return LakeHead(
        lake_id=commit.lake_id,
        seq=seq,
        sha256=hashlib.sha256(data).hexdigest(),
        ingest_time_us=commit.ingest_time_us,
        tree_size=commit.tree_size,
        tree_root=commit.tree_root,
    )


def sign_head(head: LakeHead, signer: Signer) -> str:
    """The head as a signed checkpoint."""
    return sign_checkpoint(_checkpoint(head), signer)


def open_head(note: str | bytes, verifiers: Iterable[Verifier]) -> LakeHead:
    """The head of a note that one of `verifiers` signed. IncorrectInput if it is none."""
    signed = open_checkpoint(note, verifiers)
    lines = signed.extension if len(signed.extension) == 2 else ("", "")
    commit, time = _COMMIT_LINE.fullmatch(lines[0]), _TIME_LINE.fullmatch(lines[1])
    if commit is None or time is None:
        raise IncorrectInput(
            "head_must_name_its_commit",
            thing=f"signed head of {signed.origin}",
            expected="the lines `commit SEQ sha256 HEX` and `ingest time US us`",
            found=str(signed.extension),
            remedy="Give a note that `ledgerlake anchor` wrote.",
        )
    return LakeHead(
        lake_id=signed.origin.rpartition("/")[2],
        seq=int(commit[1]),
        sha256=commit[2],
        ingest_time_us=int(time[1]),
        tree_size=signed.size,
        tree_root=signed.root.hex(),
    )


def first_anchor_problem(
    lake_dir: Path, anchors_dir: Path, verifiers: Iterable[Verifier]
) -> Problem | None:
    """The oldest kept head that the lake's log does not hold; None if it holds all.

    Heads of other lakes are left alone. No head of this lake at all is a problem too: whoever cut
    the log may have emptied the folder.
    """
    known = list(verifiers)
    try:
        lake_id = head_at(lake_dir, 0).lake_id
        paths = sorted(anchors_dir.glob(f"{lake_id}-*{SUFFIX}"))
        if not paths:
            raise broken(
                "anchors_must_hold_a_head_of_this_lake",
                commit=None,
                expected=f"files {lake_id}-*{SUFFIX} in {anchors_dir}",
                found="none",
                what_to_do="Give the folder that `ledgerlake anchor --to` wrote to.",
            )
        for path in paths:
            _require_held(lake_dir, path, known)
    except FileNotFoundError:
        return broken(
            "commit_numbers_must_be_contiguous", commit=0, expected="commit 0", found="no such file"
        ).problem
    except Broken as found:
        return found.problem
    return None


def _require_held(lake_dir: Path, path: Path, verifiers: list[Verifier]) -> None:
    try:
        kept = open_head(path.read_bytes(), verifiers)
    except IncorrectInput as error:
        raise broken(
            "anchor_must_be_signed_by_the_lake",
            commit=None,
            segment=path.name,
            expected=error.expected,
            found=error.found,
            what_to_do=error.remedy,
        ) from None
    try:
        found = head_at(lake_dir, kept.seq)
    except FileNotFoundError:
        raise broken(
            "log_must_hold_every_anchored_head",
            commit=kept.seq,
            expected=f"commit {kept.seq} of SHA-256 {kept.sha256}, as {path.name} says",
            found="a log that ends before it: its tail was cut",
            what_to_do=RESTORE,
        ) from None
    if found != kept:
        raise broken(
            "log_must_hold_every_anchored_head",
            commit=kept.seq,
            expected=f"{kept}, as {path.name} says",
            found=str(found),
            what_to_do=ALTERED,
        )


def _checkpoint(head: LakeHead) -> Checkpoint:
    return Checkpoint(
        origin=origin_of(head.lake_id),
        size=head.tree_size,
        root=bytes.fromhex(head.tree_root),
        extension=(
            f"commit {head.seq} sha256 {head.sha256}",
            f"ingest time {head.ingest_time_us} us",
        ),
    )
