"""Making the figures of a closed period again, from the lake alone, in an empty warehouse.

Holds the build at the certificate's cut-off and the comparison of rows and digests. Writes nothing
into the home: warehouse and dbt's files are temporary. Called by `ledgerlake certificates
reproduce`.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from audit.certificate import Figure, Versions, read_certificate
from audit.intact import require_intact
from ingestion.control.books import load_books
from ledger.control_events import PeriodClosed
from ledger.errors import IncorrectInput, InternalFault
from orchestration.build import FAILED, Builder, NodeResult, Tell
from orchestration.close.binding import code_sha256, contracts_sha256, package_versions
from orchestration.close.certificates import certified_closes, state_of
from orchestration.close.closed_figures import as_then, certificate_path
from orchestration.home import Home
from orchestration.publish.closed_periods import read_certified
from orchestration.publish.figures import FROZEN, none_of, read_figures, warehouse_relations
from orchestration.publish.models import models_version
from orchestration.settings import Settings

MakeBuilder = Callable[[Settings], Builder]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One figure: as certified, and as it came out of the lake again."""

    name: str
    same: bool
    certified_rows: int
    certified_sha256: str
    rows: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Reproduced:
    """`same`: every figure is, and `certificate`, there or altered, is the one the lake names.

    `changed`: what computes figures and is not as it was when they were certified.
    """

    period_id: str
    closed_edition: int
    cut_off_commit: int
    same: bool
    certificate: str
    certificate_sha256: str
    figures: tuple[Compared, ...]
    changed: tuple[str, ...]


def reproduce(
    settings: Settings,
    period_id: str,
    *,
    closed_edition: int | None = None,
    make_builder: MakeBuilder = Builder,
    tell: Tell | None = None,
) -> Reproduced:
    """Make the figures of a closed edition (default: the newest) again and compare them.

    `make_builder`: one that has parsed the project already. IncorrectInput if there is no such
    edition or its certificate is gone; InternalFault if the lake's bytes are not those its commits
    name, or a model fails.
    """
    home = Home.of(settings)
    close = _close(home, period_id, closed_edition)
    path = certificate_path(home, period_id, close.closed_edition)
    state = _require_there(path, close)
    certificate, wanted = read_certificate(path.read_bytes()), read_certified(path)
    require_intact(home.lake, until_commit=close.cut_off_commit)
    with tempfile.TemporaryDirectory(prefix="ledgerlake-reproduce-") as folder:
        empty = _empty_home(home, settings, Path(folder))
        builder = make_builder(empty)
        _require_made(builder.make(FROZEN, known_as_of_commit=close.cut_off_commit, tell=tell))
        with duckdb.connect(str(Home.of(empty).warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"set memory_limit = '{settings.duckdb.memory_limit}'")
            relations = as_then(home, warehouse_relations(connection), wanted)
            found = read_figures(connection, relations, [period_id])[period_id]
        changed = tuple(_changed(certificate.versions, models_version(Home.of(empty).target)))
    now = {one.name: one for one in found}
    figures = tuple(_compared(one, now.get(one.name, none_of(one.name))) for one in wanted.figures)
    return Reproduced(
        period_id=period_id,
        closed_edition=close.closed_edition,
        cut_off_commit=close.cut_off_commit,
        same=state == "there" and all(one.same for one in figures),
        certificate=state,
        certificate_sha256=close.certificate_sha256,
        figures=figures,
        changed=changed,
    )


def _close(home: Home, period_id: str, closed_edition: int | None) -> PeriodClosed:
    books = load_books(home.lake)
    found = certified_closes(books, period_id=period_id, closed_edition=closed_edition)
    return found[-1]


def _require_there(path: Path, close: PeriodClosed) -> str:
    """An altered certificate is compared all the same: what it says is told apart."""
    state = state_of(path, close)
    if state == "missing":
        raise IncorrectInput(
            "certificate_must_be_there",
            thing=f"certificate {path.name}",
            expected=f"file {path} and the note beside it",
            found="not both",
            remedy="Get them back from a copy.",
        )
    return state


def _empty_home(home: Home, settings: Settings, folder: Path) -> Settings:
    """A home in `folder` that has this lake and nothing else."""
    (folder / "lake").mkdir()
    (folder / "lake" / home.tenant).symlink_to(home.lake, target_is_directory=True)
    return settings.model_copy(update={"home": folder})


def _require_made(nodes: list[NodeResult]) -> None:
    for one in nodes:
        if one.status in FAILED:
            raise InternalFault(
                "figures_must_be_made_again",
                thing=f"model {one.name}",
                expected="to be made from the lake up to the cut-off",
                found=one.message or one.status,
                remedy="Repair the model; `ledgerlake build --full-refresh` shows the same.",
            )


def _compared(then: Figure, now: Figure) -> Compared:
    return Compared(
        name=then.name,
        same=then == now,
        certified_rows=then.rows,
        certified_sha256=then.sha256,
        rows=now.rows,
        sha256=now.sha256,
    )


def _changed(then: Versions, models: str) -> Iterator[str]:
    now = {"models": models, "contracts": contracts_sha256(), "code": code_sha256()}
    yield from (name for name, version in now.items() if getattr(then, name) != version)
    for name, version in package_versions().items():
        if then.packages.get(name) != version:
            yield f"{name} {then.packages.get(name, 'unknown')}, now {version}"
