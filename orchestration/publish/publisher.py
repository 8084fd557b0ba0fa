"""Publishing: from a built warehouse to a new edition, or to nothing if nothing changed.

Order: part files, manifest, then the pointer in one step (`showing`); a crash before it leaves the
old edition and is made good by running again. A close stops before the pointer (`prepare`) and
moves it later (`show`). Does not build. Called by `ledgerlake publish`, `build` and the close.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

from ledger.errors import IncorrectInput
from orchestration.home import Home
from orchestration.locks import exclusive
from orchestration.publish import current_file, pins, retention, showing, tail, window
from orchestration.publish import edition as editions
from orchestration.publish.current_file import Pointer
from orchestration.publish.edition import Edition, PublishedTable
from orchestration.publish.export import PartWriter
from orchestration.publish.figures import FROZEN
from orchestration.publish.gate import require_passed
from orchestration.publish.held import Held, held_periods, reading
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


def prepare(
    settings: Settings,
    *,
    reason: str,
    period_id: str | None = None,
    locked: bool = False,
    step: Step | None = None,
) -> Edition:
    """Write an edition that nobody sees yet and that stays: part files, manifest, a pin.

    The same `reason` again gives the same number, so a close that broke off goes on with it.
    `period_id`: the period being closed, whose figures are not those certified before.
    `locked`: the caller holds the build lock already.
    """
    home = Home.of(settings)
    current_file.require_plain_path(home.root)
    with _quiet_home(home, locked=locked):
        return _Publisher(settings, home, step or (lambda _name: None)).prepare(reason, period_id)


def show(settings: Settings, number: int) -> bool:
    """Point readers to a prepared edition; False if they see it, or know more, already."""
    home = Home.of(settings)
    with exclusive(home.publish_lock, doing="publish", waits_for=showing.REFRESH):
        edition = editions.read(home.editions, number)
        pointer = current_file.read_pointer(home)
        if pointer is not None:
            seen = editions.read(home.editions, pointer.number)
            if seen.number == number or seen.commit_seq > edition.commit_seq:
                return False
        showing.show(home, edition, highest=max(number, pointer.highest if pointer else 0))
        return True


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
        edition = self._export(models, pointer, before, full=full)
        self._step("exported")
        if before and pointer and _same(before, edition):
            self._refresh(before, pointer)
            return _outcome(before, before, [])
        editions.write(self._home.editions, edition)
        self._step("manifest")
        showing.show(self._home, edition, highest=edition.number)
        self._step("pointed")
        return _outcome(edition, before, self._prune(edition, now_us))

    def prepare(self, reason: str, period_id: str | None) -> Edition:
        models = read_models(self._home.target)
        pointer = current_file.read_pointer(self._home)
        before = editions.read(self._home.editions, pointer.number) if pointer else None
        mine = [number for number, whose in pins.pinned(self._home).items() if whose == reason]
        edition = self._export(models, pointer, before, back=True, releasing=period_id)
        edition = replace(edition, number=mine[0] if mine else edition.number)
        self._step("exported")
        pins.pin(self._home, edition.number, reason=reason)
        self._step("pinned")
        editions.write(self._home.editions, edition)
        self._step("manifest")
        return edition

    def _export(
        self,
        models: Models,
        pointer: Pointer | None,
        before: Edition | None,
        *,
        full: bool = False,
        back: bool = False,
        releasing: str | None = None,
    ) -> Edition:
        """All part files of the next edition. `back`: it may know less than `before`."""
        with open_warehouse(
            self._home.warehouse,
            memory_limit=self._settings.duckdb.memory_limit,
            threads=self._settings.threads,
        ) as warehouse:
            cut = warehouse.cut()
            require_passed(self._home, models, cut.commit_seq)
            base = None if full else before
            if base is not None and back and cut.commit_seq < base.commit_seq:
                base = None
            if base is not None:
                _require_forward(base, cut)
            writer = PartWriter(warehouse.connection, self._home.tables)
            held = held_periods(self._home, known_commit=cut.commit_seq, releasing=releasing)
            tables = tuple(
                self._table(one, warehouse, writer, base, cut=cut, held=held)
                for one in models.tables
            )
            writer.sync()
            return self._edition(pointer, before, cut, models, tables)

    def _table(
        self,
        model: Model,
        warehouse: Warehouse,
        writer: PartWriter,
        base: Edition | None,
        *,
        cut: Cut,
        held: Held | None,
    ) -> PublishedTable:
        columns = warehouse.columns(model)
        generation = warehouse.generation(model)
        before = base.table(model.name) if base else None
        if model.name in FROZEN and held is not None:
            # What is held comes and goes without a new row: whole, for the tables are small.
            before = None
            if held:
                model = reading(model, warehouse, self._home, held)
        layout = TableLayout(model, columns, writer)
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
            number=max(highest, *pins.pinned(self._home), 0) + 1,
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
        if moved or tail.is_long(
            self._home, after=pointer.tail_until, commits=tail.OPEN_COMMITS // 2
        ):
            showing.again(self._home, edition, pointer)

    def _prune(self, current: Edition, now_us: int) -> list[int]:
        rule = retention.Rule(
            keep=self._settings.editions.keep,
            keep_hours=self._settings.editions.keep_hours,
            now_us=now_us,
        )
        kept = pins.kept(self._home)
        gone = retention.prune(self._home, rule, current=current.number, kept_for_good=kept)
        # Certified editions stay for years: a rollback to one fills the tail behind it again.
        recent = set(editions.numbers(self._home.editions)) - kept.editions
        commits = (editions.read(self._home.editions, number).commit_seq for number in recent)
        oldest = min(commits, default=current.commit_seq)
        tail.prune(self._home, after=oldest, older_than_us=rule.deadline_us)
        window.prune(self._home, after=oldest, older_than_us=rule.deadline_us)
        return gone


@contextmanager
def _quiet_home(home: Home, *, locked: bool = False) -> Iterator[None]:
    """No build and no other publish while this one reads the warehouse."""
    with (
        nullcontext() if locked else exclusive(home.build_lock, doing="publish"),
        exclusive(home.publish_lock, doing="publish", waits_for=showing.REFRESH),
    ):
        yield


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


def _require_forward(base: Edition, cut: Cut) -> None:
    if cut.commit_seq < base.commit_seq:
        raise IncorrectInput(
            "knowledge_must_not_go_back",
            thing="the warehouse",
            expected=f"commit {base.commit_seq} or later, as edition {base.number} shows",
            found=f"commit {cut.commit_seq}",
            remedy="Build to the lake's head, use `ledgerlake rollback`, or publish with --full.",
        )


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
