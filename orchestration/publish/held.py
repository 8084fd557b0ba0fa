"""Reopened periods as readers see them: the certified figures, until the next edition is certified.

Holds which periods are held, and the relation an export reads then: the warehouse's rows, but those
of held periods from the files of their certified edition. Called by `publisher`.
"""

from collections.abc import Mapping
from dataclasses import replace

from ingestion.control.books import load_books
from ledger.periods import Closed, closed_edition_of
from orchestration.home import Home
from orchestration.publish import edition as editions
from orchestration.publish.closed_periods import certified
from orchestration.publish.edition import Edition, PublishedTable
from orchestration.publish.export import quoted, select_parts, text
from orchestration.publish.figures import PERIOD_COLUMNS
from orchestration.publish.models import Model
from orchestration.publish.warehouse import Warehouse

Held = Mapping[str, Edition]
"""Period -> the edition whose figures readers go on seeing."""


def held_periods(home: Home, *, known_commit: int, releasing: str | None) -> Held | None:
    """Closed periods that were reopened at a commit and not closed again, but for the one being
    closed.

    None if nothing was ever certified.
    """
    found = certified(home.certificates)
    if not found:
        return None
    books = load_books(home.lake, until_commit=known_commit)
    held = {}
    for one in found:
        state = books.state(one.period_id)
        reopened = closed_edition_of(state) > 0 and not isinstance(state, Closed)
        if reopened and one.period_id != releasing:
            held[one.period_id] = editions.read(home.editions, one.published_edition)
    return held


def reading(model: Model, warehouse: Warehouse, home: Home, held: Held) -> Model:
    """The model, reading the held periods from their editions."""
    columns = warehouse.columns(model)
    period = next(one for one in PERIOD_COLUMNS if one in dict(columns))
    names = ", ".join(quoted(name) for name, _ in columns)
    ids = ", ".join(map(text, sorted(held)))
    selects = [f"select {names} from {model.relation} where {quoted(period)} not in ({ids})"]
    for period_id, edition in sorted(held.items()):
        table = edition.table(model.name)
        if table is not None:
            then = _as_now(table, columns, home)
            selects.append(
                f"select {names} from ({then}) where {quoted(period)} = {text(period_id)}"
            )
    view = f"held_{model.name}"
    warehouse.connection.execute(
        f"create or replace temp view {quoted(view)} as " + " union all ".join(selects)
    )
    return replace(model, source=f"temp.{quoted(view)}")


def _as_now(table: PublishedTable, columns: tuple[tuple[str, str], ...], home: Home) -> str:
    """Rows of an edition with the columns of today: one that came later is null."""
    there = dict(table.columns)
    parts = select_parts(table.files, table.columns, table.partition, home.tables)
    names = ", ".join(
        quoted(name) if name in there else f"cast(null as {kind}) as {quoted(name)}"
        for name, kind in columns
    )
    return f"select {names} from ({parts})"
