"""Verifying a home: the lake by its proofs and rules, then what is derived from it by the lake.

Does not repair. Called by `ledgerlake verify` and the demo.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from audit.certified_lake import VerifiedLake
from audit.lake_report import KnownHead, Progress, Report
from audit.trusted_keys import TrustedKey
from audit.verify_lake import verify_lake
from ingestion.control.books import load_books
from ingestion.control.check import check_control
from ingestion.lake.derived import check_derived
from ingestion.lake.log import CommitLog
from ingestion.lake.state import LakeState
from ingestion.lake.store import LocalStore
from ledger.errors import IncorrectInput
from orchestration.anchors import anchors_problem
from orchestration.close import closed_figures
from orchestration.close.certificates import verify_certificates
from orchestration.home import Home
from orchestration.publish import edition as editions
from orchestration.settings import Settings

Tell = Callable[[int, int], None]
"""Called with (done, total)."""


@dataclass(frozen=True, kw_only=True)
class Verified:
    """The lake's report, and what does not agree with it."""

    ok: bool
    lake: Report
    index_checked: bool
    problems: list[str]


def verify_home(
    settings: Settings,
    *,
    quick: bool,
    tell: Tell,
    anchors: Path | None = None,
    keys: Sequence[TrustedKey] = (),
) -> Verified:
    """Verify lake, control events, editions and what was closed; unless `quick`, also the bytes of
    closed editions and the derived index.

    `anchors` is a folder of heads kept elsewhere, checked with `keys` or else the lake's own.
    """
    home = Home.of(settings)

    def told(progress: Progress) -> None:
        tell(progress.commits, progress.commits_total)

    try:
        report = verify_lake(home.lake, known_head=_known_head(home), progress=told)
    except NotADirectoryError:
        raise IncorrectInput(
            "lake_must_exist",
            thing=f"home {home.root}, tenant {home.tenant}",
            expected="a lake",
            found="none",
            remedy="Run `ledgerlake init` first, or set LEDGERLAKE_HOME to the home that has one.",
        ) from None
    problems = []
    # No index at all is no problem: the next command that opens the lake builds it.
    check_index = report.ok and not quick and (home.index / "state.sqlite").exists()
    if anchors is not None:
        problem = anchors_problem(home, anchors, keys)
        problems += [str(problem)] if problem else []
    if report.ok:
        broken = check_control(home.lake)
        problems += [str(broken)] if broken else []
        problems += _edition_problems(home)
        problems += [] if broken else _closed_problems(home, report, files=not quick)
    if check_index:
        problems += [
            f"{one.what}: expected {one.expected}, found {one.found}. {one.remedy}"
            for one in check_derived(home.lake, home.index)
        ]
    return Verified(
        ok=report.ok and not problems, lake=report, index_checked=check_index, problems=problems
    )


def _known_head(home: Home) -> KnownHead | None:
    """The newest commit the writer remembers: with it, a log cut at its end is found."""
    path = home.index / "state.sqlite"
    if not path.exists():
        return None
    state = LakeState(path)
    try:
        head = state.head()
    finally:
        state.close()
    return KnownHead(seq=head.seq, sha256=head.commit_sha256) if head.seq >= 0 else None


def _edition_problems(home: Home) -> list[str]:
    """Kept editions must be cut from this very lake."""
    log = CommitLog(LocalStore(home.lake))
    problems = []
    for number in editions.numbers(home.editions):
        edition = editions.read(home.editions, number)
        there = log.exists(edition.commit_seq)
        root = log.read(edition.commit_seq).commit.tree_root if there else "no such commit"
        if root != edition.tree_root:
            problems.append(
                f"edition {number}: expected tree root {edition.tree_root} at commit"
                f" {edition.commit_seq}, found {root}. Publish again: ledgerlake publish --full."
            )
    return problems


def _closed_problems(home: Home, report: Report, *, files: bool) -> list[str]:
    """Everything closed is as its certificate says: papers, files, and the warehouse's figures."""
    books = load_books(home.lake)
    if not books.closes:
        return []
    problems = [
        f"certificate of {one.period_id}, edition {one.closed_edition}: {problem}"
        for one in verify_certificates(home, files=files, lake=VerifiedLake(home.lake, report))
        for problem in one.problems
    ]
    differences = list(closed_figures.edition_differences(home, books))
    if home.warehouse.exists():
        try:
            with duckdb.connect(str(home.warehouse), read_only=True) as connection:
                differences += closed_figures.warehouse_differences(connection, home, books)
        except duckdb.IOException as error:
            problems.append(f"warehouse not compared: {str(error).splitlines()[0]}")
    problems += [
        f"period {one.period_id}, closed edition {one.closed_edition}: {one.thing}: expected"
        f" {one.expected}, found {one.found}. Run: ledgerlake build --full-refresh."
        for one in differences
    ]
    return problems
