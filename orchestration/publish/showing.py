"""Which edition readers see: moving the pointer forward and back, and keeping its tail short.

Does not write editions (`publisher` does). A move that would show readers a closed period with
other figures than its certificate is refused here, whoever asks. Called by the command line,
the watch, `publisher` and the close.
"""

from ledger.errors import IncorrectInput
from orchestration.home import Home
from orchestration.locks import Busy, exclusive
from orchestration.publish import booking, closed_periods, current_file, tail
from orchestration.publish import edition as editions
from orchestration.publish.current_file import Pointer, Shown
from orchestration.publish.edition import Edition
from orchestration.publish.tail import Coverage
from orchestration.settings import Settings

REFRESH = "tail refresh"
"""What holds the publish lock for a moment: publishing waits for it."""


def show(home: Home, edition: Edition, *, highest: int) -> None:
    """Point readers to `edition`; the caller holds the publish lock.

    IncorrectInput names the first certified period it would show otherwise.
    """
    closed_periods.require_as_certified(home, edition)
    _point(home, edition, highest=highest)


def rollback(settings: Settings, *, to: int | None = None) -> Edition:
    """Show an older (or newer) edition that is still kept; default: the one before."""
    home = Home.of(settings)
    with exclusive(home.publish_lock, doing="rollback", waits_for=REFRESH):
        pointer = require_pointer(home)
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
        show(home, edition, highest=pointer.highest)
        return edition


def refresh_tail(
    settings: Settings, *, most_open: int | None = None, rows: int | None = None
) -> bool:
    """Compact the lake's tail and show it, if live queries read many commits one by one.

    Many: `most_open` commits, or so many `rows` of them. False if nothing was done: few are open,
    nothing is published, or another process publishes.
    """
    home = Home.of(settings)
    most_open = tail.OPEN_COMMITS if most_open is None else most_open
    if not home.current.exists():
        return False
    # Not noted: an older version published, or the index folder was deleted with what views read.
    until = tail.shown_until(home)
    if until is not None and not tail.is_long(home, after=until, commits=most_open, rows=rows):
        return False
    try:
        with exclusive(home.publish_lock, doing=REFRESH):
            pointer = require_pointer(home)
            again(home, editions.read(home.editions, pointer.number), pointer)
    except Busy:
        return False  # whoever publishes shortens the tail too
    return True


def again(home: Home, edition: Edition, pointer: Pointer) -> None:
    """Show the same edition with a shorter tail, or from the home's new place."""
    shown = _point(home, edition, highest=pointer.highest)
    if shown.booked < shown.until:  # a file that did not show all these commits could not tell
        _point(home, edition, highest=pointer.highest)


def require_pointer(home: Home) -> Pointer:
    """What readers see; IncorrectInput before the first publish."""
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


def _point(home: Home, edition: Edition, *, highest: int) -> Coverage:
    shown = Shown(
        edition=edition,
        highest=highest,
        coverage=tail.shorten(home, after=edition.commit_seq, booking=booking.of(home, edition)),
    )
    current_file.replace(home, shown)
    tail.remember_shown(home, shown.coverage)
    return shown.coverage
