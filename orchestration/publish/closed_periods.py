"""The lock on what readers see: no edition may show a certified period with other figures.

Compares digests, so it costs one pass over the small tables of closed periods. Trusts the
certificates' files; that they are those the lake names is for `verify` and the plan to check.
Called by `showing`, on every publish and rollback.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import duckdb

from ledger.errors import IncorrectInput
from orchestration.home import Home
from orchestration.publish.edition import Edition
from orchestration.publish.export import select_parts
from orchestration.publish.figures import FROZEN, Figure, Figures, read_figures

Expected = Mapping[str, tuple[Figure, ...]]
"""Period -> figures an edition must show."""


def certified_figures(folder: Path) -> Expected:
    """Figures of each period's newest certificate."""
    newest: dict[str, tuple[int, tuple[Figure, ...]]] = {}
    for path in sorted(folder.glob("*.edition-*.json")) if folder.is_dir() else ():
        certificate = json.loads(path.read_bytes())
        period = str(certificate["period"]["period_id"])
        number = int(certificate["closed_edition"])
        figures = tuple(
            Figure(str(one["name"]), int(one["rows"]), str(one["sha256"]))
            for one in certificate["figures"]
        )
        newest[period] = max(newest.get(period, (0, ())), (number, figures))
    return {period: figures for period, (_, figures) in newest.items()}


def edition_figures(home: Home, edition: Edition, periods: Mapping[str, object]) -> Figures:
    """Figures of `periods` as the files of `edition` hold them."""
    relations = {}
    for name in FROZEN:
        if table := edition.table(name):
            parts = select_parts(table.files, table.columns, table.partition, home.tables)
            relations[name] = f"({parts})"
    with duckdb.connect(":memory:") as connection:
        connection.execute("set TimeZone = 'UTC'")
        return read_figures(connection, relations, periods)


def require_as_certified(home: Home, edition: Edition, expected: Expected | None = None) -> None:
    """IncorrectInput names the first closed period that `edition` would show otherwise."""
    wanted = certified_figures(home.certificates) if expected is None else expected
    if not wanted:
        return
    found = edition_figures(home, edition, wanted)
    for period, figures in sorted(wanted.items()):
        for then, now in zip(sorted(figures), sorted(found[period]), strict=False):
            if then != now:
                raise _refusal(edition, period, then, now)


def _refusal(edition: Edition, period: str, then: Figure, now: Figure) -> IncorrectInput:
    return IncorrectInput(
        "closed_period_must_match_its_certificate",
        thing=f"period {period} in edition {edition.number}, table {then.name}",
        expected=f"{then.rows:,} rows with SHA-256 {then.sha256}, as certified",
        found=f"{now.name}: {now.rows:,} rows with SHA-256 {now.sha256}",
        remedy="A reopened period is shown once it is closed again (`ledgerlake close plan"
        f" {period}`). Otherwise the warehouse was changed or the edition is older than the"
        " close: `ledgerlake build --full-refresh`, then publish.",
    )
