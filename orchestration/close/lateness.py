"""How complete a period is: the lateness curve per store and the events still to come.

Holds the mathematics, described in docs/close-residual.md; no files, no clock, chance from a given
seed. Shares are floats; no figure is made from them. Called by the plan (through `lateness_frame`)
and by `benchmarks.residual`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

ARRIVALS_SCHEMA = pl.Schema(
    {
        "store_id": pl.String,
        "business_date": pl.Date,
        "age_hours": pl.Int64,
        "event_count": pl.Int64,
        "amount": pl.Float64,
    }
)
"""One row per store, business date and hour of arrival. `age_hours`: whole hours from the UTC
midnight that ends the business date to the arrival; negative for events of a running day."""

GRACE_HOURS = 6
"""A day is taken as due six hours after its end, as `initial_grace_hours` is by default."""

HISTORY_DAYS = 365
"""A year of earlier days: longer, and a source that has become better stays suspect."""

HORIZON_DAYS = 60
"""Later events are few and single; they are estimated as a rate over all stores. A shorter history
lowers the horizon to half its length, so that there are days to learn from."""

COVERAGE = 0.9
"""The interval holds the truth in nine of ten periods; `benchmarks/residual.py` counts."""

CURVE_DAYS_MAX = 180
REPLICATES = 200
POOL_WEIGHT = 8.0
"""Stores never seen late borrow from the others: eight days' worth, against their own."""
POOL_SAMPLE = 120

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Residual:
    """Events known and expected; shares of the period's final events, between 0 and 1.

    `complete` lies in [low, high] with probability `coverage`.
    """

    store_id: str
    known_events: int
    expected_missing: float
    complete: float
    low: float
    high: float
    coverage: float = COVERAGE

    def __str__(self) -> str:
        margin = (self.high - self.low) / 2
        return f"{self.complete:.1%} ± {margin * 100:.1f} complete"


def lateness_curve(arrivals: pl.DataFrame, *, known_at: datetime, days: int = 14) -> pl.DataFrame:
    """Share of a store's final events and amount known k days after its day was due.

    Columns store_id, days_after (0 to `days`), events_share, amount_share; store `(all)` first.
    Chain ladder: day k to k+1 is learned from all days old enough to have seen k+1.
    """
    aged = _aged(arrivals, known_at)
    parts = [_curve("(all)", aged, days)]
    parts += [
        _curve(str(store), part, days)
        for (store,), part in aged.group_by("store_id", maintain_order=True)
    ]
    return pl.concat(parts)


def expected_residual(
    arrivals: pl.DataFrame,
    *,
    first_date: date,
    end_date: date,
    known_at: datetime,
    seed: int = 0,
) -> list[Residual]:
    """What is still to come of [first_date, end_date), for all stores (first) and each of them.

    Only arrivals up to `known_at` may be in the frame; earlier days teach how late days become.
    No arrivals at all: nothing known, nothing expected, 0 to 1 complete.
    """
    if arrivals.is_empty():
        return [_unknown("(all)")]
    draw = np.random.default_rng(seed)
    since, horizon = _learnt_from(arrivals, first_date, known_at)
    history = _history(arrivals, first_date, end_date, since, known_at.date() - horizon, known_at)
    pool = _Pool(history)
    tail = _Tail.of(arrivals, known_at, horizon.days * 24)
    results: list[Residual] = []
    total_known, total_missing = 0, np.zeros(REPLICATES)
    for store in history:
        missing = _missing(store, pool, tail, draw)
        results.append(_summary(store.store_id, int(store.known.sum()), missing))
        total_known += int(store.known.sum())
        total_missing += missing
    return [_summary("(all)", total_known, total_missing), *results]


@dataclass(frozen=True)
class _State:
    """Past days as they stood some hours after their end: events known, still missing, and which
    of the four kinds of day they were then (nothing known yet x usually trades on that weekday)."""

    known: Ints
    missing: Ints
    kind: Ints


@dataclass(frozen=True)
class _Store:
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
    kept: dict[int, _State] = field(default_factory=dict, compare=False, repr=False)

    @property
    def daily(self) -> float:
        return float(self.past_final.mean()) if self.past_days else 0.0

    def state(self, hours: float) -> _State:
        key = round(hours)
        if key not in self.kept:
            taken = self.event_age <= key + _SLACK_HOURS
            known = np.bincount(
                self.event_day[taken], weights=self.event_count[taken], minlength=self.past_days
            ).astype(np.int64)
            kind = _kind(known, self.trades(self.past_weekdays))
            self.kept[key] = _State(known, self.past_final - known, kind)
        return self.kept[key]

    def trades(self, weekdays: Ints) -> NDArray[np.bool_]:
        """Whether the store traded on at least half of the past days of these weekdays."""
        seen = np.bincount(self.past_weekdays, minlength=7)
        traded = np.bincount(self.past_weekdays[self.past_final > 0], minlength=7)
        usual: NDArray[np.bool_] = traded * 2 >= np.maximum(seen, 1)
        return usual[weekdays]

    def shares(self, hours: float, kind: int) -> Floats:
        """Of past days of a kind: events missing, over those known, or over a mean day's."""
        state = self.state(hours)
        same = state.kind == kind
        missing = state.missing[same].astype(np.float64)
        if kind in _NOTHING_KNOWN:
            return missing / self.daily if self.daily else missing
        return missing / state.known[same]


_NOTHING_KNOWN = (2, 3)


def _kind(known: Ints, trades: NDArray[np.bool_]) -> Ints:
    return (known == 0) * 2 + trades.astype(np.int64)


_SLACK_HOURS = 3
"""A file that comes at 02:00 local time comes an hour earlier in UTC in summer."""


def _learnt_from(
    arrivals: pl.DataFrame, first_date: date, known_at: datetime
) -> tuple[date, timedelta]:
    """The first past day, and how long a day must have been watched to count as a past one."""
    first = arrivals["business_date"].min()
    assert isinstance(first, date)
    since = max(first, first_date - timedelta(days=HISTORY_DAYS))
    days = min(HORIZON_DAYS, max((known_at.date() - since).days // 2, 1))
    return since, timedelta(days=days)


def _history(
    arrivals: pl.DataFrame,
    first_date: date,
    end_date: date,
    since: date,
    watched: date,
    known_at: datetime,
) -> list[_Store]:
    """Every store with its days of the period, and its past days from `since`, all of them before
    `watched` and none after the period."""
    until = max(min(watched, end_date), since)
    horizon_hours = (known_at.date() - watched).days * 24
    past = pl.date_range(since, until, closed="left", eager=True)
    period = pl.date_range(first_date, end_date, closed="left", eager=True)
    day_ends = np.array(
        [
            (known_at.timestamp() - _end_of(one)) / 3600
            for one in (period.to_list() if len(period) else [])
        ]
    )
    stores = []
    for (store,), part in arrivals.group_by("store_id", maintain_order=True):
        events = part.filter(
            pl.col("business_date").is_between(since, until, closed="left")
            & (pl.col("age_hours") <= horizon_hours)
        )
        index = (events["business_date"] - since).dt.total_days().to_numpy()
        counts = events["event_count"].to_numpy()
        final = np.bincount(index, weights=counts, minlength=len(past)).astype(np.int64)
        known = _per_day(part, first_date, len(period))
        stores.append(
            _Store(
                store_id=str(store),
                known=known,
                weekdays=_weekdays(period),
                ages=day_ends,
                past_days=len(past),
                past_weekdays=_weekdays(past),
                past_final=final,
                event_day=index,
                event_age=events["age_hours"].to_numpy(),
                event_count=counts,
            )
        )
    return stores


class _Pool:
    """What days of all stores did: for stores with little of their own to go by."""

    def __init__(self, stores: Sequence[_Store]) -> None:
        self._stores = [one for one in stores if one.daily > 0]
        self._kept: dict[tuple[int, int], Floats] = {}

    def shares(self, hours: float, kind: int) -> Floats:
        key = (round(hours), kind)
        if key not in self._kept:
            found = [one.shares(hours, kind) for one in self._stores]
            self._kept[key] = np.concatenate(found) if found else np.zeros(0)
        return self._kept[key]


@dataclass(frozen=True)
class _Tail:
    """Events later than the horizon, over all stores: share of a day's events, and evidence."""

    horizon_hours: int
    seen: int
    exposed: int

    @classmethod
    def of(cls, arrivals: pl.DataFrame, known_at: datetime, horizon_hours: int) -> "_Tail":
        """Exposed: events of days old enough to have shown such lateness, by how long they had.

        A day seen for half of the longest lateness ever seen counts as half exposed.
        """
        late = arrivals.filter(pl.col("age_hours") > horizon_hours)
        seen = int(late["event_count"].sum())
        latest = late["age_hours"].max()
        span = max((int(latest) if isinstance(latest, int) else horizon_hours) - horizon_hours, 24)
        now = known_at.timestamp()
        ages = np.array([(now - _end_of(one)) / 3600 for one in arrivals["business_date"]])
        weight = np.clip((ages - horizon_hours) / span, 0, 1)
        return cls(horizon_hours, seen, int((weight * arrivals["event_count"].to_numpy()).sum()))

    def draw(self, events: float, draw: np.random.Generator) -> Floats:
        if self.seen == 0 or self.exposed == 0:
            return np.zeros(REPLICATES)
        share = draw.gamma(self.seen + 0.5, 1 / self.exposed, REPLICATES)
        return draw.poisson(events * np.minimum(share, 1)).astype(np.float64)


def _missing(store: _Store, pool: _Pool, tail: _Tail, draw: np.random.Generator) -> Floats:
    """Replicates of the events still missing: each day is continued as a past day went on.

    Past days are weighted by the Bayesian bootstrap, the same weights for all days of a
    replicate, so that not knowing the store's habits widens the interval as it should.
    """
    missing = np.zeros(REPLICATES)
    own = draw.exponential(size=(REPLICATES, store.past_days))
    borrowed = draw.gamma(POOL_WEIGHT / POOL_SAMPLE, size=(REPLICATES, POOL_SAMPLE))
    kinds = _kind(store.known, store.trades(store.weekdays))
    for hours, known, kind in zip(store.ages, store.known, kinds, strict=True):
        shares, pooled = store.shares(hours, kind), pool.shares(hours, kind)
        if not pooled.any():  # a store's own days are in the pool as well
            continue
        values = np.concatenate([shares, draw.choice(pooled, POOL_SAMPLE)])
        weights = np.concatenate([own[:, store.state(hours).kind == kind], borrowed], axis=1)
        scale = store.daily if kind in _NOTHING_KNOWN else float(known)
        missing += _pick(values, weights, draw) * scale
    return missing + tail.draw(float(store.known.sum()), draw)


def _pick(values: Floats, weights: Floats, draw: np.random.Generator) -> Floats:
    """One of the values per row of weights, by their weight."""
    summed = np.cumsum(weights, axis=1)
    mark = draw.random(len(weights))[:, None] * summed[:, -1:]
    picked: Floats = values[np.minimum((summed < mark).sum(axis=1), len(values) - 1)]
    return picked


def _summary(store_id: str, known: int, missing: Floats) -> Residual:
    if known == 0 and not missing.any():
        return _unknown(store_id)
    complete = known / np.maximum(known + missing, 1)
    edge = (1 - COVERAGE) / 2
    low, high = np.quantile(complete, [edge, 1 - edge], method="inverted_cdf")
    expected = float(missing.mean())
    return Residual(
        store_id=store_id,
        known_events=known,
        expected_missing=expected,
        complete=known / max(known + expected, 1),
        low=float(low),
        high=float(high),
    )


def _unknown(store_id: str) -> Residual:
    return Residual(
        store_id=store_id, known_events=0, expected_missing=0.0, complete=1.0, low=0.0, high=1.0
    )


def _aged(arrivals: pl.DataFrame, known_at: datetime) -> pl.DataFrame:
    """Arrivals with the day of lateness `k` and the last one their business date has seen."""
    hour = known_at.timestamp() / 3600
    seen = (hour - (pl.col("business_date").cast(pl.Int64) + 1) * 24 - GRACE_HOURS) / 24
    late = (pl.col("age_hours") - GRACE_HOURS) / 24
    return arrivals.with_columns(
        k=late.ceil().clip(0, CURVE_DAYS_MAX).cast(pl.Int64),
        seen=seen.ceil().clip(-1, CURVE_DAYS_MAX).cast(pl.Int64),
    ).filter(pl.col("seen") >= 0)


def _curve(store: str, aged: pl.DataFrame, days: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "store_id": [store] * (days + 1),
            "days_after": list(range(days + 1)),
            "events_share": _known_share(aged, "event_count")[: days + 1],
            "amount_share": _known_share(aged, "amount")[: days + 1],
        }
    )


def _known_share(aged: pl.DataFrame, measure: str) -> Floats:
    """Share known after k days, k = 0 to CURVE_DAYS_MAX: 1 over the later development factors.

    factor(k) = known after k / known after k-1, over all days that have seen k days.
    """
    size = CURVE_DAYS_MAX + 1
    table = np.zeros((size, size))
    np.add.at(
        table,
        (aged["seen"].to_numpy(), aged["k"].to_numpy()),
        aged[measure].to_numpy().astype(np.float64),
    )
    known = np.cumsum(table, axis=1)
    factors = np.ones(size)
    for k in range(1, size):
        before = known[k:, k - 1].sum()
        if before > 0:
            factors[k] = known[k:, k].sum() / before
    later = np.append(np.cumprod(factors[:0:-1])[::-1], 1.0)
    shares: Floats = 1 / later
    return shares


def _per_day(part: pl.DataFrame, first_date: date, days: int) -> Ints:
    index = (part["business_date"] - first_date).dt.total_days().to_numpy()
    inside = (index >= 0) & (index < days)
    counts = part["event_count"].to_numpy()
    return np.bincount(index[inside], weights=counts[inside], minlength=days).astype(np.int64)


def _weekdays(days: pl.Series) -> Ints:
    numbers: Any = (days.dt.weekday().cast(pl.Int64) - 1).to_numpy()
    return np.asarray(numbers, dtype=np.int64)


def _end_of(day: date) -> float:
    """Seconds from 1970 to the UTC midnight that ends a day."""
    return ((day - date(1970, 1, 1)).days + 1) * 86_400.0
