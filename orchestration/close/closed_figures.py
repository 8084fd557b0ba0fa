"""Has anything that was closed moved? The lake's word against files and warehouse.

For each closed edition: its certificate is the file the lake names, its edition is there, and the
warehouse still holds the certified figures. Does not read event data. Called by the plan (a
blocker) and by `verify` (a problem).
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from audit.certificate import Figure
from ledger.books import Books
from ledger.control_events import PeriodClosed
from ledger.periods import Closed
from orchestration.home import Home
from orchestration.publish import edition as editions
from orchestration.publish.closed_periods import Certified, read_certified
from orchestration.publish.edition import Edition
from orchestration.publish.figures import Relation, none_of, read_figures, warehouse_relations


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One closed thing that is not as it was closed."""

    period_id: str
    closed_edition: int
    thing: str
    expected: str
    found: str

    def as_row(self) -> Mapping[str, object]:
        return vars(self)


def closes(books: Books) -> list[PeriodClosed]:
    """Every close there was, oldest first."""
    return [one.event for one in books.closes if isinstance(one.event, PeriodClosed)]


def newest_closes(books: Books) -> list[PeriodClosed]:
    """The newest close of each period: what readers must see."""
    return list({one.period_id: one for one in closes(books)}.values())


def paper_differences(home: Home, books: Books) -> Iterator[Difference]:
    """Certificates and editions that are missing or not those the lake names."""
    for close in closes(books):
        path = certificate_path(home, close.period_id, close.closed_edition)
        for file in (path, path.with_suffix(".note")):
            if not file.exists():
                yield _difference(close, f"file {file.name}", "to be there", "no such file")
        if path.exists():
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            if found != close.certificate_sha256:
                yield _difference(close, f"file {path.name}", close.certificate_sha256, found)
    yield from edition_differences(home, books)


def edition_differences(home: Home, books: Books) -> Iterator[Difference]:
    """Closed editions that are gone; their files are for `certificates verify`."""
    for close in closes(books):
        if not editions.path_of(home.editions, close.published_edition).exists():
            thing = f"edition {close.published_edition}"
            yield _difference(close, thing, "a manifest", "no such edition")


def warehouse_differences(
    connection: duckdb.DuckDBPyConnection, home: Home, books: Books
) -> Iterator[Difference]:
    """Closed figures the open warehouse holds otherwise, or no longer.

    Only certificates that are those the lake names are compared with.
    """
    relations = warehouse_relations(connection)
    for close in newest_closes(books):
        path = certificate_path(home, close.period_id, close.closed_edition)
        if not path.exists() or _sha256(path) != close.certificate_sha256:
            continue
        if not isinstance(books.state(close.period_id), Closed):
            continue  # reopened: what it is restated to is for its next close to certify
        wanted = read_certified(path)
        found = read_figures(connection, as_then(home, relations, wanted), [close.period_id])
        there = {one.name: one for one in found[close.period_id]}
        for then in wanted.figures:
            now = there.get(then.name, none_of(then.name))
            if now != then:
                yield _difference(close, f"table {then.name}", _said(then), _said(now))


def certificate_path(home: Home, period_id: str, closed_edition: int) -> Path:
    return home.certificates / f"{period_id}.edition-{closed_edition}.json"


def as_then(
    home: Home, relations: Mapping[str, Relation], wanted: Certified
) -> dict[str, Relation]:
    """The tables with the columns they had when they were certified."""
    if not editions.path_of(home.editions, wanted.published_edition).exists():
        return dict(relations)
    edition = editions.read(home.editions, wanted.published_edition)
    return {name: _narrowed(one, name, edition) for name, one in relations.items()}


def _narrowed(relation: Relation, name: str, edition: Edition) -> Relation:
    table = edition.table(name)
    if table is None:
        return relation
    return Relation(relation.sql, [one for one in relation.columns if one in table.columns])


def _difference(close: PeriodClosed, thing: str, expected: str, found: str) -> Difference:
    return Difference(
        period_id=close.period_id,
        closed_edition=close.closed_edition,
        thing=thing,
        expected=expected,
        found=found,
    )


def _said(figure: Figure) -> str:
    return f"{figure.rows:,} rows, SHA-256 {figure.sha256}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
