"""A shop that sells late and closes its months: a warehouse whose lake has an office.

Holds `Shop`: sales at chosen times of arrival, the office's control events between them, builds.
Called by tests of posting, of the rules for corrections and of random closes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from audit.canonical import CANONICAL_SCHEMA
from ingestion.lake.log import CommitLog
from ingestion.lake.segments import SegmentFiles
from ingestion.lake.store import LocalStore
from ledger import control_events as ev
from tests.control.office import Clock, Office
from tests.models.event_frames import from_rows
from tests.models.warehouse import Warehouse, microseconds, open_warehouse

MARCH = datetime(2025, 3, 10, 12, tzinfo=UTC)
FEBRUARY = datetime(2025, 2, 10, 12, tzinfo=UTC)


class WarehouseOffice(Office):
    """An office over the lake of a warehouse instead of one of its own."""

    def __init__(self, made: Warehouse, clock: Clock) -> None:
        self.folder, self.clock, self.requests = made.home.lake, clock, 0
        self.lake = made.lake

    def rows_of(self, event_ids: Sequence[str]) -> dict[str, int]:
        frame = events_of(self.folder)
        wanted = frame.filter(pl.col("event_id").is_in(list(event_ids)))
        return dict(wanted.select("event_id", "row_index").iter_rows())


def events_of(lake: Path) -> pl.DataFrame:
    """All accepted events but control events; a file that no commit names holds none."""
    store = LocalStore(lake)
    files = SegmentFiles(store)
    paths = [
        one.path
        for logged in CommitLog(store).after(-1)
        for one in logged.commit.segments
        if one.family != "control"
    ]
    return pl.concat([pl.DataFrame(schema=CANONICAL_SCHEMA), *map(files.read, paths)])


@dataclass
class Shop:
    """`at` moves the clock; `sell` and the office act at that time."""

    made: Warehouse
    clock: Clock
    office: Office = field(init=False)

    def __post_init__(self) -> None:
        self.office = WarehouseOffice(self.made, self.clock)
        self.office.open_for_business()

    def at(self, moment: datetime) -> "Shop":
        self.clock.now_us = microseconds(moment)
        return self

    def later(self, **much: int) -> "Shop":
        self.clock.now_us += int(timedelta(**much) / timedelta(microseconds=1))
        return self

    @property
    def now(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.clock.now_us)

    def sell(
        self,
        happened: datetime,
        amount: int,
        *,
        source: str = "till",
        store: str = "shop",
        kind: str = "SaleRecorded",
    ) -> str:
        """One sale that happened then and arrives now; returns its event_id."""
        self.clock.now_us += 1
        number = self.made.lake.next_offset(source, "p0")
        row = {"event_type": kind, "event_time": happened, "store_id": store, "currency": "EUR"}
        sale = from_rows([{**row, "amount": amount, "quantity": 1}])
        self.made.commit(sale, self.now, source=source)
        return f"{source}-{number}"

    def set_policy(self, **values: object) -> None:
        """A policy of 5 days and 6 hours but for what is given."""
        usual = {"max_delay_days": 5, "initial_grace_hours": 6}
        self.office.record(ev.LatenessPolicySet(**{**usual, **values}))  # type: ignore[arg-type]

    def grant(self, lock_exception_id: str, period_id: str, **scope: object) -> None:
        """A lock exception for an hour, for all but what `scope` names."""
        values = {
            "lock_exception_id": lock_exception_id,
            "period_id": period_id,
            "source": None,
            "store_id": None,
            "amount_cap": None,
            "expires_at_us": self.clock.now_us + 3_600_000_000,
            **scope,
        }
        said = {
            **values,
            "amount_cap": None if values["amount_cap"] is None else str(values["amount_cap"]),
        }
        asked = self.office.ask("rita", "grant_lock_exception", **said)
        granted = ev.LockExceptionGranted(**values, reason="late", request_id=asked.request_id)  # type: ignore[arg-type]
        self.office.approve("adam", asked, granted)

    def build(self, *, full_refresh: bool = False) -> None:
        self.made.build(full_refresh=full_refresh)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self.made.rows(query)


def open_shop(folder: Path) -> Shop:
    clock = Clock(microseconds(FEBRUARY - timedelta(days=30)))
    return Shop(open_warehouse(folder, now=clock), clock)
