"""The period clock: which period is due to be SoftClosed, and doing it without a person.

Due is the oldest Open period whose `close_at` has passed: so many days and hours, as set, after the
UTC midnight that ends it. The clock goes on from the first period that has a state; without any it
begins with the newest due one, for a close locks all before it. Does not plan or close. Called by
Dagster's clock and its job.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from ingestion.control.books import load_books
from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from ledger.books import Books
from ledger.calendar import Period
from ledger.control_events import PeriodSoftClosed
from ledger.periods import OPEN, SoftClosed
from orchestration.close import signing
from orchestration.close.signing import When
from orchestration.home import Home
from orchestration.settings import Settings
from orchestration.status import at

REASON = "close_at has passed"


@dataclass(frozen=True, kw_only=True)
class Due:
    """The oldest Open period and its `close_at`; `passed` when it is due now."""

    period_id: str
    calendar_version: int
    close_at: datetime
    passed: bool


def next_due(settings: Settings, *, now_us: int) -> Due:
    """The period the clock looks at, though it may not be due yet."""
    home = Home.of(settings)
    books = load_books(home.lake)
    period = _after_the_first_state(books) or _newest_due(settings, home, books, at(now_us))
    moment = close_at(settings, period)
    return Due(
        period_id=period.period_id,
        calendar_version=books.calendar.version,
        close_at=moment,
        passed=moment <= at(now_us),
    )


def _after_the_first_state(books: Books) -> Period | None:
    """The oldest Open period behind the first that was ever anything else."""
    found = [one for name in books.periods if (one := books.calendar.find(name)) is not None]
    if not found:
        return None
    period = min(found)
    while books.state_at(period, books.commit_seq) != OPEN:
        period = books.calendar.after(period)
    return period


def _newest_due(settings: Settings, home: Home, books: Books, now: datetime) -> Period:
    """The newest period whose `close_at` has passed, or the first that the lake lived in."""
    began = at(CommitLog(LocalStore(home.lake)).read(0).commit.ingest_time_us).date()
    period = books.calendar.period_of(now.date())
    while close_at(settings, period) > now and period.first_date > began:
        period = books.calendar.before(period)
    return period


def close_at(settings: Settings, period: Period) -> datetime:
    """When the clock closes a period softly."""
    midnight = datetime.combine(period.end_date, time(), UTC)
    wait = settings.periods
    return midnight + timedelta(days=wait.close_at_days, hours=wait.close_at_hours)


def soft_close_by_clock(home: Home, period_id: str, *, when: When) -> bool:
    """Let only the policy's sources book from now on; False if it was SoftClosed already.

    IncorrectInput, named as the rule, for a period that is Closed or Reopened.
    """
    if isinstance(load_books(home.lake).state(period_id), SoftClosed):
        return False
    event = PeriodSoftClosed(period_id=period_id, sealed=False, reason=REASON)
    signing.record(home, [event], when)
    return True
