"""Laws of every warehouse, on random histories with builds in between.

Hypothesis invents what arrives (late, again, broken, with changing zones and policies) and where a
build comes in between, whole or broken off. What fails prints the history and its seed.
"""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.models.histories import RICH_HISTORY, Expected, History, histories, replay
from tests.models.laws import LAWS
from tests.models.warehouse import MODELS, Tables, Warehouse, open_warehouse

many = settings(
    max_examples=60,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    # An example takes seconds: the history as found says more than minutes of shrinking.
    phases=[Phase.reuse, Phase.generate],
)


def test_increments_full_refresh_and_cuts_agree_bit_for_bit() -> None:
    """On a history with something of everything; random ones take minutes, so every night."""
    _require_one_truth(RICH_HISTORY)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@many
@given(history=histories)
def test_increments_full_refresh_and_cuts_agree_on_many_histories(history: History) -> None:
    _require_one_truth(history)


def _require_one_truth(history: History) -> None:
    """Built in steps, at once, or to an earlier commit: the same rows, the laws, our own sums."""
    with tempfile.TemporaryDirectory() as folder:
        made, expected = open_warehouse(Path(folder)), Expected()
        cut = None
        for arrival in replay(history, made, expected):
            if arrival.build:
                made.build(select=arrival.build)
            if arrival.build == MODELS:
                cut = (made.lake.head.seq, made.tables())
        made.build()
        by_increments = made.tables()
        _require_laws(made)
        _require_expected(made, expected)
        made.build(full_refresh=True)
        _require_same(made.tables(), by_increments)
        if cut is not None:
            made.build(full_refresh=True, known_as_of_commit=cut[0])
            _require_same(made.tables(), cut[1])
            made.build()
            _require_same(made.tables(), by_increments)


def _require_same(found: Tables, wanted: Tables) -> None:
    assert found.keys() == wanted.keys()
    for name, rows in wanted.items():
        assert found[name] == rows, name


def _require_laws(made: Warehouse) -> None:
    with made.open() as warehouse:
        broken = {
            law: rows
            for law, query in LAWS.items()
            if (rows := warehouse.execute(query).fetchall())
        }
    assert not broken


def _require_expected(made: Warehouse, expected: Expected) -> None:
    """The figures are the sums of single bookings made in plain Python."""
    sales = made.rows(
        "select store_id, category, business_date, amount, quantity, event_count,"
        " correction_amount from daily_sales where channel = 'till' and currency = 'EUR'"
    )
    assert {row[:3]: list(row[3:]) for row in sales} == dict(expected.cells)
    exceptions = made.rows(
        "select event_id, business_date, lateness_days from late_event_exceptions"
    )
    assert sorted(exceptions) == sorted(expected.exceptions)
    balances = made.rows("select account_id, currency, balance from account_balances")
    assert {row[:2]: row[2] for row in balances} == dict(expected.balances)
