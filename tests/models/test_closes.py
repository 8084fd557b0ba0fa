"""Laws of the close, on random lives of a shop's books with builds in between.

Hypothesis invents arrivals, policies, soft closes, closes, reopenings, lock exceptions and
decisions, writers that die and builds that stop half way. After each whole build every event is in
the one outcome the pure books tell, figures are sums of these, and what was closed has not moved.
"""

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from ledger.periods import Closed, closed_edition_of
from tests.models import close_oracle as oracle
from tests.models.close_acts import MONTHS, PARTIAL_BUILDS, Build, History, KilledBuild, Story
from tests.models.close_histories import RICH_HISTORY, histories
from tests.models.laws import LAWS
from tests.models.warehouse import MODELS

many = settings(
    max_examples=60,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    # An example takes seconds: the history as found says more than minutes of shrinking.
    phases=[Phase.reuse, Phase.generate],
)
WHOLE, STOPPED = Build(MODELS), tuple(map(Build, PARTIAL_BUILDS))


def test_laws_hold_on_a_story_with_something_of_everything(tmp_path: Path) -> None:
    story = _require_laws_of_closes(RICH_HISTORY, tmp_path)
    told = story.told()
    assert {one.outcome for one in told} == set(oracle.OUTCOMES)
    assert {(one.outcome, one.is_sale) for one in told} >= {
        ("next_period", True),
        ("next_period", False),
        ("restated", True),
        ("restated", False),
    }
    assert {one.routed.reason for one in told} == {
        None,
        "too_late",
        "over_amount_cap",
        "period_soft_closed",
        "period_closed",
        "period_reopened",
    }
    assert set(story.frozen) >= {("2025-01", 1), ("2025-01", 2), ("2025-02", 1)}
    assert not story.refused, "every act of this story is allowed"
    assert story.killed == 1, "in the middle of its build"


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@many
@given(history=histories(WHOLE, WHOLE, *STOPPED, *map(KilledBuild, (20, 60, 100)), chapters=3))
def test_laws_hold_on_many_random_stories(history: History) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _require_laws_of_closes(history, Path(folder))


def _require_laws_of_closes(history: History, folder: Path) -> Story:
    """In steps, whole and broken off, then at once from nothing: the same rows, all laws."""
    story = Story.begin(folder)
    story.live(history, _require_all)
    made = story.shop.made
    made.build()
    _require_all(story)
    by_increments = made.tables()
    made.build(full_refresh=True)
    at_once = made.tables()
    assert at_once.keys() == by_increments.keys()
    for name, rows in by_increments.items():
        assert at_once[name] == rows, name
    return story


def _require_all(story: Story) -> None:
    told = story.told()
    _require_one_outcome_each(story, told)
    _require_routes_of_the_books(story, told)
    _require_figures(story, told)
    _require_nothing_booked_into_what_was_closed(story)
    _require_closed_figures_as_they_were(story)
    with story.shop.made.open() as warehouse:
        broken = {
            law: rows
            for law, query in LAWS.items()
            if (rows := warehouse.execute(query).fetchall())
        }
    assert not broken


def _require_one_outcome_each(story: Story, told: list[oracle.Told]) -> None:
    """Ingested = sum of outcomes, and each exception is listed once, as decided last."""
    found = story.shop.rows(
        "select event_id, business_date, period_id, exception_reason, lateness_days, status,"
        " posting_period from late_event_exceptions order by row_index"
    )
    assert found == oracle.listed(told)
    ((booked, control, ingested),) = story.shop.rows(
        "select (select coalesce(sum(event_count), 0) from ("
        " select event_count, route from intermediate.int_sales__deltas union all"
        " select event_count, route from intermediate.int_accounts__deltas)"
        " where route = 'in_window'),"
        " (select count(*) from staging.stg_control__events),"
        " (select max(tree_size) from staging.stg_lake__commits)"
    )
    outcomes = Counter(str(row[5]) for row in found)
    assert booked == sum(one.outcome == "in_window" for one in told)
    assert booked + control + sum(outcomes.values()) == ingested  # type: ignore[operator]
    assert ingested == story.shop.made.lake.refresh().tree_size


def _require_routes_of_the_books(story: Story, told: list[oracle.Told]) -> None:
    """Each event in its window was routed as `ledger.books.Books.route` does."""
    day = "business_date, charge_period, posting_period, is_correction, lateness_days"
    sums = "sum(amount), {}, sum(event_count)"
    for family, who, quantity in (
        ("sales", "store_id, category", "sum(quantity)"),
        ("accounts", "account_id, store_id", "0"),
    ):
        found = story.shop.rows(
            f"select commit_seq, {who}, {day}, {sums.format(quantity)}"
            f" from intermediate.int_{family}__deltas where route = 'in_window' group by all"
        )
        assert _by_key(found) == oracle.in_window(told, sales=family == "sales")


def _require_figures(story: Story, told: list[oracle.Told]) -> None:
    """The books and the best known figures are sums of single events."""
    rows = story.shop.rows
    wanted = {
        "posting_period, charge_period, charge_class, store_id, category, amount, quantity,"
        " event_count from period_sales": oracle.period_sales(told),
        "store_id, category, business_date, amount, quantity, event_count"
        " from daily_sales": oracle.daily_sales(told),
        "posting_period, charge_class, currency, amount, 0, event_count"
        " from intermediate.int_accounts__postings": oracle.account_postings(told),
    }
    for query, sums in wanted.items():
        # What was booked and taken back is a row of zeros.
        found = _by_key(rows(f"select {query}"))
        kept = {key: values for key, values in found.items() if any(values)}
        assert kept == {key: values for key, values in sums.items() if any(values)}, query


def _require_nothing_booked_into_what_was_closed(story: Story) -> None:
    books = story.shop.office.books
    booked = story.shop.rows(
        "select distinct posting_period, commit_seq from intermediate.int_sales__deltas"
        " where posting_period is not null union"
        " select distinct posting_period, commit_seq from intermediate.int_accounts__deltas"
        " where posting_period is not null"
    )
    locked = [
        (period, commit)
        for period, commit in booked
        if not oracle.may_book(books, str(period), int(str(commit)))
    ]
    assert not locked


def _require_closed_figures_as_they_were(story: Story) -> None:
    """Rows of a closed edition, as the first build after the close saw them."""
    books = story.shop.office.books
    for month in MONTHS:
        state = books.state(month)
        if isinstance(state, Closed):
            rows = [
                row
                for table in ("period_sales", "intermediate.int_accounts__postings")
                for row in story.shop.rows(
                    f"select * from {table} where posting_period = '{month}' order by all"
                )
            ]
            then = story.frozen.setdefault((month, closed_edition_of(state)), rows)
            assert rows == then, month


def _by_key(rows: list[tuple[object, ...]]) -> dict[tuple[object, ...], list[object]]:
    """Rows whose last three columns are amount, quantity and events."""
    return {row[:-3]: list(row[-3:]) for row in rows}
