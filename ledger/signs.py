"""Which event types count down in figures.

Holds the names. The twin for SQL is `counts_down` in dbt_project/macros/deltas/figures.sql; a test
holds them equal. Called by whoever sums amounts outside the models.
"""

from typing import Final

COUNTS_DOWN: Final = ("SaleRefunded", "FundsWithdrawn", "FundsCaptured")
"""Types whose amount, positive in the event, is taken off what is summed."""
