"""Publishing: from a built warehouse to a new edition, or to nothing if nothing changed.

Order: part files, manifest, then the pointer in one step; a crash before it leaves the old edition
and is made good by running again. Does not build. Called by `ledgerlake publish` and `build`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ledger.errors import IncorrectInput
from orchestration.home import Home
from orchestration.locks import Busy, exclusive
from orchestration.publish import current_file, retention, tail
from orchestration.publish import edition as editions
from orchestration.publish.current_file import Pointer, Shown
from orchestration.publish.edition import Edition, PublishedTable
from orchestration.publish.export import PartWriter
from orchestration.publish.gate import require_passed
from orchestration.publish.layout import Span, TableLayout
from orchestration.publish.models import Model, Models, read_models
from orchestration.publish.warehouse import Cut, Warehouse, open_warehouse
from orchestration.settings import Settings

Tables = tuple[PublishedTable, ...]
Step = Callable[[str], None]
"""Called with the name of each step just reached; tests end the process there."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """What a publish did. `changed` is False when readers already saw all of it."""

    edition: int
    previous: int | None
    changed: bool
    commit_seq: int
    tables: int
    rows: int
    files_written: int
    bytes_written: int
    editions_deleted: list[int]


def publish(
    settings: Settings, *, full: bool = False, now_us: int | None = None, step: Step | None = None
) -> Published:
    """Publish what the warehouse holds. `full` writes every table anew.

    IncorrectInput when there is no build, when it knows less than the current edition (unless
    `full`), or when another process builds or publishes.
    """
    home = Home.of(settings)
    current_file.require_plain_path(home.root)
    with _quiet_home(home):
        publisher = _Publisher(settings, home, step or (lambda _name: None))
        return publisher.run(full=full, now_us=tail.now_us() if now_us is None else now_us)


def rollback(settings: Settings, *, to: int | None = None) -> Edition:
    """Show an older (or newer) edition that is still kept; default: the one before."""
    home = Home.of(settings)
    with exclusive(home.publish_lock, doing="rollback"):
        pointer = _require_pointer(home)
        current = editions.read(home.editions, pointer.number)
        wanted = to if to is not None else current.previous
        if wanted is None:
            raise IncorrectInput(
                "rollback_must_have_an_edition_before",
                thing=f"edition {current.number}",
                expected="an edition before it",
                found="that it is the first",
                remedy="Name one with --to; `ledgerlake status` shows which are kept.",
            )
        edition = editions.read(home.editions, wanted)
        _show(home, edition, highest=pointer.highest)
        return edition


def refresh_tail(settings: Settings, *, most_open: int = 2 * tail.RUN_COMMITS) -> bool:
    """Compact the lake's tail and show it, if live queries read many commits one by one.

    False if nothing was done: few are open, nothing is published, or another process publishes.
    """
    home = Home.of(settings)
    pointer = current_file.read_pointer(home)
    if pointer is None or tail.open_commits(home, pointer.tail_until) < most_open:
        return False
    try:
        with exclusive(home.publish_lock, doing="tail refresh"):
            pointer = _require_pointer(home)
            edition = editions.read(home.editions, pointer.number)
            _show(home, edition, highest=pointer.highest)
    except Busy:
        return False  # whoever publishes shortens the tail too
    return True


class TailKeeper:
    """Keeps live queries short for a process that commits again and again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._looked_at = -1

    def committed(self, seq: int) -> None:
        """To be called after a commit; looks at most once in `RUN_COMMITS` commits."""
        if seq - self._looked_at >= tail.RUN_COMMITS:
            self._looked_at = seq
            refresh_tail(self._settings)


class _Publisher:
    """One publish: settings, home and steps in one place."""

    def __init__(self, settings: Settings, home: Home, step: Step) -> None:
        self._settings = settings
        self._home = home
        self._step = step

    def run(self, *, full: bool, now_us: int) -> Published:
        models = read_models(self._home.target)
        pointer = current_file.read_pointer(self._home)
        before = editions.read(self._home.editions, pointer.number) if pointer else None
        cut, tables = self._export(models, None if full else before)
        self._step("exported")
        edition = self._edition(pointer, before, cut, models, tables)
        if before and pointer and _same(before, edition):
            self._refresh(before, pointer)
            return _outcome(before, before, [])
        editions.write(self._home.editions, edition)
        self._step("manifest")
        _show(self._home, edition, highest=edition.number)
        self._step("pointed")
        return _outcome(edition, before, self._prune(edition, now_us))

    def _export(self, models: Models, base: Edition | None) -> tuple[Cut, Tables]:
        with open_warehouse(
            self._home.warehouse,
            memory_limit=self._settings.duckdb.memory_limit,
            threads=self._settings.threads,
        ) as warehouse:
            cut = warehouse.cut()
            require_passed(self._home, models, cut.commit_seq)
            if base is not None:
                _require_forward(base, cut)
            writer = PartWriter(warehouse.connection, self._home.tables)
            tables = tuple(_table(one, warehouse, writer, base, cut) for one in models.tables)
            writer.sync()
            return cut, tables

    def _edition(
        self,
        pointer: Pointer | None,
        before: Edition | None,
        cut: Cut,
        models: Models,
        tables: Tables,
    ) -> Edition:
        highest = pointer.highest if pointer else max(editions.numbers(self._home.editions) or [0])
        return Edition(
            number=highest + 1,
            previous=before.number if before else None,
            tenant=self._home.tenant,
            commit_seq=cut.commit_seq,
            ingest_time_us=cut.ingest_time_us,
            tree_size=cut.tree_size,
            tree_root=cut.tree_root,
            model_version=models.version,
            definitions=models.definitions,
            tables=tables,
        )

    def _refresh(self, edition: Edition, pointer: Pointer) -> None:
        moved = pointer.home != str(self._home.root)
        if moved or tail.open_commits(self._home, pointer.tail_until) >= tail.RUN_COMMITS:
            _show(self._home, edition, highest=pointer.highest)

    def _prune(self, current: Edition, now_us: int) -> list[int]:
        rule = retention.Rule(
            keep=self._settings.editions.keep,
            keep_hours=self._settings.editions.keep_hours,
            now_us=now_us,
        )
        gone = retention.prune(self._home, rule, current=current.number)
        kept = (
            editions.read(self._home.editions, n) for n in editions.numbers(self._home.editions)
        )
        oldest = min((one.commit_seq for one in kept), default=current.commit_seq)
        tail.prune(self._home, after=oldest, older_than_us=rule.deadline_us)
        return gone


@contextmanager
def _quiet_home(home: Home) -> Iterator[None]:
    """No build and no other publish while this one reads the warehouse."""
    with (
        exclusive(home.build_lock, doing="publish"),
        exclusive(home.publish_lock, doing="publish"),
    ):
        yield


def _table(
    model: Model, warehouse: Warehouse, writer: PartWriter, base: Edition | None, cut: Cut
) -> PublishedTable:
    columns = warehouse.columns(model)
    generation = warehouse.generation(model)
    layout = TableLayout(model, columns, writer)
    before = base.table(model.name) if base else None
    if before and base and _continues(before, model, columns, generation):
        files = before.files
        if base.commit_seq != cut.commit_seq:
            files = layout.next(before, Span(base.commit_seq, cut.commit_seq))
    else:
        files = layout.whole(cut.commit_seq)
    return PublishedTable(
        name=model.name,
        schema=model.schema,
        kind=model.kind.value,
        partition=model.partition,
        watermark=model.watermark,
        columns=tuple(columns),
        version=model.version,
        generation=generation,
        files=files,
    )


def _continues(
    before: PublishedTable, model: Model, columns: Sequence[tuple[str, str]], generation: str
) -> bool:
    """Whether the files of `before` hold what the table still holds, up to its edition's cut."""
    then = (before.kind, before.partition, before.watermark, before.version, before.generation)
    now = (model.kind.value, model.partition, model.watermark, model.version, generation)
    return then == now and before.columns == tuple(columns)


def _same(before: Edition, after: Edition) -> bool:
    """Whether readers would see nothing new."""
    return replace(after, number=before.number, previous=before.previous) == before


def _show(home: Home, edition: Edition, *, highest: int) -> None:
    shown = Shown(
        edition=edition,
        highest=highest,
        coverage=tail.shorten(home, after=edition.commit_seq),
    )
    current_file.replace(home, shown)


def _require_forward(base: Edition, cut: Cut) -> None:
    if cut.commit_seq < base.commit_seq:
        raise IncorrectInput(
            "knowledge_must_not_go_back",
            thing="the warehouse",
            expected=f"commit {base.commit_seq} or later, as edition {base.number} shows",
            found=f"commit {cut.commit_seq}",
            remedy="Build to the lake's head, use `ledgerlake rollback`, or publish with --full.",
        )


def _require_pointer(home: Home) -> Pointer:
    pointer = current_file.read_pointer(home)
    if pointer is None:
        raise IncorrectInput(
            "edition_must_be_published_first",
            thing=f"home {home.root}",
            expected="a published edition",
            found="none",
            remedy="Run `ledgerlake build --publish` first.",
        )
    return pointer


def _outcome(edition: Edition, before: Edition | None, deleted: list[int]) -> Published:
    """`before` is the edition readers saw until now; the same one when nothing changed."""
    known = before.paths() if before else set()
    new = {
        one.path: one for table in edition.tables for one in table.files if one.path not in known
    }
    return Published(
        edition=edition.number,
        previous=edition.previous,
        changed=edition is not before,
        commit_seq=edition.commit_seq,
        tables=len(edition.tables),
        rows=sum(table.rows for table in edition.tables),
        files_written=len(new),
        bytes_written=sum(one.size for one in new.values()),
        editions_deleted=deleted,
    )
