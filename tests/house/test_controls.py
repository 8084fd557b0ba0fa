"""The control matrix names tests, files and commands that exist. Nothing of them is run."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.house.documents import documents
from tests.house.sources import ROOT

WHERE = "docs/controls.md"
HEAD = "| promise | enforced in | shown by | look with | does not cover |"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
MODULE = re.compile(r"`python -m (audit(?:\.\w+)+)([^`]*)`")


def rows() -> list[list[str]]:
    """The cells of every control."""
    lines = [line for line in documents()[WHERE].splitlines() if line.startswith("|")]
    told = [line for line in lines if line != HEAD and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in told]


def test_every_control_has_its_five_columns() -> None:
    broken = [row[0] for row in rows() if len(row) != 5 or not all(row[:4])]
    assert len(rows()) > 25 and not broken, "\n".join(broken)


def test_every_test_it_names_exists() -> None:
    named = {found for row in rows() for found in TEST.findall(row[2])}
    without = [row[0] for row in rows() if not TEST.search(row[2])]
    lost = named - {(where, name) for where, _ in named for name in _functions(ROOT / where)}
    assert not without, f"name a test for each: {without}"
    assert not lost, f"renamed or gone, so look for what shows it now: {sorted(lost)}"


@cache
def _functions(path: Path) -> frozenset[str]:
    """Names of the functions a file defines, at its top."""
    tree = ast.parse(path.read_text() if path.is_file() else "")
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_file_it_names_exists() -> None:
    named = {path for row in rows() for path in re.findall(r"`([^`]+)`", row[1])}
    lost = sorted(path for path in named if not (ROOT / path).is_file())
    assert not lost, lost


def test_every_control_can_be_seen_with_a_command_that_exists() -> None:
    """Those of `ledgerlake` are held to the command line with all that documents show."""
    without = [row[0] for row in rows() if not re.search(r"`(ledgerlake|python -m) ", row[3])]
    assert not without, f"say how an auditor looks at it: {without}"
    broken = []
    for name, options in MODULE.findall(documents()[WHERE]):
        path = ROOT / f"{name.replace('.', '/')}.py"
        text = path.read_text() if path.is_file() else ""
        wanted = [
            '__name__ == "__main__"',
            *(f'"{one}"' for one in re.findall(r"--[\w-]+", options)),
        ]
        broken += [f"python -m {name}: no {one}" for one in wanted if one not in text]
    assert not broken, "\n".join(broken)
