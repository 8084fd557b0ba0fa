"""The seal of a commit file: its own SHA-256, so that even the newest commit betrays a flipped bit.

The chain (`previous_sha256`) covers every commit but the last; the seal covers that one too. It
guards against damage, not against a forger, who can compute it; signed checkpoints do that.
Does not parse commits or touch files. Called by the lake's writer and by `audit.verify_lake`.
"""

import hashlib
import re
from typing import Final

SEAL_FIELD: Final = "self_sha256"
BLANK_SEAL: Final = "0" * 64

# Quotes inside JSON text are escaped, so this can only match the field itself.
_SEAL: Final = re.compile(rb'"self_sha256":"([0-9a-f]{64})"')


def seal_written(data: bytes) -> str | None:
    """The seal a commit file carries; None if it carries none."""
    found = _SEAL.search(data)
    return found.group(1).decode("ascii") if found else None


def seal_computed(data: bytes) -> str:
    """SHA-256 of a commit file's bytes with the 64 digits of its seal as zeros."""
    return hashlib.sha256(_with_seal(data, BLANK_SEAL)).hexdigest()


def sealed(data: bytes) -> bytes:
    """A commit file with its seal filled in. ValueError if it has no place for one."""
    if seal_written(data) is None:
        raise ValueError(f'commit bytes hold no "{SEAL_FIELD}"; write it with {BLANK_SEAL}')
    return _with_seal(data, seal_computed(data))


def _with_seal(data: bytes, seal: str) -> bytes:
    return _SEAL.sub(f'"{SEAL_FIELD}":"{seal}"'.encode("ascii"), data, count=1)
