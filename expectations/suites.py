"""All suites, in the order a controller reads them.

Does not define any. Called by `expectations.gate`, the documents' test and the plan.
"""

from expectations import (
    completeness,
    conservation,
    control_totals,
    earlier_closes,
    exceptions,
    freshness,
    roll_forward,
    volume,
)
from expectations.suite import Control, Suite

SUITES: tuple[Suite, ...] = (
    completeness.SUITE,
    control_totals.SUITE,
    roll_forward.SUITE,
    conservation.SUITE,
    exceptions.SUITE,
    freshness.SUITE,
    volume.SUITE,
    earlier_closes.SUITE,
)


def control_named(name: str) -> Control:
    """The control of that name, unique over all suites. KeyError if there is none."""
    return {one.name: one for suite in SUITES for one in suite.controls}[name]
