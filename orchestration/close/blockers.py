"""What stops a close besides the gate's own questions: order, builds, locks, and moved figures.

Each check gives one finding or none, and none stops the others: a plan lists all at once.
Does not judge figures of the period (`expectations` does). Called by the plan.
"""

from collections.abc import Iterable, Iterator

from ledger.books import Books
from ledger.calendar import Period
from ledger.instants import from_us
from ledger.periods import BeforeFirstClose, Closed, Open, Reopened, SoftClosed, name_of
from orchestration.close.closed_figures import Difference
from orchestration.close.finding import Finding, blocker
from orchestration.home import Home
from orchestration.locks import Holder, holder
from orchestration.news import newest_of_only
from orchestration.status import read_build_record

REQUESTS = ("ActionRequested", "ActionDeclined")
"""What changes nothing but the list of requests; a plan is one itself."""


def of_the_lake(home: Home, books: Books, period: Period, *, now_us: int) -> Iterator[Finding]:
    """Checks that need no warehouse."""
    yield from _ended(period, now_us)
    yield from _state(books, period)
    yield from _earlier(books, period)
    yield from _under_way(home)


def of_the_build(home: Home, *, warehouse_seq: int | None, head_seq: int) -> Iterator[Finding]:
    """Checks of the last build. Requests that came after it move no figure."""
    record = read_build_record(home)
    failed = record["failed"] if record else []
    if failed:
        yield blocker(
            "last_build_must_have_passed",
            [
                {
                    "node": one["name"],
                    "status": one["status"],
                    "what": one["header"] or one["message"],
                }
                for one in failed
            ],
            question="Did every model and test of the last build pass?",
            remedy="Repair what fails, then `ledgerlake build --publish`.",
        )
    if warehouse_seq != head_seq and not _only_requests(home, warehouse_seq, head_seq):
        yield blocker(
            "build_must_know_the_lake_head",
            [{"warehouse_commit": warehouse_seq, "lake_commit": head_seq}],
            question="Does the warehouse know all the lake knows?",
            remedy="`ledgerlake build --publish`",
        )


def rebuild_under_way(who: Holder | None, found: str) -> Finding:
    """Somebody holds the warehouse: nothing in it can be asked."""
    return blocker(
        "no_build_may_be_under_way",
        [{"holder": f"process {who.pid}, {who.doing} since {who.since}" if who else found}],
        question="Is the warehouse free, so that its figures stand still?",
        remedy="Wait until it ends, then plan again.",
    )


def moved_figures(differences: Iterable[Difference]) -> Iterator[Finding]:
    """Closed figures, certificates or editions that are not as they were closed."""
    rows = [one.as_row() for one in differences]
    if rows:
        yield blocker(
            "closed_figures_must_not_move",
            rows,
            question="Is everything that was closed as its certificate says?",
            remedy="Run `ledgerlake verify`; `ledgerlake build --full-refresh` makes the warehouse"
            " anew from the lake, files come back from a copy of data/published.",
        )


def _only_requests(home: Home, after: int | None, until: int) -> bool:
    return after is not None and newest_of_only(home, REQUESTS, after=after, until=until) == until


def _ended(period: Period, now_us: int) -> Iterator[Finding]:
    today = from_us(now_us).date()
    if today < period.end_date:
        yield blocker(
            "period_must_have_ended",
            [{"period_id": period.period_id, "end_date": period.end_date, "today": today}],
            question="Is the period over?",
            remedy=f"Plan on or after {period.end_date}.",
        )


def _state(books: Books, period: Period) -> Iterator[Finding]:
    state = books.state(period.period_id)
    match state:
        case Open() | Reopened() | SoftClosed(sealed=False):
            return
        case SoftClosed():
            remedy = "Finish it: `ledgerlake close status` shows its token for `close apply`."
        case Closed():
            remedy = f"`ledgerlake reopen {period.period_id}` asks for a restatement."
        case BeforeFirstClose():
            remedy = "It lies before the first period that was closed and is locked with it."
    yield blocker(
        "period_must_be_open_to_close",
        [{"period_id": period.period_id, "state": name_of(state)}],
        question="Is the period one that can be closed?",
        remedy=remedy,
    )


def _earlier(books: Books, period: Period) -> Iterator[Finding]:
    """From the first period ever closed on, every one before this must be Closed."""
    if not books.first_closed:
        return
    first = books.first_closed[-1][1]
    rows = [
        {"period_id": one.period_id, "state": name_of(books.state(one.period_id))}
        for one in books.calendar.between(first.first_date, period.first_date)
        if not isinstance(books.state(one.period_id), Closed | BeforeFirstClose)
    ]
    if rows:
        yield blocker(
            "earlier_period_must_be_closed_first",
            rows,
            question="Is every earlier period closed?",
            remedy=f"Close {rows[0]['period_id']} first.",
        )


def _under_way(home: Home) -> Iterator[Finding]:
    who = holder(home.close_lock)
    if who is not None:
        yield blocker(
            "no_close_may_be_under_way",
            [{"holder": f"process {who.pid}, {who.doing} since {who.since}"}],
            question="Is no other close under way?",
            remedy="Wait until it ends, then plan again.",
        )
