"""The form of a replay's plan: what it would post, why, and what it is bound to.

Holds data, its one form in bytes whose hash is signed, and where it is kept:
`data/interest/<tenant>/<token>/`. Does not make a plan (`plan` does). Called by plan and apply.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from audit.canonical_json import canonical_json
from audit.record import NotThisRecord, from_values, to_values
from ledger.errors import IncorrectInput
from orchestration.home import Home
from orchestration.publish.edition import replace_durably

FORMAT = "ledgerlake replay of interest 1"
CSV, HTML = "report.csv", "report.html"
_PLAN, _ROWS = "plan.json", "differences.parquet"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a replay would do. Amounts are decimal text.

    `sums` by currency: accounts, old, new, delta, posted, below_materiality. `why` by currency and
    reason: accounts and what it adds. `goes_to_people`: why corrections are exceptions when they
    arrive; `decides` of them are decided by the request `decision_request_id`, which books them in
    the first open period.
    """

    format: str = field(default=FORMAT)
    period_id: str
    first_date: str
    end_date: str
    from_algorithm: str
    to_algorithm: str
    from_sha256: str
    to_sha256: str
    edition: int
    known_as_of_commit: int
    newest_posted_commit: int
    requester: str | None
    planned_at_us: int
    materiality: str
    compared: int
    affected: int
    corrections: int
    sums: tuple[Mapping[str, Any], ...]
    why: tuple[Mapping[str, Any], ...]
    goes_to_people: str | None
    decision_request_id: str | None
    decides: int
    rows_sha256: str

    def to_bytes(self) -> bytes:
        return (canonical_json(to_values(self)) + "\n").encode()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.to_bytes()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan, where its papers lie, and the token that applies it once; None: nothing to apply, or
    nobody asked."""

    plan: Plan
    folder: Path
    token: str | None


def folder_of(home: Home, name: str) -> Path:
    """Of a token, or of a plan nobody signed."""
    return home.interest / name


def keep(folder: Path, plan: Plan, rows: bytes) -> None:
    """Keep a plan and its rows durably, before anybody asks for it."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_durably(folder / _ROWS, rows)
    replace_durably(folder / _PLAN, plan.to_bytes())


def rows_bytes(rows: pl.DataFrame) -> bytes:
    """The rows of a plan as they are kept; their hash stands in the plan."""
    into = io.BytesIO()
    rows.write_parquet(into, compression="zstd")
    return into.getvalue()


def read(home: Home, token: str, *, plan_sha256: str) -> tuple[Plan, pl.DataFrame]:
    """The plan that was signed, and its rows. IncorrectInput if they were lost or are others."""
    folder = folder_of(home, token)
    try:
        data, rows = (folder / _PLAN).read_bytes(), (folder / _ROWS).read_bytes()
    except FileNotFoundError as error:
        raise _wrong(token, f"file {error.filename}", "no such file") from None
    try:
        plan = from_values(Plan, json.loads(data))
    except (ValueError, NotThisRecord) as error:
        raise _wrong(token, "a plan written by this version", str(error)) from None
    if plan.sha256 != plan_sha256:
        raise _wrong(token, f"a plan of SHA-256 {plan_sha256}", plan.sha256)
    found = hashlib.sha256(rows).hexdigest()
    if found != plan.rows_sha256:
        raise _wrong(token, f"rows of SHA-256 {plan.rows_sha256}", found)
    return plan, pl.read_parquet(rows)


def _wrong(token: str, expected: str, found: str) -> IncorrectInput:
    return IncorrectInput(
        "plan_must_be_kept_until_it_is_applied",
        thing=f"plan of token {token}",
        expected=expected,
        found=found,
        remedy="Plan anew: `ledgerlake replay interest --from ... --to ... --period ...`.",
    )
