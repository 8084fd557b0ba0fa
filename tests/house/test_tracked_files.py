"""Nothing in the repository is tied to one machine, one mirror or one moment."""

import re
import tomllib
from pathlib import Path

from tests.house.sources import ROOT, files

# Put together from halves, so that this file does not break its own rule.
MACHINE_PATHS = re.compile(
    r"(?<![\w.$}/-])/(?:"
    + "|".join(("wor" + "k", "ro" + "ot", "ho" + "me", "tm" + "p", "Use" + "rs"))
    + r")/[\w.]"
)
INDEX_ADDRESSES = re.compile(
    r"--(?:extra-)?index-url|--find-links|--trusted-host|://[^\s/]*(?:pypi|artifactory|nexus|devpi|mirror)[^\s/]*"
)
MERGE_MARKS = re.compile(r"^(?:<{7}|>{7}) ")
SIZE_MAX_BYTES = 6_000_000
BINARY = {".parquet", ".gz", ".png", ".zip", ".duckdb"}


def _texts() -> list[tuple[str, str]]:
    return [
        (path.relative_to(ROOT).as_posix(), path.read_text(errors="replace"))
        for path in files()
        if path.suffix not in BINARY and "tests/data" not in path.as_posix()
    ]


def _hits(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{where}:{number}: {line.strip()[:100]}"
        for where, text in _texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_folder_of_one_machine() -> None:
    hits = _hits(MACHINE_PATHS)
    assert not hits, "take the path as an argument or a setting:\n" + "\n".join(hits)


def test_no_file_names_a_package_index() -> None:
    hits = [hit for hit in _hits(INDEX_ADDRESSES) if not hit.startswith("tests/house/")]
    assert not hits, "the index is the installing machine's business:\n" + "\n".join(hits)


def test_no_merge_was_left_half_done() -> None:
    hits = _hits(MERGE_MARKS)
    assert not hits, "both sides of a merge stand there:\n" + "\n".join(hits)


def test_no_tracked_file_is_large() -> None:
    large = [
        f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes"
        for path in files()
        if path.stat().st_size > SIZE_MAX_BYTES
    ]
    assert not large, "generate it, or bundle a sample:\n" + "\n".join(large)


def test_bundled_data_says_where_it_comes_from_and_under_which_licence() -> None:
    folders = [ROOT / "data" / "sample", *_data_folders(ROOT / "tests" / "data")]
    broken = [
        f"{folder.relative_to(ROOT)}: wants a README or SOURCE that names source and licence"
        for folder in folders
        if not _says_source_and_licence(folder)
    ]
    assert not broken, "\n".join(broken)


def _data_folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _says_source_and_licence(folder: Path) -> bool:
    notes = [path for path in folder.iterdir() if path.stem.upper() in {"README", "SOURCE"}]
    text = " ".join(path.read_text().lower() for path in notes)
    return "source" in text and ("licence" in text or "license" in text)


def _lock_entries() -> dict[str, str]:
    """Requirement line (name==version ; marker) -> the text up to the next requirement."""
    text = (ROOT / "requirements.lock").read_text()
    parts = re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE)
    return {part.split("\\")[0].strip(): part for part in parts if part.strip()}


def test_every_locked_requirement_is_pinned_and_hashed() -> None:
    entries = _lock_entries()
    assert len(entries) > 50
    broken = [
        name
        for name, text in entries.items()
        if not re.match(r"[\w.\[\]-]+==\S+", name) or "--hash=sha256:" not in text
    ]
    assert not broken, f"run make lock; not pinned or not hashed: {broken}"
    assert "://" not in (ROOT / "requirements.lock").read_text(), "the lock names an address"


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [name for group in project["optional-dependencies"].values() for name in group]
    declared = {_name(requirement) for requirement in [*project["dependencies"], *extras]}
    # An extra may take in another of ours.
    locked = {_name(requirement) for requirement in _lock_entries()} | {project["name"]}
    assert not declared - locked, f"run make lock; not in the lock: {declared - locked}"


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def test_ci_runs_what_a_developer_runs() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert "bash .ci/run" in workflow
