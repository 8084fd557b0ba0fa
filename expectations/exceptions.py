"""Has a person decided on every event that came too late?

Holds the suite over frame `exceptions`: one row per scope, status and store. Does not query.
Called by `expectations.suites`.
"""

from expectations.suite import Control, OneOf, Severity, Suite, Where

PENDING_IN_PERIOD = "pending, period"
PENDING_BEFORE = "pending, earlier"

SUITE = Suite(
    name="exceptions",
    question="Has a person decided on every event that came too late?",
    columns={
        "group": "Status and whether the events' business dates lie in the period or earlier, as"
        " in `pending, period`.",
        "store_id": "Store; (all) for the sum over stores, which is always there.",
        "event_count": "Exceptions.",
        "amount": "Sum of their amounts, exact decimal, whatever the currency.",
        "first_event_id": "The exception that arrived first; null when there is none.",
    },
    key=("group", "store_id", "first_event_id"),
    controls=(
        Control(
            name="no_exception_of_the_period_is_pending",
            question="Is every exception of the period decided?",
            remedy="`ledgerlake exceptions list` shows them, `ledgerlake exceptions decide` asks"
            " for a decision; another person approves.",
            check=OneOf(column="event_count", values=(0,)),
            where=Where(column="group", value=PENDING_IN_PERIOD),
        ),
        Control(
            name="no_exception_of_an_earlier_period_is_pending",
            question="Is every exception of earlier periods decided?",
            remedy="Decide them, or acknowledge that they will be booked later.",
            check=OneOf(column="event_count", values=(0,)),
            severity=Severity.WARNING,
            where=Where(column="group", value=PENDING_BEFORE),
        ),
    ),
)
