"""Did each store send about as much as it used to?

Holds the suite over frame `volume`: one row per store. Does not query. Called by
`expectations.suites`.
"""

from expectations.suite import Control, OneOf, Severity, Suite

SUITE = Suite(
    name="volume",
    question="Did each store send about as much as it used to?",
    columns={
        "store_id": "Store; (none) when no store is known.",
        "week_events": "Events per week of the period (of its last week if it is shorter).",
        "lowest_week": "Fewest events in one of the eight weeks before the period.",
        "highest_week": "Most events in one of these weeks.",
        "low_limit": "Half of the lowest week.",
        "high_limit": "Twice the highest week.",
        "state": "usual, low, high, or new: fewer than 100 events in the eight weeks before.",
    },
    key=("store_id", "week_events", "low_limit", "high_limit"),
    controls=(
        Control(
            name="no_store_sent_far_less_than_usual",
            question="Is no store's week below half of its lowest in eight weeks?",
            remedy="Look for files that did not arrive; acknowledge if trade was slow.",
            check=OneOf(column="state", values=("usual", "high", "new")),
            severity=Severity.WARNING,
        ),
        Control(
            name="no_store_sent_far_more_than_usual",
            question="Is no store's week above twice its highest in eight weeks?",
            remedy="Look for events sent twice under new ids; acknowledge if trade was strong.",
            check=OneOf(column="state", values=("usual", "low", "new")),
            severity=Severity.WARNING,
        ),
    ),
)
