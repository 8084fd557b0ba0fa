"""Editions that stay for good: those a close has prepared, and those a certificate names.

Holds the pin beside an edition's manifest, and what certificates say about editions and files.
Does not judge a certificate (`audit` does). Called by `publisher`, `retention` and the close.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.home import Home
from orchestration.publish.edition import replace_durably


@dataclass(frozen=True)
class Kept:
    """Editions and part files that retention must leave alone."""

    editions: frozenset[int]
    paths: frozenset[str]


def pin(home: Home, number: int, *, reason: str) -> None:
    """Reserve edition `number` before its manifest is written; says for whom."""
    home.editions.mkdir(parents=True, exist_ok=True)
    replace_durably(_path(home, number), json.dumps({"for": reason}).encode() + b"\n")


def unpin(home: Home, number: int) -> None:
    """Let go of an edition that was prepared and never certified."""
    _path(home, number).unlink(missing_ok=True)


def pinned(home: Home) -> dict[int, str]:
    """Number -> for whom it is kept."""
    found = {}
    for path in sorted(home.editions.glob("*.pin")) if home.editions.is_dir() else ():
        found[int(path.stem)] = str(json.loads(path.read_bytes())["for"])
    return found


def kept(home: Home) -> Kept:
    """What pins and certificates name."""
    numbers = set(pinned(home))
    paths: set[str] = set()
    for certificate in _certificates(home.certificates):
        numbers.add(int(certificate["published_edition"]))
        paths.update(str(one["path"]) for one in certificate["files"])
    return Kept(frozenset(numbers), frozenset(paths))


def _certificates(folder: Path) -> Iterator[dict[str, Any]]:
    if folder.is_dir():
        for path in sorted(folder.glob("*.edition-*.json")):
            yield json.loads(path.read_bytes())


def _path(home: Home, number: int) -> Path:
    return home.editions / f"{number:08d}.pin"
