"""The mutation run works: it breaks one small part of ledger/, and every break is seen."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.sources import ROOT

PART = "ledger.statement_times"
"""Small, and of all its mutants none is left."""
FEWEST = 50


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """mutmut, as `make mutants` installs it beside the environment, or installed anew."""
    found = ROOT / ".venv-mutants"
    if not (found / "mutmut").is_dir():
        found = tmp_path / "tools"
        wanted = re.search(r"mutmut==\S+", (ROOT / "Makefile").read_text("utf-8"))
        assert wanted is not None
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(found)]
        subprocess.run([*pip, wanted[0]], check=True)
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the run needs: it writes beside the sources."""
    said = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    copy = tmp_path / "project"
    copy.mkdir()
    for name in (*said["source_paths"], *said["also_copy"]):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    settings = copy / "pyproject.toml"
    only = f'[tool.mutmut]\nonly_mutate = ["{PART.replace(".", "/")}.py"]'
    settings.write_text(settings.read_text("utf-8").replace("[tool.mutmut]", only), "utf-8")
    return copy


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_every_break_of_a_small_part_is_seen(project: Path, tools: Path) -> None:
    def mutmut(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "mutmut", *arguments],
            cwd=project,
            env={"PYTHONPATH": str(tools), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    mutmut("run", "--max-children", "2", f"{PART}*")
    found = re.findall(rf"({PART}\S+): (.+)", mutmut("results", "--all", "true"))
    assert len(found) > FEWEST
    assert [one for one in found if one[1] != "killed"] == []
