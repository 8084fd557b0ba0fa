"""What all steps of the demo share: one home, one warm builder, two people, a clock, and how a step
is shown, timed, and known to be done already.

Does not hold any step. Called by `orchestration.demo.steps` and `closing` with its parts.
"""

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from datetime import time as time_of_day

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

from audit.signed_note import Signer
from ingestion.control.books import load_books
from ingestion.lake import Commit
from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from ledger.books import Books
from ledger.errors import InternalFault
from orchestration.build import PASSED, Builder
from orchestration.cli import output
from orchestration.close.signing import When
from orchestration.home import Home
from orchestration.keys import person_signer
from orchestration.publish.publisher import publish
from orchestration.settings import Settings
from orchestration.status import head_of, read_build_record

REQUESTER, APPROVER = "ana", "ben"
PROGRAM = ("ledgerlake",)
DONE_BEFORE = "done before"

MORNING = time_of_day(9)
"""When the two begin, on the day of the last arrival: after it came at 02:00, and before the next
would, so that a demo `--until` a day can be gone on with."""

MINUTE_US = 60_000_000
"""How far the clock moves from one step to the next. It is never the machine's: every run of the
demo has the same times, and the months are closed in the year they belong to."""


@dataclass
class Stage:
    """One run of the demo."""

    settings: Settings
    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    opens_us: int = 0
    _builder: Builder | None = None
    _books: Books | None = None
    _head: int = -1

    @property
    def home(self) -> Home:
        return Home.of(self.settings)

    @property
    def builder(self) -> Builder:
        """Parses the project once for all builds of the demo."""
        if self._builder is None:
            self._builder = Builder(self.settings)
        return self._builder

    @property
    def books(self) -> Books:
        """As of the lake's head; read again only if it moved."""
        head = self.newest().seq
        if self._books is None or head != self._head:
            self._books, self._head = load_books(self.home.lake, until_commit=head), head
        return self._books

    @property
    def when(self) -> When:
        """A minute after the last thing that happened."""
        last = max(self.opens_us, self.newest().ingest_time_us)
        return When(now_us=last + MINUTE_US, historical=True)

    def open_on(self, day: date) -> None:
        """The day the last file arrived, on which all that follows happens."""
        opens = datetime.combine(day, MORNING, UTC)
        self.opens_us = int(opens.timestamp()) * 1_000_000

    def signer(self, person: str) -> Signer:
        return person_signer(self.home, person)

    def section(self, title: str) -> None:
        self.console.print(Rule(escape(title), align="left"))

    def step(
        self,
        arguments: Sequence[str],
        do: Callable[[], object],
        did: Callable[[], str | None],
        *,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        """Show a command, do what it does unless that is done, and say in a line what came of it.

        `did` reads that from the lake and the files, so that it says the same whoever did it and
        when; None: not done yet.
        """
        shown = shlex.join([*program, *arguments])
        self.console.print(f"[bold]$ {escape(shown)}[/]")
        came, took = did(), DONE_BEFORE
        if came is None:
            start = time.perf_counter()
            do()
            took = f"{time.perf_counter() - start:.1f} s"
            came = did()
        if came is None:
            raise InternalFault(
                "demo_step_must_leave_its_mark",
                thing=shown,
                expected="what it does to be found in the lake or the files",
                found="nothing",
                remedy="Set LEDGERLAKE_HOME to an empty folder if this home holds another lake.",
            )
        self.say(f"{escape(came)}  [dim]{took}[/]")

    def look(
        self,
        arguments: Sequence[str],
        ask: Callable[[], str],
        *,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        """Show a command that only reads, and what it says."""
        said: list[str] = []
        self.step(
            arguments,
            lambda: said.append(ask()),
            lambda: said[0] if said else None,
            program=program,
        )

    def say(self, text: str) -> None:
        self.console.print(f"  {text}")

    def build(self) -> str:
        """Bring all figures to the lake's head; a model or test that fails ends the demo."""
        with output.progress("build") as tell:
            built = self.builder.build(count_rows=False, tell=tell)
        if built.outcome != PASSED:
            failed = "; ".join(f"{one.name}: {one.why}" for one in built.failed)
            raise InternalFault(
                "demo_build_must_pass",
                thing="ledgerlake build",
                expected="every model and test to pass",
                found=failed,
                remedy="Set LEDGERLAKE_HOME to an empty folder if this home holds another lake.",
            )
        tests = sum(one.is_test for one in built.nodes)
        return f"{len(built.nodes) - tests} models made, {tests} tests passed"

    def publish(self) -> str:
        """Show readers what was built."""
        return f"readers see edition {publish(self.settings).edition}"

    def built_commit(self) -> int | None:
        """What the warehouse knows, if its last build passed."""
        record = read_build_record(self.home)
        return record["commit_seq"] if record and record["outcome"] == PASSED else None

    def newest(self) -> Commit:
        """The lake's newest commit."""
        log = CommitLog(LocalStore(self.home.lake))
        return head_of(log, after=max(self._head, 0))
