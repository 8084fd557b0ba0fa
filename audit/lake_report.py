"""What a verification of a lake says: how far it came, and what it found.

Holds records and their two written forms. Called by `verify_lake` and by the command line.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from audit.findings import Problem


@dataclass(frozen=True, kw_only=True)
class KnownHead:
    """A commit noted earlier, elsewhere: with it a log cut at its end is found too."""

    seq: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Head:
    """The newest commit verified. `sha256` is that of its file: note it as a `KnownHead`."""

    seq: int
    sha256: str
    ingest_time_us: int
    tree_size: int
    tree_root: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far it is: `commits` of `commits_total` done."""

    commits: int
    commits_total: int
    events: int
    bytes_read: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was verified, up to the first problem if there is one.

    `orphans`: segments and quarantine files no commit names, as a crash before the commit leaves
    them; `unfinished`: files left half written; both harmless. `warnings` name other files.
    """

    ok: bool
    commits: int
    events: int
    quarantined: int
    bytes_read: int
    head: Head | None
    first_problem: Problem | None
    orphans: int
    unfinished: int
    warnings: tuple[str, ...]

    def to_json(self) -> str:
        """One JSON object, keys as the fields."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)

    def to_text(self) -> str:
        """A few lines for people."""
        lines = [
            f"{'ok' if self.ok else 'BROKEN'}: {self.commits:,} commits, {self.events:,} events, "
            f"{self.quarantined:,} quarantined rows, {self.bytes_read:,} bytes verified"
        ]
        if self.head:
            lines.append(f"head {self.head.seq}:{self.head.sha256}, root {self.head.tree_root}")
        if self.orphans or self.unfinished:
            lines.append(
                f"{self.orphans} orphans and {self.unfinished} unfinished files, harmless: "
                "left by crashes before a commit"
            )
        lines += self.warnings
        if self.first_problem:
            lines.append(str(self.first_problem))
        return "\n".join(lines)
