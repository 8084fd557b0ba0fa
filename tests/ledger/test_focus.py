"""Corrections of closed periods follow FOCUS: each rule a test, and random decisions obey all."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.corrections import Charge, charge_of, charges_of_decision, violations
from ledger.people import Decision
from ledger.periods import Open, Reopened
from tests.control.office import DAY_US, NOW_US
from tests.ledger.paper_office import PaperOffice

MARCH, APRIL = "2011-03", "2011-04"
TEN = Decimal(10)


def decision(kind: str, into: str | None, commit: int = 9) -> Decision:
    return Decision(
        event_id="a",
        row_index=1,
        decision=kind,
        posting_period=into,
        request_id="r",
        commit_seq=commit,
    )


def charged(kind: str, into: str | None, last: Charge | None = None) -> tuple[Charge, ...]:
    return charges_of_decision(decision(kind, into), last, charge_period=MARCH, amount=TEN)


def test_what_arrives_in_time_is_an_original_charge_of_its_own_period() -> None:
    office = PaperOffice()
    office.sell("a", at_us=NOW_US - DAY_US)
    office.sell("late", at_us=NOW_US - 20 * DAY_US)
    arrival = office.arrivals["a"]
    charge = charge_of(arrival, office.books.route(arrival), office.books.state(MARCH))
    assert charge == Charge(
        event_id="a",
        commit_seq=arrival.commit_seq,
        billing_period=MARCH,
        charge_period=MARCH,
        charge_class="original",
        amount=TEN,
    )
    late = office.arrivals["late"]
    assert charge_of(late, office.books.route(late), Open()) is None, "not while it is an exception"


def test_what_a_lock_exception_lets_into_a_reopened_period_corrects_it() -> None:
    office = PaperOffice()
    office.sell("a", at_us=NOW_US - DAY_US)
    arrival = office.arrivals["a"]
    state = Reopened(reason="late till", requester="ana", approver="ben", closed_edition=1)
    charge = charge_of(arrival, office.books.route(arrival), state)
    assert charge is not None and charge.charge_class == "correction"


def test_a_correction_is_a_new_row_of_class_correction_in_an_open_period() -> None:
    (row,) = charged("next_period", APRIL)
    assert (row.charge_class, row.billing_period, row.charge_period) == ("correction", APRIL, MARCH)


def test_a_late_charge_of_a_period_that_is_still_open_is_no_correction() -> None:
    """FOCUS: ChargeClass is null for a correction within the current billing period."""
    (row,) = charged("next_period", MARCH)
    assert row.charge_class == "original"


def test_a_restatement_corrects_a_period_that_was_closed() -> None:
    (row,) = charged("restated", MARCH)
    assert (row.charge_class, row.billing_period) == ("correction", MARCH)


def test_what_is_undone_gets_its_negative_and_what_is_rejected_charges_nothing() -> None:
    (row,) = charged("next_period", APRIL)
    (back,) = charged("pending", None, row)
    assert back == replace(row, amount=-TEN)
    assert charged("rejected", None) == ()
    assert list(violations([row], [row, back])) == []


ROW = charged("next_period", APRIL)[0]
BROKEN: dict[str, tuple[list[Charge], list[Charge]]] = {
    "earlier_charges_must_not_be_replaced": ([ROW], [replace(ROW, commit_seq=8)]),
    "correction_must_be_booked_in_an_open_period": ([], [replace(ROW, is_open=False)]),
    "charge_of_another_period_must_be_a_correction": ([], [replace(ROW, charge_class="original")]),
    "charge_period_must_stay_the_original": (
        [ROW],
        [ROW, replace(ROW, charge_period=APRIL, amount=-TEN)],
    ),
    "charge_must_be_counted_once_or_not_at_all": ([ROW], [ROW, ROW]),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_rows_that_break_a_rule_are_named_by_it(rule: str) -> None:
    assert list(violations(*BROKEN[rule])) == [rule]


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [("next_period", APRIL), ("restated", MARCH), ("rejected", None), ("pending", None)]
        ),
        max_size=12,
    )
)
def test_any_row_of_decisions_counts_an_event_once_or_not_at_all(
    decisions: list[tuple[str, str | None]],
) -> None:
    rows: list[Charge] = []
    last: Charge | None = None
    for commit, (kind, into) in enumerate(decisions):
        new = charges_of_decision(
            decision(kind, into, commit), last, charge_period=MARCH, amount=TEN
        )
        assert list(violations(rows, [*rows, *new])) == []
        rows += new
        last = new[-1] if into else None
    booked = {(one.billing_period, one.charge_class): TEN for one in ([last] if last else [])}
    for key in {(one.billing_period, one.charge_class) for one in rows}:
        total = sum(
            (one.amount for one in rows if (one.billing_period, one.charge_class) == key), Decimal()
        )
        assert total == booked.get(key, 0)


def test_rows_of_a_decision_say_when_they_were_written_and_whether_the_period_was_open() -> None:
    (first,) = charged("next_period", APRIL)
    undone, own = charges_of_decision(
        decision("restated", MARCH, commit=12),
        first,
        charge_period=MARCH,
        amount=TEN,
        is_open=False,
    )
    rows = (first, undone, own)
    assert [(one.event_id, one.commit_seq, one.amount, one.is_open) for one in rows] == [
        ("a", 9, TEN, True),
        ("a", 12, -TEN, False),
        ("a", 12, TEN, False),
    ]
