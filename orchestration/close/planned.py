"""The form of a plan: what a close would freeze, what stands in its way, what it is bound to.

Holds data and its one form in bytes, whose hash is signed. Does not make a plan (`plan` does).
Called by plan, apply, the command line and the jobs.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.canonical_json import canonical_json
from audit.certificate import ControlTotal, Figure
from audit.record import NotThisRecord, from_values, to_values
from ledger.errors import InternalFault
from orchestration.close.binding import Binding
from orchestration.close.finding import Finding

FORMAT = "ledgerlake close plan 1"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a close of this period would do. `end_date` is exclusive; dates are ISO.

    `binding` is None when dbt never ran; such a plan has a blocker that says so. `lateness` is the
    curve per store and the expected residual (`orchestration.close.lateness`).
    """

    format: str = field(default=FORMAT)
    period_id: str
    first_date: str
    end_date: str
    calendar_version: int
    closed_edition: int
    requester: str | None
    planned_at_us: int
    binding: Binding | None
    findings: tuple[Finding, ...]
    control_totals: tuple[ControlTotal, ...]
    figures: tuple[Figure, ...]
    lateness: Mapping[str, Any]

    @property
    def blockers(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.blocks)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """To be acknowledged by their codes."""
        return tuple(one for one in self.findings if not one.blocks)

    def to_bytes(self) -> bytes:
        """Canonical JSON: one plan has one hash."""
        return (canonical_json(to_values(self)) + "\n").encode()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.to_bytes()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan and, when nothing blocks and it was signed, the token that applies it once."""

    plan: Plan
    plan_sha256: str
    token: str | None


def from_bytes(data: bytes) -> Plan:
    """A plan that was kept. InternalFault if it is none of this version."""
    try:
        return from_values(Plan, json.loads(data))
    except (ValueError, NotThisRecord) as error:
        raise InternalFault(
            "plan_must_be_readable",
            thing="plan of a close",
            expected="a plan written by this version",
            found=str(error),
            remedy="Plan anew: `ledgerlake close plan PERIOD`.",
        ) from error
