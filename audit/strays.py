"""Files of a lake folder that no verified commit names: left by crashes, foreign, or telling.

Reads names only. Called by `verify_lake` once the log was walked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from audit.commit_file import QUARANTINE_PATH, SEGMENT_PATH

LOG: Final = "_delta_log"
COMMIT_NAME: Final = re.compile(r"[0-9]{20}\.json")
# `_probe` is where a writer tries whether the store refuses a second create.
PROBE: Final = "_probe"
UNFINISHED_PREFIX: Final = ".tmp-"


@dataclass(frozen=True, kw_only=True)
class Strays:
    """`orphans` and `unfinished` are what crashes leave; `warnings` name foreign files.

    `beyond_the_log` is a file that only a writer who knew a later commit can have made.
    """

    orphans: int
    unfinished: int
    warnings: tuple[str, ...]
    beyond_the_log: str | None


def find_strays(lake_dir: Path, named: set[str], last_seq: int) -> Strays:
    """Files beside those `named` by commits 0 to `last_seq`, which were verified.

    Files of commits that are in the log but were not verified (newer, or behind a problem) are
    nobody's business here.
    """
    orphans, unfinished = 0, 0
    warnings: list[str] = []
    beyond: str | None = None
    for path in sorted(_files(lake_dir)):
        seq = _seq_of(path)
        if Path(path).name.startswith(UNFINISHED_PREFIX):
            unfinished += 1
        elif seq is None:
            warnings.append(f"unknown file {path}: no part of the lake, not verified")
        elif path not in named and not (seq > last_seq and _has_commit(lake_dir, seq)):
            orphans += 1
            # A writer makes files for the commit behind the newest it knows, no further.
            if beyond is None and seq > 0 and not _has_commit(lake_dir, seq - 1):
                beyond = path
    return Strays(
        orphans=orphans, unfinished=unfinished, warnings=tuple(warnings), beyond_the_log=beyond
    )


def _files(lake_dir: Path) -> Iterator[str]:
    """Relative paths of all files but commits and probes."""
    for top in lake_dir.iterdir():
        if top.name == PROBE:
            continue
        if not top.is_dir():
            yield top.name
            continue
        for file in top.rglob("*"):
            is_commit = top.name == LOG and file.parent == top and COMMIT_NAME.fullmatch(file.name)
            if not file.is_dir() and not is_commit:
                yield file.relative_to(lake_dir).as_posix()


def _seq_of(path: str) -> int | None:
    found = SEGMENT_PATH.fullmatch(path) or QUARANTINE_PATH.fullmatch(path)
    return int(found["seq"]) if found else None


def _has_commit(lake_dir: Path, seq: int) -> bool:
    return (lake_dir / LOG / f"{seq:020d}.json").exists()
