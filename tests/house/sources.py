"""Parsed view of the project's own Python files, for the convention tests.

Does not judge; the tests next to it do.
"""

import ast
import functools
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("ledger", "audit", "ingestion", "expectations", "orchestration", "serving")


@dataclass(frozen=True)
class Module:
    path: Path
    text: str
    tree: ast.Module

    @property
    def where(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def room(self) -> str:
        return self.path.relative_to(ROOT).parts[0]

    @property
    def package(self) -> tuple[str, ...]:
        return self.path.relative_to(ROOT).parent.parts


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file git tracks or would track, so that a mistake shows before it is committed."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (ROOT / name for name in listing.stdout.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


@functools.cache
def modules() -> tuple[Module, ...]:
    python = (path for path in files() if path.suffix == ".py")
    return tuple(Module(path, text := path.read_text(), ast.parse(text)) for path in python)


def room_modules() -> tuple[Module, ...]:
    return tuple(module for module in modules() if module.room in ROOMS)


def imported(module: Module) -> list[tuple[int, str]]:
    """Line and absolute dotted name of everything a module imports, at any depth."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(module.package[: len(module.package) - node.level + 1])
            prefix = base if node.level else ""
            found.append((node.lineno, ".".join(part for part in (prefix, node.module) if part)))
    return found
