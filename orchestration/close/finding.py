"""What stands in the way of a close, in one form whoever found it.

Holds `Finding` and how a failed control of the gate becomes one. Does not look for any.
Called by every check of the plan.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from expectations.suites import control_named
from expectations.verdict import ControlResult

SAMPLE_SIZE = 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`code` names the rule that is broken, `count` how many break it, `sample` five of them.

    A blocker stops the close; a warning is acknowledged by its code when the close is applied.
    """

    code: str
    severity: str
    count: int
    sample: tuple[Mapping[str, str | None], ...]
    question: str
    remedy: str

    @property
    def blocks(self) -> bool:
        return self.severity == "blocker"


def blocker(
    code: str, rows: Iterable[Mapping[str, object]], *, question: str, remedy: str
) -> Finding:
    """A blocker with all rows that break the rule."""
    found = [{name: None if one is None else str(one) for name, one in row.items()} for row in rows]
    return Finding(
        code=code,
        severity="blocker",
        count=len(found),
        sample=tuple(found[:SAMPLE_SIZE]),
        question=question,
        remedy=remedy,
    )


def of_control(result: ControlResult) -> Finding:
    """A control of the gate that did not hold."""
    control = control_named(result.name)
    return Finding(
        code=result.name,
        severity=str(result.severity),
        count=result.count,
        sample=tuple(dict(row) for row in result.rows),
        question=control.question,
        remedy=control.remedy,
    )
