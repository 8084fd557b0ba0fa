"""What the gate will find, in plain Python: the same questions of the same rows, asked ahead of it.

Holds the three checks without Great Expectations, which takes six seconds to load and one to ask.
Its verdict on the same frames is the gate's (a test compares every control); nothing is closed on
it. Called by `expectations.gate`.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from expectations.suite import AtMost, Check, Control, Equal, Suite
from expectations.verdict import SAMPLE_ROWS, Found

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]


def foreseen(suite: Suite, control: Control, frame: "pd.DataFrame") -> Found:
    """What the control will find in the frame of its suite."""
    where, breaks = control.where, _breaks(control.check)
    rows: list[Row] = frame.to_dict("records")
    rows = [row for row in rows if where is None or row[where.column] == where.value]
    breaking = [row for row in rows if breaks(row)]
    shown = dict.fromkeys((*control.check.columns, *suite.key))
    return Found(
        looked_at=len(rows),
        breaking=len(breaking),
        sample=tuple({name: _text(row[name]) for name in shown} for row in breaking[:SAMPLE_ROWS]),
    )


def _breaks(check: Check) -> Callable[[Row], bool]:
    if isinstance(check, Equal):
        one, other = check.columns
        # A missing value is a difference, also from another one.
        return lambda row: _text(row[one]) is None or bool(row[one] != row[other])
    if isinstance(check, AtMost):
        column, limit = check.columns
        return lambda row: not row[column] <= row[limit]
    name, values = check.column, check.values
    return lambda row: row[name] not in values


def _text(value: object) -> str | None:
    missing = value is None or value != value  # noqa: PLR0124  # NaN alone differs from itself
    return None if missing else str(value)
