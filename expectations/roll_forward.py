"""Does opening plus movements give closing?

Holds the suite over frame `roll_forward`: one row per ledger and currency. Does not query.
Called by `expectations.suites`.
"""

from expectations.suite import Control, Equal, Suite, Where

SUITE = Suite(
    name="roll_forward",
    question="Does opening plus movements give closing?",
    columns={
        "ledger": "accounts: balances from period to period. sales: as reported, plus corrections,"
        " is current.",
        "currency": "ISO 4217 code; (none) when the ledger has no figures.",
        "closing_before": "Closing of the period before (accounts); of sales the opening itself.",
        "opening": "Opening balance; of sales the figure as reported.",
        "movements": "Sum of the period's movements; of sales the sum of corrections.",
        "rolled": "opening + movements.",
        "closing": "Closing balance; of sales the figure as known now.",
        "delta_movements": "The movements once more, summed from the deltas.",
    },
    key=("ledger", "currency"),
    controls=(
        Control(
            name="opening_is_the_closing_of_the_period_before",
            question="Does each account ledger open with what the period before closed with?",
            remedy="Run `ledgerlake build --full-refresh`; if it stays, look at balance_rollforward"
            " of both periods.",
            check=Equal(expected="closing_before", found="opening"),
            where=Where(column="ledger", value="accounts"),
        ),
        Control(
            name="opening_plus_movements_is_closing",
            question="Does opening plus movements give closing, to the cent?",
            remedy="Run `ledgerlake build --full-refresh`; if it stays, `ledgerlake verify`.",
            check=Equal(expected="rolled", found="closing"),
        ),
        Control(
            name="movements_are_those_of_the_deltas",
            question="Are the movements the sums of what the commits brought?",
            remedy="Run `ledgerlake build --full-refresh`; if it stays, `ledgerlake verify`.",
            check=Equal(expected="delta_movements", found="movements"),
        ),
    ),
)
