"""Exact division of whole numbers, rounded one declared way.

Holds the modes and `divide`. No float, no decimal context. Called by `ledger.interest.accrual`; the
SQL engine says the same in SQL.
"""

from typing import Literal

Rounding = Literal["half_even", "half_away", "toward_zero"]
"""half_even: a tie goes to the even neighbour. half_away: a tie goes away from zero."""


def divide(numerator: int, denominator: int, mode: Rounding) -> int:
    """`numerator / denominator` (above 0) as a whole number; the sign does not matter to it."""
    size = abs(numerator)
    if mode == "toward_zero":
        whole = size // denominator
    else:
        whole, left = divmod(2 * size + denominator, 2 * denominator)
        whole -= mode == "half_even" and left == 0 and whole % 2 == 1
    return whole if numerator >= 0 else -whole
