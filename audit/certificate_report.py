"""What a verification of a certificate says: which checks were made, and each wrong thing.

Holds the record and its two written forms. Called by `audit.verify` and the command line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ledger.errors import IncorrectInput


@dataclass(frozen=True)
class Checked:
    """One check by name, and whether it held. Checks behind a broken one may be left out."""

    name: str
    ok: bool


@dataclass
class CertificateReport:
    """Grows check by check. `problems` are in the order found; look at the first one first."""

    certificate: str
    sha256: str = ""
    checks: list[Checked] = field(default_factory=list)
    problems: list[IncorrectInput] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems

    @contextmanager
    def check(self, name: str) -> Iterator[None]:
        """One check: what it raises, or tells by `problem`, is kept."""
        before = len(self.problems)
        try:
            yield
        except IncorrectInput as error:
            self.problems.append(error)
        self.checks.append(Checked(name, ok=len(self.problems) == before))

    def to_json(self) -> str:
        return json.dumps(self.as_values(), ensure_ascii=False, indent=2)

    def as_values(self) -> dict[str, object]:
        """Everything, for JSON."""
        return {
            "ok": self.ok,
            "certificate": self.certificate,
            "sha256": self.sha256,
            "checks": [{"name": one.name, "ok": one.ok} for one in self.checks],
            "problems": [
                {
                    "rule": one.rule,
                    "thing": one.thing,
                    "expected": one.expected,
                    "found": one.found,
                    "what_to_do": one.remedy,
                }
                for one in self.problems
            ],
            "not_checked": self.not_checked,
        }

    def to_text(self) -> str:
        """A few lines for people."""
        head = "ok" if self.ok else "BROKEN"
        lines = [f"{head}: {self.certificate}, SHA-256 {self.sha256 or '(not read)'}"]
        lines += [f"  {'ok    ' if one.ok else 'BROKEN'} {one.name}" for one in self.checks]
        lines += [f"  not checked: {one}" for one in self.not_checked]
        lines += [f"{one.rule}: {one}" for one in self.problems]
        return "\n".join(lines)
