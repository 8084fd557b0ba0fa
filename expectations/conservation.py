"""Is every event that arrived in exactly one place?

Holds the suite over frame `conservation`: one row for the lake and one per family for the period.
Does not query. Called by `expectations.suites`.
"""

from expectations.suite import Control, Equal, OneOf, Severity, Suite, Where

SUITE = Suite(
    name="conservation",
    question="Is every event that arrived in exactly one place?",
    columns={
        "scope": "lake: all commits up to the cut; period: events whose business date lies in it;"
        " arrivals: rows received while the period ran.",
        "family": "sales or accounts; (all) for the lake.",
        "received_count": "Rows received.",
        "outcome_count": "accepted + duplicate + quarantined.",
        "quarantined_count": "Rows quarantined.",
        "accepted_count": "Events accepted: by the commits' tree size (lake), by the segments"
        " (period).",
        "routed_count": "in_window + pending + next_period + restated + rejected + not routed.",
        "in_window_count": "Events booked to their day on arrival.",
        "pending_count": "Exceptions that wait for a decision.",
        "next_period_count": "Exceptions booked as prior-period adjustments.",
        "restated_count": "Exceptions booked by a restatement.",
        "rejected_count": "Exceptions that people rejected.",
    },
    key=("scope", "family"),
    controls=(
        Control(
            name="received_rows_are_accepted_duplicate_or_quarantined",
            question="Has the lake dropped nothing that it received?",
            remedy="Run `ledgerlake verify`: the commit log does not add up.",
            check=Equal(expected="received_count", found="outcome_count"),
            where=Where(column="scope", value="lake"),
        ),
        Control(
            name="lake_events_are_the_sum_of_their_routes",
            question="Is every event of the lake in exactly one route?",
            remedy="Run `ledgerlake build --full-refresh`; if it stays, `ledgerlake verify`.",
            check=Equal(expected="accepted_count", found="routed_count"),
            where=Where(column="scope", value="lake"),
        ),
        Control(
            name="period_events_are_the_sum_of_their_routes",
            question="Is every event of the period booked, pending, decided or rejected, once?",
            remedy="Run `ledgerlake build --full-refresh`; if it stays, `ledgerlake verify`.",
            check=Equal(expected="accepted_count", found="routed_count"),
            where=Where(column="scope", value="period"),
        ),
        Control(
            name="no_row_of_the_period_is_quarantined",
            question="Did every row received while the period ran keep its contract?",
            remedy="Look at the rows with `ledgerlake status`; send them again in order, or"
            " acknowledge that they stay out.",
            check=OneOf(column="quarantined_count", values=(0,)),
            severity=Severity.WARNING,
            where=Where(column="scope", value="arrivals"),
        ),
    ),
)
