"""dbt's manifest for the definitions: prepared when missing or older than the project.

Holds finding it, and making it with `dbt parse` in a process of its own: dbt changes the working
folder and the logging of the process it runs in. Needs no lake and no network.
Called by `definitions` as they load.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ledger.errors import IncorrectInput
from orchestration.home import Home
from orchestration.publish.edition import replace_durably
from orchestration.settings import PREFIX

ROOT_FILES = ("dbt_project.yml", "profiles.yml", "selectors.yml")
MODELS_FOLDER = "dbt_project"

Manifest = dict[str, Any]


def prepared(home: Home, project: Path) -> Manifest:
    """The manifest of the project as its files stand now. IncorrectInput if dbt refuses them."""
    path = home.schedule_manifest
    if not path.exists() or path.stat().st_mtime_ns < _changed_ns(project):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_durably(path, _parse(home, project))
    found: Manifest = json.loads(path.read_bytes())
    return found


def _changed_ns(project: Path) -> int:
    return max(path.stat().st_mtime_ns for path in _sources(project))


def _sources(project: Path) -> Iterator[Path]:
    yield from (project / name for name in ROOT_FILES)
    # Folders too: deleting a file changes only its folder.
    yield from (project / MODELS_FOLDER).rglob("*")


def _parse(home: Home, project: Path) -> bytes:
    with tempfile.TemporaryDirectory(dir=home.schedule_manifest.parent) as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from dbt.cli.main import cli; cli()"),
                *("--log-level-file", "none", "parse"),
                *("--project-dir", str(project), "--profiles-dir", str(project)),
                *("--target-path", folder),
            ],
            env={**os.environ, f"{PREFIX}HOME": str(home.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise IncorrectInput(
                "dbt_project_must_parse",
                thing=f"dbt project {project}",
                expected="models that `dbt parse` accepts",
                found=(done.stdout + done.stderr).strip()[-2000:],
                remedy="Repair what it names; `dbt parse` shows it again.",
            )
        return (Path(folder) / "manifest.json").read_bytes()
