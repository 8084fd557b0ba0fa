"""The lateness curve and the expected residual, on arrivals whose law is known."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from orchestration.close.lateness import (
    ARRIVALS_SCHEMA,
    Residual,
    _Weights,
    expected_residual,
    lateness_curve,
)

FIRST = date(2025, 1, 1)
MARCH, APRIL = date(2025, 3, 1), date(2025, 4, 1)


def arrivals(rows: list[tuple[str, date, int, int]]) -> pl.DataFrame:
    """(store, business date, hours after its end, events); an event is worth 2."""
    whole = [(store, day, age, count, 2.0 * count) for store, day, age, count in rows]
    return pl.DataFrame(whole, schema=ARRIVALS_SCHEMA, orient="row")


def known(frame: pl.DataFrame, at: datetime) -> pl.DataFrame:
    ends = (pl.col("business_date").cast(pl.Int64) + 1) * 24
    return frame.filter(ends + pl.col("age_hours") <= at.timestamp() / 3600)


def steady(*, late: int, of: int = 100, days: int = 120, after_days: int = 4) -> pl.DataFrame:
    """One store: every day `of` events, `late` of them some days later than the rest."""
    rows = []
    for number in range(days):
        day = FIRST + timedelta(days=number)
        rows += [("soho", day, 2, of - late), ("soho", day, 24 * after_days + 2, late)]
    return arrivals([row for row in rows if row[3]])


def at(day: date, hour: int = 3) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def test_the_curve_says_which_share_is_known_after_each_day() -> None:
    curve = lateness_curve(known(steady(late=20), at(APRIL)), known_at=at(APRIL), days=5)
    soho = curve.filter(pl.col("store_id") == "soho")
    assert soho["days_after"].to_list() == [0, 1, 2, 3, 4, 5]
    assert soho["events_share"].to_list() == pytest.approx([0.8, 0.8, 0.8, 0.8, 1, 1])
    assert soho["amount_share"].to_list() == pytest.approx(soho["events_share"].to_list())
    both = curve.filter(pl.col("store_id") == "(all)")
    assert both["events_share"].to_list() == soho["events_share"].to_list()


def test_young_days_do_not_bend_the_curve() -> None:
    """Nothing of the last four days is late yet; they have not seen day 4."""
    short = known(steady(late=50, days=8), at(FIRST + timedelta(days=8)))
    share = lateness_curve(short, known_at=at(FIRST + timedelta(days=8)), days=4)
    assert share["events_share"][3] == pytest.approx(0.5)


def test_what_always_comes_late_is_expected_and_nothing_else() -> None:
    now = at(APRIL)
    whole, soho = expected_residual(
        known(steady(late=20), now), first_date=MARCH, end_date=APRIL, known_at=now
    )
    # Of the last four days 20 events each are on their way: the day 4 days old came at 02:00.
    assert soho.known_events == 31 * 100 - 80
    assert soho.expected_missing == pytest.approx(80)
    assert soho.complete == soho.low == soho.high == pytest.approx(3020 / 3100)
    assert whole.complete == soho.complete


def test_a_store_that_was_never_late_is_complete() -> None:
    now = at(APRIL)
    found = expected_residual(
        known(steady(late=0), now), first_date=MARCH, end_date=APRIL, known_at=now
    )
    assert {(one.complete, one.low, one.high) for one in found} == {(1.0, 1.0, 1.0)}


def test_a_day_that_has_not_come_is_expected_where_the_store_usually_trades() -> None:
    now = at(APRIL)
    frame = steady(late=0)
    gone = frame.filter(pl.col("business_date") != date(2025, 3, 31))
    # Nobody has ever sent a day late: what is not there is taken for closed.
    (never, _) = expected_residual(known(gone, now), first_date=MARCH, end_date=APRIL, known_at=now)
    assert never.complete == 1
    # Of a store that sends every tenth day three days late and is closed as often, it may come.
    slow = arrivals(
        [
            ("soho", day, 2 if number % 10 else 74, 100)
            for number in range(120)
            for day in [FIRST + timedelta(days=number)]
            if day != date(2025, 3, 31) and number % 10 != 5
        ]
    )
    (late, _) = expected_residual(known(slow, now), first_date=MARCH, end_date=APRIL, known_at=now)
    assert late.low < late.complete < late.high == 1


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Late events drawn one by one: 40 months, of which nine in ten should hold."""
    hits = 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        rows = []
        for store in ("leeds", "soho"):
            for number in range(120):
                day = FIRST + timedelta(days=number)
                late = draw.binomial(100, 0.1)
                days_late = draw.integers(1, 10, late)
                rows.append((store, day, 2, 100 - late))
                rows += [(store, day, int(24 * n) + 2, 1) for n in days_late]
        frame = arrivals(rows)
        now = at(APRIL + timedelta(days=1))
        whole, *_ = expected_residual(
            known(frame, now), first_date=MARCH, end_date=APRIL, known_at=now, seed=seed
        )
        hits += whole.low <= whole.known_events / (2 * 31 * 100) <= whole.high
    assert 31 <= hits <= 40


def test_the_same_seed_gives_the_same_answer() -> None:
    now = at(APRIL)
    frame = known(steady(late=13, after_days=2), now)
    first, second = (
        expected_residual(frame, first_date=MARCH, end_date=APRIL, known_at=now, seed=7)
        for _ in range(2)
    )
    assert first == second


def test_nothing_known_says_that_nothing_is_known() -> None:
    (none,) = expected_residual(
        pl.DataFrame(schema=ARRIVALS_SCHEMA),
        first_date=MARCH,
        end_date=APRIL,
        known_at=at(APRIL),
    )
    assert (none.known_events, none.low, none.high) == (0, 0.0, 1.0)


def test_a_residual_reads_as_one_line() -> None:
    one = Residual(
        store_id="(all)",
        known_events=992,
        expected_missing=8,
        complete=0.992,
        low=0.989,
        high=0.995,
    )
    assert str(one) == "99.2% ± 0.3 complete"


def test_running_sums_kept_for_one_days_past_serve_no_other() -> None:
    draw = np.random.default_rng(3)
    own, borrowed = draw.exponential(size=(4, 6)), draw.exponential(size=(4, 2))
    weights = _Weights(own, borrowed)
    first = np.array([True, False, True, True, False, True])
    for days in (first, ~first, first):
        together = np.concatenate([own[:, days], borrowed], axis=1)
        assert (weights.summed(days) == np.cumsum(together, axis=1)).all()
