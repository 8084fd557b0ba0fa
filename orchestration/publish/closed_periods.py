"""The lock on what readers see: no edition may show a certified period with other figures.

Compares digests, so it costs one pass over the small tables of closed periods. Trusts the
certificates' files; that they are those the lake names is for `verify` and the plan to check.
Called by `showing`, on every publish and rollback.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from audit.certificate import Figure
from ledger.errors import IncorrectInput
from orchestration.home import Home
from orchestration.publish import edition as editions
from orchestration.publish.edition import Edition
from orchestration.publish.export import select_parts
from orchestration.publish.figures import FROZEN, Figures, Relation, none_of, read_figures


@dataclass(frozen=True, kw_only=True)
class Certified:
    """What a certificate says about its period: figures, and the edition that shows them."""

    period_id: str
    closed_edition: int
    published_edition: int
    figures: tuple[Figure, ...]


def certified(folder: Path) -> list[Certified]:
    """Each period's newest certificate, in the order of period ids."""
    found = sorted(_certificates(folder), key=lambda one: (one.period_id, one.closed_edition))
    return [list(group)[-1] for _, group in groupby(found, key=lambda one: one.period_id)]


def read_certified(path: Path) -> Certified:
    """What the certificate of a file says; its signature is for others to check.

    A frozen table it does not name had no rows.
    """
    values = json.loads(path.read_bytes())
    named = {str(one["name"]): _figure(one) for one in values["figures"]}
    return Certified(
        period_id=str(values["period"]["period_id"]),
        closed_edition=int(values["closed_edition"]),
        published_edition=int(values["published_edition"]),
        figures=tuple(named.get(name, none_of(name)) for name in FROZEN),
    )


def edition_figures(
    home: Home, edition: Edition, periods: Iterable[str], *, like: Edition | None = None
) -> Figures:
    """Figures of `periods` as the files of `edition` hold them.

    `like`: only the columns that edition had, so that a column added later changes no digest.
    """
    with duckdb.connect(":memory:") as connection:
        connection.execute("set TimeZone = 'UTC'")
        return read_figures(connection, _relations(home, edition, like or edition), periods)


def require_as_certified(home: Home, edition: Edition) -> None:
    """IncorrectInput names the first certified period that `edition` would show otherwise."""
    wanted = [
        one for one in certified(home.certificates) if one.published_edition != edition.number
    ]
    # Editions of one model version have the same columns: one pass over all their periods.
    groups: dict[str, tuple[Edition, list[Certified]]] = {}
    for one in wanted:
        like = _certified_edition(home, one) or edition
        groups.setdefault(_key(like), (like, []))[1].append(one)
    for like, group in groups.values():
        found = edition_figures(home, edition, [one.period_id for one in group], like=like)
        for one in group:
            _require_equal(edition, one, found[one.period_id])


def _certificates(folder: Path) -> Iterator[Certified]:
    for path in folder.glob("*.edition-*.json") if folder.is_dir() else ():
        yield read_certified(path)


def _figure(values: Mapping[str, Any]) -> Figure:
    return Figure(name=str(values["name"]), rows=int(values["rows"]), sha256=str(values["sha256"]))


def _certified_edition(home: Home, certified: Certified) -> Edition | None:
    """None if its manifest was lost: `verify` says so, and readers need it not."""
    number = certified.published_edition
    if not editions.path_of(home.editions, number).exists():
        return None
    return editions.read(home.editions, number)


def _key(edition: Edition) -> str:
    """Equal for editions whose frozen tables have equal columns."""
    return repr([(table.name, table.columns) for table in edition.tables if table.name in FROZEN])


def _relations(home: Home, edition: Edition, like: Edition) -> dict[str, Relation]:
    found = {}
    for name in FROZEN:
        table, pattern = edition.table(name), like.table(name)
        if table is not None:
            parts = select_parts(table.files, table.columns, table.partition, home.tables)
            columns = pattern.columns if pattern else table.columns
            there = [one for one in table.columns if one in columns]
            found[name] = Relation(f"({parts})", there)
    return found


def _require_equal(edition: Edition, wanted: Certified, found: tuple[Figure, ...]) -> None:
    there = {one.name: one for one in found}
    for then in wanted.figures:
        now = there.get(then.name, none_of(then.name))
        if now != then:
            raise _refusal(edition, wanted, then, now)


def _refusal(edition: Edition, wanted: Certified, then: Figure, now: Figure) -> IncorrectInput:
    period = wanted.period_id
    return IncorrectInput(
        "closed_period_must_match_its_certificate",
        thing=f"period {period} in edition {edition.number}, table {then.name}",
        expected=f"{then.rows:,} rows with SHA-256 {then.sha256}, as certified"
        f" (closed edition {wanted.closed_edition})",
        found=f"{now.rows:,} rows with SHA-256 {now.sha256}",
        remedy="A reopened period is shown once it is closed again:"
        f" `ledgerlake close plan {period}`. Otherwise the warehouse was changed, or the edition is"
        " older than the close: `ledgerlake build --full-refresh`, then `ledgerlake publish`.",
    )
