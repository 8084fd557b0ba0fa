"""Who acts, and when: the options `--as`, `--key` and `--why`, and the clock commands pass on.

Does not check roles (the choke point does). Called by commands that sign.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from audit.signed_note import Signer
    from orchestration.close.signing import When
    from orchestration.home import Home

_AS = "Who you are: signs with data/keys/people/NAME.key."
_KEY = "Sign with this key file instead."
_WHY = "Why, in words; it is signed and kept."

ActingNow = Annotated[str, typer.Option("--as", metavar="NAME", help=_AS)]
Acting = Annotated[str | None, typer.Option("--as", metavar="NAME", help=_AS)]
KeyFile = Annotated[Path | None, typer.Option("--key", metavar="FILE", help=_KEY)]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help=_WHY)]


def home() -> "Home":
    """The home of the settings."""
    from orchestration import settings
    from orchestration.home import Home

    return Home.of(settings.load())


def signer(of: "Home", name: str, key_file: Path | None) -> "Signer":
    """The private key of the person who acts."""
    from orchestration.keys import person_signer

    return person_signer(of, name, key_file=key_file)


def now() -> "When":
    """The machine's clock, read once per command."""
    from ingestion.lake.writer import system_clock
    from orchestration.close.signing import When

    return When(now_us=system_clock())
