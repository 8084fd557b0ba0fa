"""The certificates of a home: which the lake knows, and checking them as a stranger would.

Does not issue any (`certify` does). Called by `ledgerlake certificates` and `verify`.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from audit.certified_lake import VerifiedLake
from audit.verify import Wanted, verify_certificate
from ingestion.control.books import load_books
from ledger.books import Books
from ledger.control_events import PeriodClosed
from ledger.errors import IncorrectInput
from orchestration.close import signing
from orchestration.close.closed_figures import certificate_path, closes
from orchestration.home import Home
from orchestration.keys import lake_keys


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One certificate. `state`: there, missing, or altered."""

    period_id: str
    closed_edition: int
    published_edition: int
    cut_off_commit: int
    sha256: str
    state: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a check of one certificate found. `problems` are in the order found."""

    period_id: str
    closed_edition: int
    ok: bool
    checks: tuple[str, ...]
    problems: tuple[str, ...]


def list_certificates(home: Home) -> list[Listed]:
    """Every certificate a close of this lake named, oldest first."""
    return [_listed(home, one) for one in closes(load_books(home.lake))]


def verify_certificates(
    home: Home,
    *,
    period_id: str | None = None,
    closed_edition: int | None = None,
    files: bool = True,
    lake: VerifiedLake | None = None,
) -> list[Verified]:
    """Check those asked for, all by default. IncorrectInput if there is none of these.

    `lake`: the home's, verified just now; else it is verified once for all of them.
    """
    books = load_books(home.lake)
    wanted = certified_closes(books, period_id=period_id, closed_edition=closed_edition)
    against = lake or _verified_lake(home)
    return [_verified(home, books, one, files=files, lake=against) for one in wanted]


def certified_closes(
    books: Books, *, period_id: str | None, closed_edition: int | None
) -> list[PeriodClosed]:
    """The closes asked for, oldest first. IncorrectInput if there is none of these."""
    wanted = [
        one
        for one in closes(books)
        if period_id in (None, one.period_id) and closed_edition in (None, one.closed_edition)
    ]
    if not wanted:
        raise IncorrectInput(
            "certificate_must_be_issued",
            thing=f"certificate of {period_id or 'any period'}"
            + (f", edition {closed_edition}" if closed_edition else ""),
            expected="one that a close has issued",
            found="none",
            remedy="`ledgerlake certificates list` shows them.",
        )
    return wanted


def state_of(path: Path, close: PeriodClosed) -> str:
    """Is the file at `path` the certificate the lake names? there, missing, or altered."""
    if not path.exists() or not path.with_suffix(".note").exists():
        return "missing"
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    return "there" if found == close.certificate_sha256 else "altered"


def _verified_lake(home: Home) -> VerifiedLake | IncorrectInput:
    """A lake that does not verify is said of each certificate, not instead of them."""
    try:
        return VerifiedLake(home.lake)
    except IncorrectInput as problem:
        return problem


def _listed(home: Home, close: PeriodClosed) -> Listed:
    path = certificate_path(home, close.period_id, close.closed_edition)
    return Listed(
        period_id=close.period_id,
        closed_edition=close.closed_edition,
        published_edition=close.published_edition,
        cut_off_commit=close.cut_off_commit,
        sha256=close.certificate_sha256,
        state=state_of(path, close),
        path=path,
    )


def _verified(
    home: Home,
    books: Books,
    close: PeriodClosed,
    *,
    files: bool,
    lake: VerifiedLake | IncorrectInput,
) -> Verified:
    path = certificate_path(home, close.period_id, close.closed_edition)
    problems, checks = list(_paper_problems(path, close)), ["the one the lake names"]
    if path.exists():
        keys = [one.public for one in lake_keys(home, signing.lake_id(home))]
        wanted = Wanted(
            files=home.tables if files else None,
            shared=True,
            period_id=close.period_id,
            closed_edition=close.closed_edition,
            previous=_previous(home, books, close),
            lake=lake if isinstance(lake, VerifiedLake) else None,
        )
        report = verify_certificate(path, keys, wanted)
        problems += [f"{one.rule}: {one}" for one in report.problems]
        checks += [one.name for one in report.checks]
    if isinstance(lake, IncorrectInput):
        problems.append(f"{lake.rule}: {lake}")
    return Verified(
        period_id=close.period_id,
        closed_edition=close.closed_edition,
        ok=not problems,
        checks=tuple(checks),
        problems=tuple(problems),
    )


def _paper_problems(path: Path, close: PeriodClosed) -> Iterator[str]:
    state = state_of(path, close)
    if state != "there":
        yield (
            f"certificate_must_be_the_one_the_lake_names: {path.name}: expected SHA-256"
            f" {close.certificate_sha256}, found it {state}. Get it back from a copy."
        )


def _previous(home: Home, books: Books, close: PeriodClosed) -> Path | None:
    """The edition before, or for a first one the period before as it stood then."""
    at = books.closes.index(next(one for one in books.closes if one.event == close))
    before = books.calendar.before(books.calendar.get(close.period_id)).period_id
    wanted = close.period_id if close.closed_edition > 1 else before
    earlier = [
        one.event
        for one in books.closes[:at]
        if isinstance(one.event, PeriodClosed) and one.event.period_id == wanted
    ]
    if not earlier:
        return None
    path = certificate_path(home, wanted, earlier[-1].closed_edition)
    return path if path.exists() else None
