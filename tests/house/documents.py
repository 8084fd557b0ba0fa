"""The project's documents, read for the commands they show.

Does not judge or run; the tests next to it do.
"""

import re
import shlex
from dataclasses import dataclass

from tests.house.sources import ROOT, files

RUN = "sh run"
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(ledgerlake[^`\n]*)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it is, what follows the fence's ticks, its text."""

    where: str
    info: str
    text: str


def documents() -> dict[str, str]:
    """Path below the root -> text of every Markdown file of ours."""
    paths = [p for p in files() if p.suffix == ".md" and "tests/data" not in p.as_posix()]
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in paths}


def blocks() -> list[Block]:
    return [
        Block(f"{where}:{text[: match.start()].count(chr(10)) + 1}", match[1].strip(), match[2])
        for where, text in documents().items()
        for match in _FENCE.finditer(text)
    ]


def blocks_to_run() -> list[Block]:
    return [block for block in blocks() if block.info == RUN]


def shown_commands() -> list[tuple[str, list[str]]]:
    """(where, words after `ledgerlake`) of every command shown in a block or inline."""
    lines = [
        (block.where, line.strip().removeprefix("$ "))
        for block in blocks()
        if block.info.split(" ")[0] in {"sh", "console", "bash"}
        for line in block.text.replace("\\\n", " ").splitlines()
    ]
    lines += [(w, found) for w, text in documents().items() for found in _INLINE.findall(text)]
    commands = [(where, line) for where, line in lines if re.match(r"ledgerlake( |$)", line)]
    return [(where, _words(line)[1:]) for where, line in commands]


def _words(line: str) -> list[str]:
    words = shlex.split(line, comments=True)
    stops = [words.index(mark) for mark in ("|", ">", "&&", ";") if mark in words]
    return words[: min(stops)] if stops else words
