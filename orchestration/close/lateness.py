"""How complete a period is: the lateness curve per store and the events still to come.

Holds the mathematics, described in docs/close-residual.md; no files, no clock, chance from a given
seed. Shares are floats; no figure is made from them. Called by the plan (through `lateness_frame`)
and by `benchmarks.residual`.
"""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl

from orchestration.close.past_days import (
    NOTHING_KNOWN,
    REPLICATES,
    Asked,
    Flags,
    Floats,
    Pool,
    Store,
    Tail,
    history,
    kind_of,
    learnt_from,
)

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

COVERAGE = 0.9
"""The interval holds the truth in nine of ten periods; `benchmarks/residual.py` counts."""

CURVE_DAYS_MAX = 180
POOL_WEIGHT = 8.0
"""Stores never seen late borrow from the others: eight days' worth, against their own."""
POOL_SAMPLE = 120


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
    since, horizon = learnt_from(arrivals, first_date, known_at)
    asked = Asked(first_date, end_date, since, known_at.date() - horizon, known_at)
    stores = history(arrivals, asked)
    pool = Pool(stores)
    tail = Tail.of(arrivals, known_at, horizon.days * 24)
    results: list[Residual] = []
    total_known, total_missing = 0, np.zeros(REPLICATES)
    for store in stores:
        missing = _missing(store, pool, tail, draw)
        results.append(_summary(store.store_id, int(store.known.sum()), missing))
        total_known += int(store.known.sum())
        total_missing += missing
    return [_summary("(all)", total_known, total_missing), *results]


def _missing(store: Store, pool: Pool, tail: Tail, draw: np.random.Generator) -> Floats:
    """Replicates of the events still missing: each day is continued as a past day went on.

    Past days are weighted by the Bayesian bootstrap, the same weights for all days of a
    replicate, so that not knowing the store's habits widens the interval as it should.
    """
    missing = np.zeros(REPLICATES)
    own = draw.exponential(size=(REPLICATES, store.past_days))
    borrowed = draw.gamma(POOL_WEIGHT / POOL_SAMPLE, size=(REPLICATES, POOL_SAMPLE))
    weights = _Weights(own, borrowed)
    kinds = kind_of(store.known, store.trades(store.weekdays))
    for hours, known, kind in zip(store.ages, store.known, kinds, strict=True):
        if hours >= tail.horizon_hours:  # older than what past days were watched: the tail's
            continue
        shares, pooled = store.shares(hours, kind), pool.shares(hours, kind)
        if not pooled.any():  # a store's own days are in the pool as well
            continue
        values = np.concatenate([shares, draw.choice(pooled, POOL_SAMPLE)])
        summed = weights.summed(store.state(hours).kind == kind)
        scale = store.daily if kind in NOTHING_KNOWN else float(known)
        missing += _pick(values, summed, draw) * scale
    return missing + tail.draw(float(store.known.sum()), draw)


class _Weights:
    """Running sums of a store's weights; most days of a period look back on the same past days."""

    def __init__(self, own: Floats, borrowed: Floats) -> None:
        self._own, self._borrowed = own, borrowed
        self._kept: dict[bytes, Floats] = {}

    def summed(self, days: Flags) -> Floats:
        """Per replicate, over the past days of a kind and then over what is borrowed."""
        key = days.tobytes()
        if key not in self._kept:
            weights = np.concatenate([self._own[:, days], self._borrowed], axis=1)
            self._kept[key] = np.cumsum(weights, axis=1)
        return self._kept[key]


def _pick(values: Floats, summed: Floats, draw: np.random.Generator) -> Floats:
    """One of the values per row of running sums, by its weight."""
    marks = draw.random(len(summed)) * summed[:, -1]
    places = (summed < marks[:, None]).sum(axis=1)
    picked: Floats = values[np.minimum(places, len(values) - 1)]
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
    # Row k: over all days that have seen k days or more.
    known = np.cumsum(np.cumsum(table, axis=1)[::-1], axis=0)[::-1]
    after, before = known.diagonal()[1:], known.diagonal(-1)
    factors = np.ones(size)
    factors[1:] = np.divide(after, before, out=factors[1:], where=before > 0)
    later = np.append(np.cumprod(factors[:0:-1])[::-1], 1.0)
    shares: Floats = 1 / later
    return shares
