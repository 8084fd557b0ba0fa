"""Are the bytes of a lake those its commits name? The quick half of verifying it.

Walks the chain of commits and hashes every file they name; does not look at rows or recompute the
tree of events (`audit.verify_lake` does). Called by the close before it builds: DuckDB was seen to
return wrong values silently for one in four single-bit flips of a segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from audit.commit_chain import CommitChain
from audit.commit_file import read_commit
from audit.findings import RESTORE, Broken, broken
from audit.segment_file import require_file
from audit.strays import LOG
from ledger.errors import InternalFault

HASHERS = 2
"""Threads that hash: hashing and reading let go of the interpreter."""

Named = tuple[str, str, int]
"""Path and SHA-256 of a file, and the commit that names it."""


def require_intact(lake_dir: Path, *, until_commit: int) -> int:
    """Check commits 0 to `until_commit` and their files; returns the bytes read.

    InternalFault names the first broken thing.
    """
    try:
        return _require(lake_dir, until_commit)
    except Broken as found:
        problem = found.problem
        where = f"commit {problem.commit}" + (f", {problem.segment}" if problem.segment else "")
        raise InternalFault(
            problem.rule,
            thing=where,
            expected=problem.expected,
            found=problem.found,
            remedy=problem.what_to_do,
        ) from found


def _require(lake_dir: Path, until_commit: int) -> int:
    """Files are hashed once all commits are read: hashers that wait for the reader's interpreter
    after every piece took a third longer. What is told is the first that is broken."""
    chain = CommitChain()
    named: list[Named] = []
    try:
        for seq in range(until_commit + 1):
            data = _commit_bytes(lake_dir, seq)
            commit = read_commit(data, seq)
            chain.follow(commit, data)
            named += [(one.path, one.sha256, seq) for one in commit.segments]
            if commit.quarantine:
                named.append((commit.quarantine.path, commit.quarantine.sha256, seq))
    except Broken:
        _require_files(lake_dir, named)  # a file of an earlier commit is broken earlier
        raise
    return _require_files(lake_dir, named)


def _require_files(lake_dir: Path, named: Sequence[Named]) -> int:
    def size(one: Named) -> int:
        path, sha256, seq = one
        return require_file(lake_dir, path, sha256, commit=seq)

    with ThreadPoolExecutor(HASHERS) as pool:
        return sum(pool.map(size, named))


def _commit_bytes(lake_dir: Path, seq: int) -> bytes:
    try:
        return (lake_dir / LOG / f"{seq:020d}.json").read_bytes()
    except OSError as error:
        raise broken(
            "file_must_exist_and_be_readable",
            commit=seq,
            expected="a readable commit file",
            found=f"{type(error).__name__}: {error.strerror}",
            what_to_do=RESTORE,
        ) from error
