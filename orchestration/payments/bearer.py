"""The bearer token that a gateway asks for: where it lies, and that nobody gets to see it.

Holds `BearerToken`. Sends nothing. Called by the HTTP adapter, and by the desk of sagas before
anything is done.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger.errors import IncorrectInput

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750. Anything else could end the header and begin another."""


@dataclass(frozen=True)
class BearerToken:
    """`source`: `file:PATH` or `env:NAME`, as settings say it; empty: none is asked for."""

    source: str = ""

    def read(self) -> str:
        """Read at every call, so that a new one is used at once; "" for none. IncorrectInput if it
        cannot be read or is no token: its text is never quoted."""
        if not self.source:
            return ""
        kind, _, where = self.source.partition(":")
        try:
            text = os.environ[where] if kind == "env" else Path(where).read_text(encoding="ascii")
        except (KeyError, OSError, UnicodeDecodeError) as error:
            raise self._wrong(type(error).__name__) from None
        token = text.strip()
        if not _TOKEN.fullmatch(token):
            raise self._wrong(f"{len(token)} characters that are no token")
        return token

    def _wrong(self, found: str) -> IncorrectInput:
        return IncorrectInput(
            "token_must_be_readable",
            thing=f"bearer token {self.source}",
            expected="a text of letters, digits and -._~+/, as the gateway gave it",
            found=found,
            remedy="Put the token there, or name another place: docs/sagas.md.",
        )
