"""The journal of a home: opened with its lake, brought up to date both ways, and looked at.

Holds `opened`, `Writer` and `standing`. Does not decide or fold (`ingestion.journal` does). Called
by the commands that write to streams, and by `status` and `doctor`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from ingestion import contracts
from ingestion import journal as journals
from ingestion.account_codec import ACCOUNT_CODEC
from ingestion.journal import Codec, Drained, Journal
from ingestion.lake import Lake
from ingestion.lake.state import LakeState
from ingestion.lake.writer import Clock, system_clock
from ingestion.saga_codec import SAGA_CODEC
from ledger.business_days import DAY_US
from orchestration.home import Home
from orchestration.publish.keeper import TailKeeper
from orchestration.settings import Settings

CODECS: Final[tuple[Codec[Any, Any, Any], ...]] = (ACCOUNT_CODEC, SAGA_CODEC)
"""Every kind of stream the journal keeps states of."""
Progress = Callable[[int, int], None]


def _silent(_done: int, _total: int) -> None:
    return


@dataclass(frozen=True, kw_only=True)
class Writer:
    """A journal and the lake it drains into."""

    settings: Settings
    journal: Journal
    lake: Lake
    now: Clock

    def catch_up(self, progress: Progress = _silent) -> int:
        """Fold what came into the lake past the journal into the states; how many events."""
        return sum(
            journals.catch_up(self.journal, self.lake, codec, progress=progress).events
            for codec in CODECS
        )

    def drain(self, progress: Progress = _silent) -> Drained:
        """Bring what the journal has into the lake; `live.*` shows it at once. What is there and
        older than `journal.keep_days` leaves the journal."""
        skew = self.settings.ingest.future_skew_minutes * 60_000_000
        done = journals.drain(
            self.journal,
            self.lake,
            registry=contracts.load(),
            latest_event_us=self.now() + skew,
            progress=progress,
        )
        if done.last_commit is not None:
            TailKeeper(self.settings).committed(self.lake.head.seq)
        keep_us = self.settings.journal.keep_days * DAY_US
        journals.prune(self.journal, self.lake, before_us=self.now() - keep_us)
        return done


@contextmanager
def opened(settings: Settings, *, now: Clock = system_clock) -> Iterator[Writer]:
    """Open a home's journal, made if there is none. IncorrectInput without a lake."""
    home = Home.of(settings)
    lake = Lake.open(home.lake, home.index, tenant_id=home.tenant, now=now)
    try:
        journal = Journal.open(home.journal, now=now)
        try:
            yield Writer(settings=settings, journal=journal, lake=lake, now=now)
        finally:
            journal.close()
    finally:
        lake.close()


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a journal and its lake stand to each other. Of all `events` the journal has `kept`.
    `incomplete`: rebuild it first."""

    url: str
    incomplete: bool
    events: int
    kept: int
    undrained: int
    streams: int
    commands: int


def standing(home: Home, *, now: Clock = system_clock) -> Standing | None:
    """How the journal stands; None if there is none. Makes nothing.

    InternalFault if the database the settings name does not answer.
    """
    if not home.journal_url and not home.journal_file.is_file():
        return None
    journal = Journal.open(home.journal, now=now)
    try:
        found = journal.status()
    finally:
        journal.close()
    in_lake = drained_into(home)
    return Standing(
        url=found.url,
        incomplete=found.incomplete,
        events=found.events,
        kept=found.kept,
        undrained=min(found.undrained, max(0, found.events - in_lake)),
        streams=found.streams,
        commands=found.commands,
    )


def drained_into(home: Home) -> int:
    """How many events the lake's index knows of the journal, be there one or not; a drain that was
    killed has not told it so."""
    path = home.index / "state.sqlite"
    if not path.exists():
        return 0
    state = LakeState(path)
    try:
        return state.next_offset(journals.SOURCE, journals.PARTITION)
    finally:
        state.close()
