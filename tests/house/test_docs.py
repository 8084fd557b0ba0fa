"""The documents and the command line agree, without running anything."""

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from orchestration.cli.main import app
from tests.house.documents import documents, shown_commands
from tests.house.sources import ROOT

# Typer brings its own copy of Click, so commands are told apart by what they have.
Command = Any
ROOT_COMMAND: Command = typer.main.get_command(app)
PLACEHOLDER = re.compile(r"^[A-Z.\[\]|-]+$|^\.\.\.$|^<")


def _leaves(command: Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from _leaves(inner, (*path, name))
    else:
        yield path


def _find(words: list[str]) -> tuple[Command | None, list[str]]:
    """The command that words name, and the words after its name."""
    command = ROOT_COMMAND
    rest = list(words)
    while hasattr(command, "commands"):
        if not rest or rest[0] not in command.commands:
            return (None if rest and not rest[0].startswith("-") else command), rest
        command = command.commands[rest.pop(0)]
    return command, rest


def _options(command: Command) -> set[str]:
    found = {"--help", "-h"}
    for parameter in command.params:
        found |= {*parameter.opts, *parameter.secondary_opts}
    return found


def test_every_command_is_in_the_documents() -> None:
    text = "\n".join(documents().values())
    missing = [
        f"ledgerlake {' '.join(path)}: show it in README.md or docs/"
        for path in _leaves(ROOT_COMMAND)
        if not re.search(rf"ledgerlake {' '.join(path)}\b", text)
    ]
    assert not missing, "\n".join(missing)


def test_every_command_in_the_documents_exists_with_its_options() -> None:
    assert shown_commands()
    broken = []
    for where, words in shown_commands():
        shown = f"{where}: ledgerlake {' '.join(words)}"
        command, rest = _find(words)
        if command is None:
            broken.append(f"{shown}: there is no such command")
            continue
        options = {word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
        unknown = options - _options(command)
        if unknown:
            broken.append(f"{shown}: unknown {', '.join(sorted(unknown))}")
    assert not broken, "\n".join(broken)


def test_every_command_has_help_with_an_example_and_json() -> None:
    broken = []
    for path in _leaves(ROOT_COMMAND):
        command, _ = _find(list(path))
        assert command is not None
        if "Example" not in (command.help or ""):
            broken.append(f"ledgerlake {' '.join(path)}: give an example in its help")
        if "--json" not in _options(command):
            broken.append(f"ledgerlake {' '.join(path)}: give it --json")
    assert not broken, "\n".join(broken)


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = [
        f"{where}: {target} does not exist"
        for where, text in documents().items()
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
        if "://" not in target and not (ROOT / where).parent.joinpath(target).exists()
    ]
    assert not broken, "\n".join(broken)


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    missing = [path.name for path in sorted(folder.glob("0*.md")) if f"({path.name})" not in index]
    assert not missing, f"add to docs/decisions/README.md: {missing}"


def test_quoted_figures_say_from_which_benchmark() -> None:
    """A speed in the README stands in a line that names the script that measured it."""
    speed = re.compile(r"\d[\d,.]*\s?(?:ms|events/s|MiB|GiB)\b")
    broken = [
        f"README.md:{number}: {line.strip()}"
        for number, line in enumerate(documents()["README.md"].splitlines(), 1)
        if speed.search(line) and "benchmarks/" not in line
    ]
    assert not broken, "name the benchmark in the same line:\n" + "\n".join(broken)
