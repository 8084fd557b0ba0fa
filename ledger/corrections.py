"""Corrections of closed periods as charges, by the rules of the FOCUS specification.

Holds `Charge`, what a booking or decision charges, and `violations`, the rules one by one. A row is
never replaced: what is undone gets its negative as a row of its own. Does not sum (the models do).
Called by the conformance tests. Rules: FOCUS, columns ChargeClass, BillingPeriod, ChargePeriod.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from ledger.people import Decision
from ledger.periods import PeriodState, closed_edition_of
from ledger.routing import Arrival, Routed

ChargeClass = Literal["original", "correction"]


@dataclass(frozen=True, kw_only=True)
class Charge:
    """One row: booked in `billing_period`, incurred in `charge_period` (that never changes).

    `charge_class` is FOCUS's ChargeClass: `correction` for Correction, `original` for null.
    `is_open`: was the billing period open for the row when it was written?
    """

    event_id: str
    commit_seq: int
    billing_period: str
    charge_period: str
    charge_class: ChargeClass
    amount: Decimal
    is_open: bool = True


def charge_of(arrival: Arrival, routed: Routed, state: PeriodState) -> Charge | None:
    """What an event charges when it arrives: nothing while it is an exception.

    `state` is its period's then: what a lock exception lets into one that had been closed
    corrects it.
    """
    if routed.posting_period is None or arrival.amount is None:
        return None
    return Charge(
        event_id=arrival.event_id,
        commit_seq=arrival.commit_seq,
        billing_period=routed.posting_period,
        charge_period=routed.period_id,
        charge_class="correction" if closed_edition_of(state) else "original",
        amount=arrival.amount,
    )


def charges_of_decision(
    decision: Decision,
    last: Charge | None,
    *,
    charge_period: str,
    amount: Decimal,
    is_open: bool = True,
) -> tuple[Charge, ...]:
    """What a decision charges: the negative of the row it undoes, then its own row.

    `last` is the row the decision before it charged, None if it charged none.
    """
    undone = () if last is None else (_negative(last, decision.commit_seq, is_open=is_open),)
    if decision.posting_period is None:
        return undone
    corrects = decision.decision == "restated" or decision.posting_period != charge_period
    own = Charge(
        event_id=decision.event_id,
        commit_seq=decision.commit_seq,
        billing_period=decision.posting_period,
        charge_period=charge_period,
        charge_class="correction" if corrects else "original",
        amount=amount,
        is_open=is_open,
    )
    return (*undone, own)


def violations(before: Sequence[Charge], after: Sequence[Charge]) -> Iterator[str]:
    """Rules that the rows `after` break, seen `before`. Names as in docs/controls.md."""
    if tuple(after[: len(before)]) != tuple(before):
        yield "earlier_charges_must_not_be_replaced"
    new = after[len(before) :]
    if any(not one.is_open for one in new):
        yield "correction_must_be_booked_in_an_open_period"
    if any(_is_unmarked(one) for one in after):
        yield "charge_of_another_period_must_be_a_correction"
    periods: dict[str, set[str]] = defaultdict(set)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    amounts: dict[str, Decimal] = {}
    for one in after:
        periods[one.event_id].add(one.charge_period)
        sums[one.event_id] += one.amount
        amounts.setdefault(one.event_id, one.amount)
    if any(len(found) > 1 for found in periods.values()):
        yield "charge_period_must_stay_the_original"
    if any(total not in (0, amounts[event_id]) for event_id, total in sums.items()):
        yield "charge_must_be_counted_once_or_not_at_all"


def _is_unmarked(charge: Charge) -> bool:
    return charge.billing_period != charge.charge_period and charge.charge_class == "original"


def _negative(charge: Charge, commit_seq: int, *, is_open: bool) -> Charge:
    return replace(charge, commit_seq=commit_seq, amount=-charge.amount, is_open=is_open)
