"""What a plan is bound to: if any of it differs when the close is applied, the plan is void.

Holds the binding, reading it, and saying what moved. Does not judge figures.
Called by plan and apply.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from importlib import resources
from importlib.metadata import version
from pathlib import Path

from ingestion.lake.log import LoggedCommit
from ledger.books import Books
from orchestration.home import Home
from orchestration.publish.models import read_models

PACKAGES = (
    "cryptography",
    "dbt-core",
    "dbt-duckdb",
    "duckdb",
    "great-expectations",
    "ledgerlake",
    "polars",
    "pyarrow",
)
"""Whose code touches figures, verdicts or signatures."""

ROOMS = ("ledger", "audit", "ingestion", "expectations", "orchestration")


@dataclass(frozen=True, kw_only=True)
class Binding:
    """`head_*` is the lake's newest commit; the others are SHA-256 of what computes figures.

    `reference`: calendar, policies and stores, as the lake knows them.
    """

    head_seq: int
    head_sha256: str
    models: str
    contracts: str
    reference: str
    code: str


@dataclass(frozen=True, kw_only=True)
class Moved:
    """One thing that is not as the plan saw it."""

    what: str
    planned: str
    found: str


def read_binding(home: Home, head: LoggedCommit, books: Books) -> Binding:
    """As things stand. IncorrectInput if dbt never ran."""
    return Binding(
        head_seq=head.commit.seq,
        head_sha256=head.sha256,
        models=read_models(home.target).version,
        contracts=contracts_sha256(),
        reference=reference_sha256(books),
        code=code_sha256(),
    )


def moved(planned: Binding, found: Binding) -> Iterator[Moved]:
    """Where the two differ, but for the head: the request itself is a commit behind it."""
    for one in fields(Binding):
        then, now = getattr(planned, one.name), getattr(found, one.name)
        if then != now and not one.name.startswith("head_"):
            yield Moved(what=one.name, planned=str(then), found=str(now))


def contracts_sha256() -> str:
    """Over all contract files."""
    folder = resources.files("ingestion.contracts")
    files = sorted(
        (one for one in folder.iterdir() if one.name.endswith(".toml")), key=lambda one: one.name
    )
    return _sha256((one.name, one.read_bytes()) for one in files)


def code_sha256() -> str:
    """Over all Python of the rooms that ingest, compute, judge and sign."""
    root = Path(__file__).resolve().parents[2]
    paths = sorted(path for room in ROOMS for path in (root / room).rglob("*.py"))
    return _sha256((path.relative_to(root).as_posix(), path.read_bytes()) for path in paths)


def reference_sha256(books: Books) -> str:
    """Over calendar, policies and stores: re-mapping a store voids a plan."""
    known = (books.calendars, books.policies, sorted(books.stores.items()))
    return hashlib.sha256(repr(known).encode()).hexdigest()


def package_versions() -> dict[str, str]:
    """Installed versions of what computes and signs."""
    return {name: version(name) for name in PACKAGES}


def _sha256(named: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, data in named:
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()
