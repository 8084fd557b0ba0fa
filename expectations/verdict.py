"""What the gate found: a result per control and whether the period may close.

Does not judge. Made by `expectations.gate`; read by plan, apply, certificate and Dagster.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from expectations.suite import Severity

SAMPLE_ROWS = 5


@dataclass(frozen=True, kw_only=True)
class Found:
    """Of one control: rows it looked at, how many break it, the first of them as text."""

    looked_at: int
    breaking: int
    sample: tuple[Mapping[str, str | None], ...]


@dataclass(frozen=True, kw_only=True)
class ControlResult:
    """`rows` is a sample of at most five rows that break it, `count` how many do; values as text,
    None for a missing one. `observed` and `expected` are text, figures exact."""

    suite: str
    name: str
    severity: Severity
    success: bool
    observed: str
    expected: str
    count: int
    rows: tuple[Mapping[str, str | None], ...]

    @property
    def blocks(self) -> bool:
        return not self.success and self.severity is Severity.BLOCKER

    def as_json(self) -> dict[str, object]:
        """As it stands in PeriodClosed, CloseFailed and the certificate."""
        return {
            "suite": self.suite,
            "name": self.name,
            "severity": str(self.severity),
            "success": self.success,
            "observed": self.observed,
            "expected": self.expected,
            "count": self.count,
            "rows": [dict(row) for row in self.rows],
        }


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`docs_sha256` names every byte below `docs_path`: the same frames give the same digest,
    whenever they are judged. None of both when no docs were wanted."""

    passed: bool
    controls: tuple[ControlResult, ...]
    docs_sha256: str | None
    docs_path: Path | None

    @property
    def blockers(self) -> tuple[ControlResult, ...]:
        return tuple(one for one in self.controls if one.blocks)

    @property
    def warnings(self) -> tuple[ControlResult, ...]:
        """Failed, and to be acknowledged by name."""
        return tuple(one for one in self.controls if not one.success and not one.blocks)
