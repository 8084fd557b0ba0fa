"""What a verification can find: the broken rule, where, what was expected and what to do.

Does not look for anything. Raised by the checks of a lake folder, caught by `verify_lake`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RESTORE: Final = "Restore the file from a copy, then verify again."
ALTERED: Final = (
    "A file was altered or written by a broken writer: compare with a copy, and with a head "
    "noted earlier, to see which commit is the last good one."
)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The first broken thing. `segment` is a path in the lake, `row` a `row_index`
    (in a quarantine file: the position)."""

    commit: int | None
    segment: str | None
    row: int | None
    rule: str
    expected: str
    found: str
    what_to_do: str

    def __str__(self) -> str:
        place = [f"commit {self.commit}"] if self.commit is not None else []
        place += [self.segment] if self.segment else []
        place += [f"row {self.row}"] if self.row is not None else []
        where = ", ".join(place) or "lake"
        return (
            f"{self.rule}: {where}: expected {self.expected}, found {self.found}. {self.what_to_do}"
        )


class Broken(Exception):
    """Carries a `Problem` up to `verify_lake`; it never leaves this package."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def broken(
    rule: str,
    *,
    expected: object,
    found: object,
    commit: int | None,
    segment: str | None = None,
    row: int | None = None,
    what_to_do: str = ALTERED,
) -> Broken:
    """A `Broken` to raise."""
    return Broken(
        Problem(
            commit=commit,
            segment=segment,
            row=row,
            rule=rule,
            expected=str(expected),
            found=str(found),
            what_to_do=what_to_do,
        )
    )
