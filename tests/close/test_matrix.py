"""Every path to a figure x every state of its period x every kind of lock exception.

Whatever is tried, the closed edition's bytes and what readers see of it stay as they are; what
comes late is routed as the rules say; tampering is found. One house per state lives through all
paths, one after the other.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from dagster import DagsterInstance
from dbt.cli.main import dbtRunner

from ingestion.control.books import load_books
from ingestion.journal import NewEvent
from ingestion.lake import Lake
from ingestion.lake.layout import segment_path
from ledger.errors import IncorrectInput
from orchestration.close import closed_figures
from orchestration.journal import opened
from orchestration.publish import edition as editions
from orchestration.publish.showing import rollback
from orchestration.verification import verify_home
from tests.close.conftest import JANUARY
from tests.close.house import PROJECT, House, day, microseconds, open_house
from tests.events import batch, sales
from tests.models.warehouse import dbt_home, parsed_project
from tests.prepared import once
from tests.scheduling.office import Office

STATES = ("Open", "SoftClosed", "Closed", "Reopened")
LOCKS = ("no", "valid", "expired", "revoked")
"""Each lock exception is for one source, whose name it is; the journal is one source, so there each
is for one store."""
LATE = day(1, 2) + timedelta(hours=9)
"""Two days into January, learned in February: too late in every state without an exception."""
PATHS = (
    "ingest",
    "historical import",
    "journal",
    "dropped segment",
    "Dagster backfill",
    "dbt build",
    "publish",
    "rollback",
    "dbt build --full-refresh",
    "publish --full",
    "direct write to the warehouse",
    "dbt run -s with changed vars",
    "publish after changed vars",
)
"""In the order they are gone; a story ends with the last that a test asks for."""
NIGHTLY = PATHS[PATHS.index("dbt build --full-refresh") :]
"""Of a reopened period: in CI a closed one goes them."""
SUM = f"select sum(amount), sum(event_count) from period_sales where posting_period = '{JANUARY}'"


@dataclass
class Story:
    """One house in one state, and what was seen after each path."""

    house: House
    state: str
    arrived: dict[tuple[str, str], str] = field(default_factory=dict)
    routes: dict[tuple[str, str], str] = field(default_factory=dict)
    backfilled: list[str | None] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    bytes_after: dict[str, dict[str, bytes]] = field(default_factory=dict)
    readers_after: dict[str, object] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)

    def until(self, path: str) -> "Story":
        """Go all paths up to this one."""
        for one in ("before", *PATHS[: PATHS.index(path) + 1]):
            if one not in self.bytes_after:
                try:
                    self._act(one)
                except IncorrectInput as refusal:
                    self.refused[one] = refusal.rule
                self._see(one)
        return self

    def _see(self, path: str) -> None:
        self.bytes_after[path] = self.house.closed_bytes()
        self.readers_after[path] = self.house.read(SUM)

    def _act(self, path: str) -> None:
        actions: dict[str, Callable[[], object]] = {
            "before": lambda: None,
            "ingest": lambda: self._arrive("ingest", historical=False),
            "historical import": lambda: self._arrive("historical import", historical=True),
            "journal": self._push,
            "dropped segment": self._drop_segment,
            "dbt build": self._build,
            "publish": self.house.publish,
            "dbt build --full-refresh": lambda: self._dbt("build", "--full-refresh"),
            "publish --full": lambda: self.house.publish(full=True),
            "dbt run -s with changed vars": lambda: self._dbt(
                "run", "-s", "period_sales", "--full-refresh", "--vars", "{known_as_of_commit: 9}"
            ),
            "publish after changed vars": self.house.publish,
            "Dagster backfill": self._backfill,
            "rollback": self._roll_back,
            "direct write to the warehouse": self._write_directly,
        }
        actions[path]()
        if path in ("dbt build", "Dagster backfill"):
            self._remember_routes()

    def _arrive(self, path: str, *, historical: bool) -> None:
        """A late sale of each source; the lake's clock is the house's."""
        self.house.clock += timedelta(hours=1)
        now = microseconds(self.house.clock)
        home = self.house.home
        lake = Lake.open(home.lake, home.index, now=lambda: now)
        for source in LOCKS:
            first = lake.next_offset(source, "p0")
            frame = sales(first, 1, source=source).with_columns(
                event_time=LATE + timedelta(hours=9)
            )
            moment = max(now, lake.head.ingest_time_us + 1) if historical else None
            lake.append(batch(frame), ingest_time_us=moment)
            self.arrived[path, source] = f"{source}-{first}"
        lake.close()

    def _push(self) -> None:
        """A late sale of each store, as a till sends it: through the journal, drained at once."""
        self.house.clock += timedelta(hours=1)
        now = microseconds(self.house.clock)
        with opened(self.house.settings, now=lambda: now) as writer:
            for store in LOCKS:
                sale = _late_sale(store)
                writer.journal.append(
                    f"till {store}",
                    expected_version=0,
                    events=[sale],
                    state=b"",
                    state_format="till/1",
                )
                self.arrived["journal", store] = sale.event_id
            assert writer.drain().accepted == len(LOCKS)

    def _drop_segment(self) -> None:
        """A whole, readable segment of a commit there never was."""
        folder = self.house.home.lake / "family=sales"
        newest = sorted(folder.rglob("*.parquet"))[-1]
        path = Path(segment_path("sales", int(newest.name[:20]) + 500, newest.stem[21:]))
        dropped = folder.parent / path
        dropped.parent.mkdir(exist_ok=True)
        shutil.copyfile(newest, dropped)

    def _dbt(self, *arguments: str) -> None:
        """dbt itself, as anybody could run it; without its tests, which are not what is tried."""
        home = self.house.home
        tests = ["--exclude-resource-type", "test", "unit_test"] * (arguments[0] == "build")
        with dbt_home(home.root):
            dbtRunner(manifest=parsed_project()).invoke(
                [
                    *(*arguments, *tests, "--log-level", "none"),
                    *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
                    *("--target-path", str(home.target)),
                ]
            )

    def _build(self) -> None:
        self._arrive("dbt build", historical=False)
        self._dbt("build")

    def _backfill(self) -> None:
        """As the daemon does it: all models, an edition, then the periods a sensor asks for."""
        self._arrive("Dagster backfill", historical=False)
        home = self.house.home
        home.schedule_manifest.parent.mkdir(exist_ok=True)
        shutil.copyfile(home.target / "manifest.json", home.schedule_manifest)
        with DagsterInstance.ephemeral() as instance:
            dagster = Office(self.house.settings, instance)
            dagster.set_clock(self.house.clock)
            assert dagster.run("build").success
            for request in dagster.look("late_arrivals").requests:
                assert dagster.run("refresh_period", request).success
                self.backfilled.append(request.partition_key)

    def _remember_routes(self) -> None:
        waiting = dict(
            self.house.warehouse(
                "select event_id, exception_reason from main.late_event_exceptions"
            )
        )
        for key, event_id in self.arrived.items():
            self.routes[key] = str(waiting.get(event_id, "in_window"))

    def _roll_back(self) -> None:
        refusals = []
        home = self.house.home
        for number in editions.numbers(home.editions):
            try:
                rollback(self.house.settings, to=number)
            except IncorrectInput as refusal:
                refusals.append(refusal)
            self._see("rollback")
            assert (
                self.readers_after["rollback"] == self.readers_after["before"]
                or not (self.bytes_after["before"])
            ), f"edition {number}"
        if refusals:
            raise refusals[0]

    def _write_directly(self) -> None:
        self.house.tamper(
            "update main.period_sales set amount = amount + 0.0001"
            f" where posting_period = '{JANUARY}'"
        )
        if self.state == "Closed":
            planned = self.house.plan("2026-02", as_=None).plan
            self.found = [one.code for one in planned.blockers]
            with duckdb.connect(str(self.house.home.warehouse), read_only=True) as connection:
                home, books = self.house.home, load_books(self.house.home.lake)
                self.found += [
                    one.thing
                    for one in closed_figures.warehouse_differences(connection, home, books)
                ]
        self.house.publish(full=True)


def _late_sale(store: str) -> NewEvent:
    return NewEvent(
        event_id=f"pushed {store}",
        event_type="SaleRecorded",
        schema_version=1,
        event_time_us=microseconds(LATE + timedelta(hours=9)),
        columns={"store_id": store, "currency": "EUR", "amount": Decimal(7)},
        payload=b"{}",
    )


def _silent(_done: int, _total: int) -> None:
    return


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Story]:
    made: dict[str, Story] = {}
    folder = tmp_path_factory.mktemp("matrix")
    source = once(tmp_path_factory, "house-open", open_house).copy_to(folder / "source")
    _grant(source)
    source.build()
    source.publish()
    houses = {"Open": source}

    def house(state: str) -> House:
        if state not in houses:
            before = house("Closed" if state == "Reopened" else "Open")
            houses[state] = _in_state(before.copy_to(folder / state), state)
        return houses[state]

    def story(state: str) -> Story:
        if state not in made:
            made[state] = Story(house(state).copy_to(folder / f"story of {state}"), state)
        return made[state]

    return story


def _grant(house: House) -> None:
    """One lock exception for each source but the first, and each store but the first of the
    journal, for all of January."""
    for kind, lasts in (("valid", 600), ("expired", 30), ("revoked", 600)):
        house.grant_lock(JANUARY, source=kind, minutes=lasts)
        house.grant_lock(JANUARY, source="journal", store=kind, minutes=lasts)
    house.clock += timedelta(minutes=31)
    house.revoke_lock("revoked")
    house.revoke_lock("journal", store="revoked")


def _in_state(house: House, state: str) -> House:
    if state == "Closed":
        house.close(JANUARY)
        return house
    if state == "SoftClosed":
        house.soft_close(JANUARY)
        return house  # the first path that builds shows it
    house.reopen(JANUARY)
    house.build()
    house.publish()
    return house


def _expected(state: str, lock: str) -> str:
    """A valid exception opens every lock but that of a closed period."""
    if lock == "valid" and state != "Closed":
        return "in_window"
    return {
        "Open": "too_late",
        "SoftClosed": "period_soft_closed",
        "Closed": "period_closed",
        "Reopened": "period_reopened",
    }[state]


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("path", ["ingest", "historical import", "journal", "Dagster backfill"])
def test_late_event_is_routed_as_the_rules_say(
    stories: Callable[[str], Story], path: str, state: str, lock: str
) -> None:
    assert stories(state).until("Dagster backfill").routes[path, lock] == _expected(state, lock)


def _paths_of_what_was_closed() -> list[object]:
    """Each path of either state; those of a reopened period that build or write anew at night."""
    return [
        pytest.param(
            *(path, state),
            marks=[pytest.mark.nightly] if state == "Reopened" and path in NIGHTLY else [],
        )
        for path in PATHS
        for state in ("Closed", "Reopened")
    ]


@pytest.mark.parametrize(("path", "state"), _paths_of_what_was_closed())
def test_bytes_of_the_closed_edition_and_what_readers_see_of_it_stay(
    stories: Callable[[str], Story], path: str, state: str
) -> None:
    lived = stories(state).until(path)
    assert lived.bytes_after["before"]
    assert lived.bytes_after[path] == lived.bytes_after["before"]
    assert lived.readers_after[path] == lived.readers_after["before"]


@pytest.mark.parametrize("state", STATES)
def test_dagster_backfills_the_period_the_late_events_touch_whatever_its_state(
    stories: Callable[[str], Story], state: str
) -> None:
    assert JANUARY in stories(state).until("Dagster backfill").backfilled


@pytest.mark.parametrize("state", STATES)
def test_segment_dropped_into_the_folder_is_no_part_of_the_lake(
    stories: Callable[[str], Story], state: str
) -> None:
    lived = stories(state).until("Dagster backfill")
    known = lived.house.warehouse("select max(commit_seq) from intermediate.int_sales__deltas")
    assert known[0][0] <= load_books(lived.house.home.lake).commit_seq + 5 * len(LOCKS)
    problem = verify_home(lived.house.settings, quick=True, tell=_silent).lake.first_problem
    assert problem and problem.rule == "log_must_not_end_before_its_segments"


@pytest.mark.parametrize(
    "state",
    [
        "Closed",
        *(pytest.param(one, marks=pytest.mark.nightly) for one in STATES if one != "Closed"),
    ],
)
def test_only_a_build_of_everything_is_published(
    stories: Callable[[str], Story], state: str
) -> None:
    rule = stories(state).until(PATHS[-1]).refused["publish after changed vars"]
    assert rule in ("last_build_must_cover_what_is_published", "knowledge_must_not_go_back")


def test_rollback_shows_nothing_else_of_a_certified_period(
    stories: Callable[[str], Story],
) -> None:
    """Editions of before the close were tried too: they show the same figures, or are refused."""
    for state in ("Closed", "Reopened"):
        lived = stories(state).until("rollback")
        assert len(editions.numbers(lived.house.home.editions)) > 3
        rule = lived.refused.get("rollback", "closed_period_must_match_its_certificate")
        assert rule == "closed_period_must_match_its_certificate"


def test_tampering_with_the_warehouse_is_found_by_plan_and_verify_and_is_not_published(
    stories: Callable[[str], Story],
) -> None:
    lived = stories("Closed").until("direct write to the warehouse")
    assert {"closed_figures_must_not_move", "table period_sales"} <= set(lived.found)
    rule = lived.refused.get("direct write to the warehouse")
    assert rule == "closed_period_must_match_its_certificate"


@pytest.mark.nightly
def test_figures_of_a_reopened_period_may_move_in_the_warehouse_and_are_not_shown(
    stories: Callable[[str], Story],
) -> None:
    lived = stories("Reopened").until("direct write to the warehouse")
    assert "direct write to the warehouse" not in lived.refused
