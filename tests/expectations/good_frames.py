"""Frames of a small period in which everything is right, to be broken one value at a time.

Does not test. Called by the tests of this folder.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pandas as pd

Value = str | int | bool | Decimal | None


@dataclass(frozen=True)
class March:
    period_id: str = "2011-03"
    end_date: date = date(2011, 4, 1)


MARCH = March()
ROWS: dict[str, list[dict[str, Value]]] = {
    "completeness": [
        {
            "store_id": store,
            "business_date": f"2011-03-{day:02d}",
            "sends_day_totals": store == "soho",
            "is_expected": True,
            "uploaded_count": 3 if store == "soho" else None,
            "event_count": 3,
            "state": "arrived",
        }
        for store in ("leeds", "soho")
        for day in range(1, 8)
    ],
    "control_totals": [
        {
            "comparison": comparison,
            "ledger": "sales",
            "store_id": store,
            "currency": "GBP",
            "expected_amount": Decimal("12345.6700"),
            "found_amount": Decimal("12345.6700"),
            "expected_count": 21,
            "found_count": 21,
            "differing_days": 0,
            "first_differing_day": None,
        }
        for comparison, store in (
            ("lake_and_deltas", "leeds"),
            ("lake_and_deltas", "soho"),
            ("deltas_and_daily_sales", "soho"),
            ("deltas_and_period_books", "(all)"),
            ("uploads_and_lake", "soho"),
        )
    ],
    "roll_forward": [
        {
            "ledger": ledger,
            "currency": "GBP",
            "closing_before": Decimal("100.0000"),
            "opening": Decimal("100.0000"),
            "movements": Decimal("-0.0100"),
            "rolled": Decimal("99.9900"),
            "closing": Decimal("99.9900"),
            "delta_movements": Decimal("-0.0100"),
        }
        for ledger in ("accounts", "sales")
    ],
    "conservation": [
        {
            "scope": scope,
            "family": family,
            "received_count": 50,
            "outcome_count": 50,
            "quarantined_count": 0,
            "accepted_count": 42,
            "routed_count": 42,
            "in_window_count": 40,
            "pending_count": 0,
            "next_period_count": 1,
            "restated_count": 0,
            "rejected_count": 1,
        }
        for scope, family in (("lake", "(all)"), ("period", "sales"), ("arrivals", "(all)"))
    ],
    "exceptions": [
        {
            "group": group,
            "store_id": "(all)",
            "event_count": count,
            "amount": Decimal(count),
            "first_event_id": "e-7" if count else None,
        }
        for group, count in (
            ("pending, period", 0),
            ("pending, earlier", 0),
            ("rejected, period", 1),
        )
    ],
    "freshness": [
        {
            "kind": kind,
            "name": name,
            "last_heard": "2011-04-01",
            "state": "heard",
            "silent_days": 0,
            "usual_days": 1,
        }
        for kind, name in (("source", "till"), ("store", "leeds"), ("store", "soho"))
    ],
    "volume": [
        {
            "store_id": store,
            "week_events": Decimal("21.0"),
            "lowest_week": 18,
            "highest_week": 30,
            "low_limit": Decimal("9.0"),
            "high_limit": Decimal("60.0"),
            "state": "usual",
        }
        for store in ("leeds", "soho")
    ],
    "earlier_closes": [
        {
            "period_id": period,
            "ledger": "sales",
            "currency": "GBP",
            "closed_edition": 1,
            "closed_amount": Decimal(amount),
            "amount": Decimal(amount),
            "closed_count": count,
            "event_count": count,
        }
        for period, amount, count in (("(all)", "0.0000", 1), ("2011-02", "77.1000", 9))
    ],
}


def good_frames() -> dict[str, pd.DataFrame]:
    return {name: pd.DataFrame(rows, dtype=object) for name, rows in ROWS.items()}


def broken(frame: str, row: int, **values: Value) -> dict[str, pd.DataFrame]:
    """The good frames with these values in one row of one of them."""
    frames = good_frames()
    for column, value in values.items():
        frames[frame].at[row, column] = value
    return frames
