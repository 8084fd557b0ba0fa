"""Any order of append, duplicate, conflict, crash and reopen leaves exactly what was acknowledged.

A plain dictionary is the model; the lake, its crash points and its files are real.
"""

import contextlib
import shutil
import tempfile
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from audit.verify_lake import verify_lake
from ingestion.lake import Lake
from tests.events import batch, deposits, rejects, sales

STEPS = ("before_segments", "part_written", "linked", "before_commit", "after_commit", "remembered")


class Crash(BaseException):
    """The process ends here."""


class LakeMachine(RuleBasedStateMachine):
    """`self.model`: event id -> category, as acknowledged or found after a crash."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="lake-machine-"))
        self.model: dict[str, str] = {}
        self.next = self.moves = 0
        self.partition = 0
        self.duplicates = self.quarantined = 0
        self.crash_at: tuple[str, int] | None = None

    @initialize()
    def create(self) -> None:
        Lake.create(self.home / "lake", self.home / "index").close()
        self.reopen()

    @rule(rows=st.integers(1, 30), bad=st.integers(0, 3))
    def append_new(self, rows: int, bad: int) -> None:
        events = sales(self.next, rows)
        moves = deposits(self.moves, rows // 2)
        refused = rejects(0, bad, partition=f"bad-{self._fresh()}")
        result = self.lake.append(batch(events, moves, quarantine=refused))
        assert (result.accepted, result.duplicate) == (rows + rows // 2, 0)
        assert result.quarantined == bad
        self.next += rows
        self.moves += rows // 2
        self._learn(events, moves)
        self.quarantined += bad

    @precondition(lambda self: self.model)
    @rule(back=st.integers(1, 40))
    def append_known_events_from_another_file(self, back: int) -> None:
        first = max(0, self.next - back)
        events = sales(first, self.next - first, partition=f"copy-{self._fresh()}")
        known = sum(event_id in self.model for event_id in events["event_id"])
        result = self.lake.append(self._rebased(events))
        assert (result.duplicate, result.quarantined) == (known, 0)
        assert result.accepted == events.height - known
        self.duplicates += known
        self._learn(events)

    @precondition(lambda self: self.model)
    @rule(back=st.integers(1, 40))
    def append_known_ids_with_other_content(self, back: int) -> None:
        first = max(0, self.next - back)
        events = sales(first, self.next - first, partition=f"other-{self._fresh()}")
        known = events.filter(pl.col("event_id").is_in(list(self.model)))
        if known.is_empty():
            return
        known = known.with_columns(category=pl.lit("other content"))
        result = self.lake.append(self._rebased(known))
        assert (result.accepted, result.duplicate) == (0, 0)
        assert result.quarantined == known.height
        self.quarantined += known.height

    @rule()
    def append_what_was_appended_before(self) -> None:
        if self.next:
            result = self.lake.append(batch(sales(0, self.next)))
            assert result.seq is None

    @rule(step=st.sampled_from(STEPS), nth=st.integers(1, 3), rows=st.integers(1, 20))
    def crash_while_appending(self, step: str, nth: int, rows: int) -> None:
        self.reopen()
        self.crash_at = (step, nth)
        events = sales(self.next, rows)
        before = self.lake.head.tree_size
        with contextlib.suppress(Crash):
            self.lake.append(batch(events))
        self.crash_at = None
        self.reopen()
        grown = self.lake.head.tree_size - before
        assert grown in (0, rows), "all of a batch or none of it"
        if grown:
            self.next += rows
            self._learn(events)

    @rule()
    def reopen(self) -> None:
        self.lake = Lake.open(self.home / "lake", self.home / "index", step=self._step)

    @rule()
    def reopen_without_derived_state(self) -> None:
        shutil.rmtree(self.home / "index")
        self.reopen()

    @invariant()
    def the_lake_holds_the_model(self) -> None:
        report = verify_lake(self.home / "lake")
        assert report.ok, report
        assert report.events == len(self.model)
        segments = list((self.home / "lake").glob("family=*/*/*.parquet"))
        committed = {s for s in segments if self._is_committed(s)}
        rows = [pl.read_parquet(s, columns=["event_id", "category"]) for s in sorted(committed)]
        if rows:
            table = pl.concat(rows)
            assert dict(table.iter_rows()) == self.model and table.height == len(self.model)

    def teardown(self) -> None:
        shutil.rmtree(self.home)

    def _is_committed(self, segment: Path) -> bool:
        seq = segment.name.split("-")[0]
        commit = self.home / "lake/_delta_log" / f"{seq}.json"
        return commit.exists() and segment.name in commit.read_text()

    def _step(self, name: str) -> None:
        if self.crash_at and name == self.crash_at[0]:
            self.crash_at = (name, self.crash_at[1] - 1)
            if self.crash_at[1] == 0:
                raise Crash

    def _fresh(self) -> int:
        self.partition += 1
        return self.partition

    def _rebased(self, events: pl.DataFrame):
        return batch(events.with_columns(source_offset=pl.int_range(pl.len(), dtype=pl.Int64)))

    def _learn(self, *frames: pl.DataFrame) -> None:
        for frame in frames:
            self.model.update(frame.select("event_id", "category").iter_rows())


TestLakeMachine = LakeMachine.TestCase
TestLakeMachine.settings = settings(
    max_examples=15,
    stateful_step_count=12,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
