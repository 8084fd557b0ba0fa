"""Which files a path stands for: itself, or what lies in the folder, in order of name.

Holds `find`. Does not open files. Called by the command line and the watcher.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ledger.errors import IncorrectInput, LedgerlakeError, NotSupported

UNFINISHED_SUFFIXES = (".tmp", ".part", ".partial", ".crdownload", "~")
"""Names that writers give to files they have not finished. With a leading dot: the same."""


@dataclass(frozen=True)
class Found:
    """Files to take, in order, and what lies there but cannot be taken, with the reason."""

    files: list[Path] = field(default_factory=list)
    refused: list[tuple[Path, LedgerlakeError]] = field(default_factory=list)


def find(paths: list[Path]) -> Found:
    """The files of all paths, in the order given; those of a folder by name."""
    found = Found()
    for path in paths:
        if not path.is_dir():
            found.files.append(target(path))
            continue
        for entry in _entries(path):
            error = refusal(entry, path)
            if error is None:
                found.files.append(target(entry))
            else:
                found.refused.append((entry, error))
    return found


def target(path: Path) -> Path:
    """The path itself, or what it links to; files are opened without following links."""
    return path.resolve() if path.is_symlink() else path


def is_finished_name(name: str) -> bool:
    """False for names that mean: still being written."""
    return not name.startswith(".") and not name.endswith(UNFINISHED_SUFFIXES)


def refusal(entry: Path, folder: Path) -> LedgerlakeError | None:
    """Why an entry of a folder cannot be taken; None when it can."""
    if entry.is_symlink():
        aim = entry.resolve()
        if not aim.is_relative_to(folder.resolve()):
            return IncorrectInput(
                "symlink_must_stay_in_its_folder",
                thing=f"link {entry}",
                expected=f"a target inside {folder}",
                found=str(aim),
                remedy="Copy the file into the folder, or name it on the command line.",
            )
    if entry.is_dir():
        return NotSupported(
            "folder_must_hold_files_only",
            thing=f"folder {entry}",
            expected="files",
            found="a folder inside a folder",
            remedy=f"Name it too: ledgerlake ingest files {entry} ...",
        )
    return None


def _entries(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except PermissionError:
        raise IncorrectInput(
            "folder_must_be_readable",
            thing=f"folder {folder}",
            expected="permission to list it",
            found="permission denied",
            remedy="Grant this user read permission (chmod, chown) and run again.",
        ) from None
    return (entry for entry in entries if is_finished_name(entry.name))
