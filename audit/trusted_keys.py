"""Public keys with the time in which their signature counts, as `--key` gives them.

Holds the line form `VKEY [from=US] [until=US] [retired=US]` and the check of a document's time
against it. Does not hold private keys. Called by `audit.verify` and by the keeper of keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from audit.signed_note import Verifier
from ledger.errors import IncorrectInput

_TIMES: Final = {"from": "from_us", "until": "until_us", "retired": "retired_us"}


@dataclass(frozen=True, kw_only=True)
class TrustedKey(Verifier):
    """A public key that signs from `from_us` to before `until_us` (microseconds; None: no bound).

    Once retired, what it signed counts only with an outside time stamp from before.
    """

    from_us: int | None = None
    until_us: int | None = None
    retired_us: int | None = None


def key_line(key: TrustedKey) -> str:
    """The key as one line."""
    times = [(word, getattr(key, name)) for word, name in _TIMES.items()]
    return " ".join([key.to_text(), *(f"{word}={us}" for word, us in times if us is not None)])


def parse_key_line(line: str) -> TrustedKey:
    """A key from its line. IncorrectInput says what is wrong with it."""
    text, *words = line.split(" ")
    verifier = Verifier.from_text(text)
    times: dict[str, int] = {}
    for word in words:
        name, _, digits = word.partition("=")
        if name not in _TIMES or _TIMES[name] in times or not (digits.isdecimal()):
            raise IncorrectInput(
                "key_line_must_be_well_formed",
                thing=f"public key {verifier.key_id}",
                expected="VKEY, then at most one each of from=US, until=US and retired=US",
                found=word,
                remedy="Copy the line of `ledgerlake keys show` again.",
            )
        times[_TIMES[name]] = int(digits)
    return TrustedKey(name=verifier.name, public_key=verifier.public_key, **times)


def read_keys(texts: Sequence[str]) -> list[TrustedKey]:
    """Public keys, each given as text or as a file with one a line."""
    keys: dict[str, TrustedKey] = {}
    for text in texts:
        path = Path(text)
        is_key = text.count("+") >= 2 and not path.is_file()
        for line in [text] if is_key else _lines(path):
            key = parse_key_line(line)
            keys[key.to_text()] = key
    return list(keys.values())


def require_in_time(
    key: Verifier, at_us: int, *, stamped_at: datetime | None = None, thing: str
) -> None:
    """A document of this time may be signed by this key. IncorrectInput if not."""
    if not isinstance(key, TrustedKey):
        return
    if at_us < (key.from_us or 0) or (key.until_us is not None and at_us >= key.until_us):
        raise _problem(
            "key_must_sign_in_its_time",
            thing,
            f"a time from {key.from_us} to before {key.until_us or 'now'} for key {key.key_id}",
            str(at_us),
            "Ask who issued it; another key may have been used in the place of the right one.",
        )
    if key.retired_us is None:
        return
    retired_at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=key.retired_us)
    if stamped_at is None or stamped_at >= retired_at:
        raise _problem(
            "retired_key_needs_an_older_time_stamp",
            thing,
            f"an outside time stamp from before {key.retired_us}, when {key.key_id} was retired",
            str(stamped_at or "no time stamp"),
            "Give --time-stamp and --tsa, or have the period certified again with a new key.",
        )


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise IncorrectInput(
            "key_must_be_readable",
            thing=f"public key {path}",
            expected="name+hash+base64, or a file of such lines",
            found=str(error),
            remedy="`ledgerlake keys show` prints the public key of a lake.",
        ) from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _problem(rule: str, thing: str, expected: str, found: str, remedy: str) -> IncorrectInput:
    return IncorrectInput(rule, thing=thing, expected=expected, found=found, remedy=remedy)
