"""Runs `ledgerlake` in this process, as the console script does, and catches what it says.

Does not test. Called by the tests next to it.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestration.cli.main import main


@dataclass(frozen=True)
class Said:
    """Exit code and output of one command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def text(self) -> str:
        """All output, line ends as spaces: tables and panels may break anywhere."""
        return " ".join((self.out + self.err).split())


@dataclass
class Terminal:
    """A working folder with an environment."""

    folder: Path
    _patch: pytest.MonkeyPatch
    _capture: pytest.CaptureFixture[str]

    def set(self, name: str, value: str) -> None:
        self._patch.setenv(name, value)

    def settings_file(self, text: str) -> None:
        (self.folder / "ledgerlake.toml").write_text(text)

    def run(self, *arguments: str) -> Said:
        self._capture.readouterr()
        self._patch.setattr(sys, "argv", ["ledgerlake", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        found = self._capture.readouterr()
        return Said(code if isinstance(code, int) else 0, found.out, found.err)
