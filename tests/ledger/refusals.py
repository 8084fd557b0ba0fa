"""Every refusal of the books' rules, word for word: people act on these texts.

Holds `say`, which refuses a text that is no line of refusals.txt. Called by `PaperOffice`, so by
every scenario that breaks a rule. A new text, or a changed one, is a line there.
"""

import re
from pathlib import Path
from typing import Final

from ledger.errors import LedgerlakeError

LINES: Final = frozenset(Path(__file__).with_suffix(".txt").read_text("utf-8").splitlines())
_LONG: Final = re.compile(r"[0-9a-f]{28,}(?=[0-9a-f]{4})")


def say(error: LedgerlakeError) -> str:
    """The name of the broken rule. Of hashes and ids of requests the last four digits are told."""
    line = f"{error.rule} | {_LONG.sub('…', str(error))}"
    assert line in LINES, f"no line of refusals.txt: {line}"
    return error.rule
