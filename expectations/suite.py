"""The words a question is written in: suites of controls over one control frame.

Holds data only: what a frame's columns mean, what each control demands of its rows, how severe a
failure is and what to do then. Does not run anything. Called by the modules of the suites and by
`expectations.gate`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """A blocker stops the close; a warning is acknowledged by a person, by the control's name."""

    BLOCKER = "blocker"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True)
class Equal:
    """In every row `found` is `expected`, exactly; a missing value is a difference."""

    expected: str
    found: str

    @property
    def columns(self) -> tuple[str, ...]:
        return self.expected, self.found

    def __str__(self) -> str:
        return f"{self.found} = {self.expected}"


@dataclass(frozen=True, kw_only=True)
class AtMost:
    """In every row `column` is at most `limit`, another column."""

    column: str
    limit: str

    @property
    def columns(self) -> tuple[str, ...]:
        return self.column, self.limit

    def __str__(self) -> str:
        return f"{self.column} <= {self.limit}"


@dataclass(frozen=True, kw_only=True)
class OneOf:
    """In every row `column` is one of `values`; a missing value is not."""

    column: str
    values: tuple[str | int, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def __str__(self) -> str:
        return f"{self.column} in ({', '.join(str(one) for one in self.values)})"


Check = Equal | AtMost | OneOf


@dataclass(frozen=True, kw_only=True)
class Where:
    """The rows a control looks at: those whose `column` is `value`."""

    column: str
    value: str

    def __str__(self) -> str:
        return f"{self.column} = {self.value}"


@dataclass(frozen=True, kw_only=True)
class Control:
    """One demand. `states` are columns whose values are put into the result as observed: figures
    that the close freezes. `may_be_empty` where no row to look at is a right answer."""

    name: str
    question: str
    remedy: str
    check: Check
    severity: Severity = Severity.BLOCKER
    where: Where | None = None
    may_be_empty: bool = False
    states: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Suite:
    """One question, asked of the frame of the same name.

    `columns` says what each column of the frame means, `key` identifies a row in samples. A frame
    always has rows: one without is a fault, not a pass.
    """

    name: str
    question: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    controls: tuple[Control, ...]
