"""Has a figure changed that was closed before?

Holds the suite over frame `earlier_closes`: one row per earlier closed period, ledger and currency,
and one row that counts the closes. Does not query. Called by `expectations.suites`.
"""

from expectations.suite import Control, Equal, Suite

SUITE = Suite(
    name="earlier_closes",
    question="Has a figure changed that was closed before?",
    columns={
        "period_id": "Earlier period that is closed now; (all) in the row that counts them: amounts"
        " 0, closed_count by the lake's control events, event_count by accounting_periods.",
        "ledger": "sales or accounts.",
        "currency": "ISO 4217 code.",
        "closed_edition": "The newest closed edition of the period.",
        "closed_amount": "Amount stated by the gate when that edition closed; null if it is not.",
        "amount": "Amount of the period in period_sales or balance_rollforward now.",
        "closed_count": "Events stated by the gate when that edition closed.",
        "event_count": "Events of the period there now.",
    },
    key=("period_id", "ledger", "currency", "closed_edition"),
    controls=(
        Control(
            name="closed_amounts_have_not_changed",
            question="Is every amount of a closed period what its close stated?",
            remedy="Run `ledgerlake verify`, then `ledgerlake build --full-refresh`: a closed"
            " figure moves only by reopening its period.",
            check=Equal(expected="closed_amount", found="amount"),
        ),
        Control(
            name="closed_counts_have_not_changed",
            question="Is every number of events of a closed period what its close stated?",
            remedy="Run `ledgerlake verify`, then `ledgerlake build --full-refresh`.",
            check=Equal(expected="closed_count", found="event_count"),
        ),
    ),
)
