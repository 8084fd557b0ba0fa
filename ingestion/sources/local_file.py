"""A file on disk, held so that what was checked is what is read.

Holds opening (regular files only), the content hash that names a file to the lake, and the check
that it did not change meanwhile. Does not look inside. Called by `ingestion.sources.*`.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from ledger.errors import IncorrectInput


@dataclass(frozen=True)
class LocalFile:
    """A regular file with the SHA-256 (hex) of its content; `thing` names it in errors."""

    path: Path
    sha256: str
    size: int
    state: tuple[int, int, int, int]

    @property
    def thing(self) -> str:
        return f"file {self.path}"

    def require_unchanged(self) -> None:
        """IncorrectInput when the file is not the one that was hashed."""
        if _state(self.path.stat()) != self.state:
            raise IncorrectInput(
                "file_must_not_change_while_it_is_read",
                thing=self.thing,
                expected=f"the content with SHA-256 {self.sha256}",
                found="another size, time or file",
                remedy="Write to another name and rename when whole, then run again.",
            )


def inspect(path: Path) -> LocalFile:
    """Hash a file. IncorrectInput when it is no readable, regular, non-empty file."""
    with opened(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        status = os.fstat(file.fileno())
    found = LocalFile(path, digest, status.st_size, _state(status))
    if not found.size:
        raise IncorrectInput(
            "file_must_not_be_empty",
            thing=found.thing,
            expected="rows, or at least a header",
            found="0 bytes",
            remedy="Send the file again; it was probably cut off before its first byte.",
        )
    return found


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """A regular file open for reading; a pipe or device is refused without waiting for it.

    Links are resolved by whoever names the path (`folder.find`): here one could only be a link
    put in the file's place after that.
    """
    thing = f"file {path}"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise IncorrectInput(
            "file_must_exist", thing=thing, expected="a file", found="nothing of that name"
        ) from None
    except PermissionError:
        raise IncorrectInput(
            "file_must_be_readable",
            thing=thing,
            expected="permission to read it",
            found="permission denied",
            remedy="Grant this user read permission (chmod, chown) and run again.",
        ) from None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise IncorrectInput(
            "file_must_be_regular", thing=thing, expected="a regular file", found="a link"
        ) from None
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        raise IncorrectInput(
            "file_must_be_regular", thing=thing, expected="a regular file", found=_kind(mode)
        )
    with os.fdopen(fd, "rb") as file:
        yield file


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a directory"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket or device"


def _state(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
