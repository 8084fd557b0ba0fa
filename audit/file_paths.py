"""The paths of a certificate's files: each once, below the folder of its table.

Holds the check that needs no file. Called by `audit.verify`; `audit.published_files` reads them.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from audit.certificate import Certificate
from ledger.errors import IncorrectInput


def check_paths(certificate: Certificate) -> None:
    """Each file is named once, by a path below the folder of its table. Raises IncorrectInput."""
    seen: set[str] = set()
    for file in certificate.files:
        parts = PurePosixPath(file.path).parts
        plain = PurePosixPath(file.path).as_posix() == file.path and "\\" not in file.path
        if not plain or ".." in parts or parts[0] != file.table or len(parts) < 2:
            raise _problem(
                "file_must_lie_in_the_folder_of_its_table",
                file.path,
                f"{file.table}/...",
                file.path,
            )
        if file.path in seen:
            raise _problem("file_must_be_named_once", file.path, "one entry", "two")
        seen.add(file.path)


def _problem(rule: str, thing: str, expected: str, found: str) -> IncorrectInput:
    remedy = "Ask who issued the certificate."
    return IncorrectInput(rule, thing=thing, expected=expected, found=found, remedy=remedy)
