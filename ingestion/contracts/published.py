"""The list of published versions: one digest each, so that none is changed without a trace.

Holds `compare` and `publish`. A digest is of what a contract file says, not of its comments. What
an event was written under must be readable for ever, so a line is only ever added.
Called by `ledgerlake contracts check`.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ledger.errors import IncorrectInput

LIST = "published.txt"
State = Literal["published", "new", "changed", "missing"]


@dataclass(frozen=True, kw_only=True)
class Publication:
    """One version beside the list: `new` has no line yet, `missing` has no file any more."""

    contract: str
    state: State
    sha256: str


def digest(text: str) -> str:
    """SHA-256 of the canonical JSON of a contract file."""
    canonical = json.dumps(tomllib.loads(text), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def compare(folder: Path) -> list[Publication]:
    """Every version of the folder and of its list, by name."""
    return list(_compared(_listed(folder), _present(folder)))


def publish(folder: Path) -> list[str]:
    """Add a line for each new version; returns their names. Never changes a line."""
    found = compare(folder)
    new = [one for one in found if one.state == "new"]
    if new:
        lines = {**_listed(folder), **{one.contract: one.sha256 for one in new}}
        text = "".join(f"{name} {lines[name]}\n" for name in sorted(lines))
        whole = folder / f"{LIST}.tmp"
        whole.write_text(text, "utf-8")
        whole.replace(folder / LIST)
    return [one.contract for one in new]


def _present(folder: Path) -> dict[str, str]:
    return {path.stem: digest(path.read_text("utf-8")) for path in folder.glob("*.toml")}


def _listed(folder: Path) -> dict[str, str]:
    path = folder / LIST
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    listed = dict(line.split(" ") for line in lines if line.count(" ") == 1)
    broken = [line for line in lines if line.count(" ") != 1]
    if len(listed) != len(lines):
        raise IncorrectInput(
            "list_of_published_contracts_must_be_whole",
            thing=str(path),
            expected="a line `<Type>.v<version> <sha256>` for each version",
            found=repr(broken[0]) if broken else "a version with two lines",
            remedy="Take the last commit's list; `contracts check --publish` adds what is new.",
        )
    return listed


def _compared(listed: Mapping[str, str], present: Mapping[str, str]) -> Iterator[Publication]:
    for name in sorted({*listed, *present}):
        sha256 = present.get(name, listed.get(name, ""))
        if name not in listed:
            state: State = "new"
        elif name not in present:
            state = "missing"
        else:
            state = "published" if listed[name] == sha256 else "changed"
        yield Publication(contract=name, state=state, sha256=sha256)
