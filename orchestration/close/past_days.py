"""How past days of each store became complete: what the expected residual learns from.

Holds days as they stood some hours after their end, pooled over stores, and the rate of events
later than the horizon. Does not estimate. Called by `orchestration.close.lateness`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

HISTORY_DAYS = 365
"""A year of earlier days: longer, and a source that has become better stays suspect."""

HORIZON_DAYS = 60
"""Later events are few and single; they are estimated as a rate over all stores. A shorter history
lowers the horizon to half its length, so that there are days to learn from."""

REPLICATES = 200
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class State:
    """Past days as they stood some hours after their end: events known, still missing, and which
    of the four kinds of day they were then (nothing known yet x usually trades on that weekday)."""

    known: Ints
    missing: Ints
    kind: Ints


@dataclass(frozen=True)
class Store:
    """One store: its days of the period, and its past days as (day, hour of arrival) counts."""

    store_id: str
    known: Ints
    weekdays: Ints
    ages: Floats
    past_days: int
    past_weekdays: Ints
    past_final: Ints
    event_day: Ints
    event_age: Ints
    event_count: Ints
    kept: dict[int, State] = field(default_factory=dict, compare=False, repr=False)

    @property
    def daily(self) -> float:
        return float(self.past_final.mean()) if self.past_days else 0.0

    def state(self, hours: float) -> State:
        key = round(hours)
        if key not in self.kept:
            taken = self.event_age <= key + _SLACK_HOURS
            known = np.bincount(
                self.event_day[taken], weights=self.event_count[taken], minlength=self.past_days
            ).astype(np.int64)
            kind = kind_of(known, self._past_trades)
            self.kept[key] = State(known, self.past_final - known, kind)
        return self.kept[key]

    @cached_property
    def _past_trades(self) -> Flags:
        return self.trades(self.past_weekdays)

    def trades(self, weekdays: Ints) -> Flags:
        """Whether the store traded on at least half of the past days of these weekdays."""
        seen = np.bincount(self.past_weekdays, minlength=7)
        traded = np.bincount(self.past_weekdays[self.past_final > 0], minlength=7)
        usual: Flags = traded * 2 >= np.maximum(seen, 1)
        return usual[weekdays]

    def shares(self, hours: float, kind: int) -> Floats:
        """Of past days of a kind: events missing, over those known, or over a mean day's."""
        state = self.state(hours)
        same = state.kind == kind
        missing = state.missing[same].astype(np.float64)
        if kind in NOTHING_KNOWN:
            shares: Floats = missing / self.daily if self.daily else missing
            return shares
        of_known: Floats = missing / state.known[same]
        return of_known


NOTHING_KNOWN = (2, 3)


def kind_of(known: Ints, trades: Flags) -> Ints:
    kinds: Ints = (known == 0) * 2 + trades.astype(np.int64)
    return kinds


_SLACK_HOURS = 3
"""A file that comes at 02:00 local time comes an hour earlier in UTC in summer."""


def learnt_from(
    arrivals: pl.DataFrame, first_date: date, known_at: datetime
) -> tuple[date, timedelta]:
    """The first past day, and how long a day must have been watched to count as a past one."""
    first = arrivals["business_date"].min()
    assert isinstance(first, date)
    since = max(first, first_date - timedelta(days=HISTORY_DAYS))
    days = min(HORIZON_DAYS, max((known_at.date() - since).days // 2, 1))
    return since, timedelta(days=days)


@dataclass(frozen=True)
class Asked:
    """The period, and the past days that teach: from `since`, all of them before `watched`."""

    first_date: date
    end_date: date
    since: date
    watched: date
    known_at: datetime


def history(arrivals: pl.DataFrame, asked: Asked) -> list[Store]:
    """Every store with its days of the period and its past days, none of them after the period."""
    until = max(min(asked.watched, asked.end_date), asked.since)
    horizon_hours = (asked.known_at.date() - asked.watched).days * 24
    past = pl.date_range(asked.since, until, closed="left", eager=True)
    period = pl.date_range(asked.first_date, asked.end_date, closed="left", eager=True)
    now = asked.known_at.timestamp()
    ages = (now - _end_of(period)) / 3600
    stores = []
    for (store,), part in arrivals.group_by("store_id", maintain_order=True):
        events = part.filter(
            pl.col("business_date").is_between(asked.since, until, closed="left")
            & (pl.col("age_hours") <= horizon_hours)
        )
        index = (events["business_date"] - asked.since).dt.total_days().to_numpy()
        counts = events["event_count"].to_numpy()
        final = np.bincount(index, weights=counts, minlength=len(past)).astype(np.int64)
        stores.append(
            Store(
                store_id=str(store),
                known=_per_day(part, asked.first_date, len(period)),
                weekdays=_weekdays(period),
                ages=ages,
                past_days=len(past),
                past_weekdays=_weekdays(past),
                past_final=final,
                event_day=index,
                event_age=events["age_hours"].to_numpy(),
                event_count=counts,
            )
        )
    return stores


class Pool:
    """What days of all stores did: for stores with little of their own to go by."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self._stores = [one for one in stores if one.daily > 0]
        self._kept: dict[tuple[int, int], Floats] = {}

    def shares(self, hours: float, kind: int) -> Floats:
        key = (round(hours), kind)
        if key not in self._kept:
            found = [one.shares(hours, kind) for one in self._stores]
            self._kept[key] = np.concatenate(found) if found else np.zeros(0)
        return self._kept[key]


@dataclass(frozen=True)
class Tail:
    """Events later than the horizon, over all stores: share of a day's events, and evidence."""

    horizon_hours: int
    seen: int
    exposed: int

    @classmethod
    def of(cls, arrivals: pl.DataFrame, known_at: datetime, horizon_hours: int) -> "Tail":
        """Exposed: events of days old enough to have shown such lateness, by how long they had.

        A day seen for half of the longest lateness ever seen counts as half exposed.
        """
        late = arrivals.filter(pl.col("age_hours") > horizon_hours)
        seen = int(late["event_count"].sum())
        latest = late["age_hours"].max()
        span = max((int(latest) if isinstance(latest, int) else horizon_hours) - horizon_hours, 24)
        now = known_at.timestamp()
        ages = (now - _end_of(arrivals["business_date"])) / 3600
        weight = np.clip((ages - horizon_hours) / span, 0, 1)
        return cls(horizon_hours, seen, int((weight * arrivals["event_count"].to_numpy()).sum()))

    def draw(self, events: float, draw: np.random.Generator) -> Floats:
        if self.seen == 0 or self.exposed == 0:
            return np.zeros(REPLICATES)
        share = draw.gamma(self.seen + 0.5, 1 / self.exposed, REPLICATES)
        return draw.poisson(events * np.minimum(share, 1)).astype(np.float64)


def _per_day(part: pl.DataFrame, first_date: date, days: int) -> Ints:
    index = (part["business_date"] - first_date).dt.total_days().to_numpy()
    inside = (index >= 0) & (index < days)
    counts = part["event_count"].to_numpy()
    return np.bincount(index[inside], weights=counts[inside], minlength=days).astype(np.int64)


def _weekdays(days: pl.Series) -> Ints:
    numbers: Any = (days.dt.weekday().cast(pl.Int64) - 1).to_numpy()
    return np.asarray(numbers, dtype=np.int64)


def _end_of(days: pl.Series) -> Floats:
    """Seconds from 1970 to the UTC midnight that ends each day."""
    ends: Floats = (days.cast(pl.Int64).to_numpy() + 1) * 86_400.0
    return ends
