"""Is anyone silent who used to send?

Holds the suite over frame `freshness`: one row per source and per store that sent in the period or
the eight weeks before. Does not query. Called by `expectations.suites`.
"""

from expectations.suite import AtMost, Control, OneOf, Severity, Suite, Where

SUITE = Suite(
    name="freshness",
    question="Is anyone silent who used to send?",
    columns={
        "kind": "source or store.",
        "name": "Of the source or store; (none) when there is none of the kind.",
        "last_heard": "Source: day (UTC) of its last arrival of business events. Store: its last"
        " business date with events in the period or before it. ISO.",
        "state": "heard, stale (source: sent before the period ended, nothing since).",
        "silent_days": "Days without events up to the period's last day (store), else 0.",
        "usual_days": "Longest run of days without events in these weeks; the whole time for a"
        " store that traded on fewer than eight days.",
    },
    key=("kind", "name", "last_heard"),
    controls=(
        Control(
            name="every_source_was_heard_after_the_period",
            question="Has every source delivered something since the period ended?",
            remedy="Ask the source whether more is to come; acknowledge if it has been retired.",
            check=OneOf(column="state", values=("heard",)),
            severity=Severity.WARNING,
            where=Where(column="kind", value="source"),
        ),
        Control(
            name="no_store_is_silent_longer_than_usual",
            question="Was no store silent at the end of the period for longer than it has been?",
            remedy="Ask the store; acknowledge if it was closed.",
            check=AtMost(column="silent_days", limit="usual_days"),
            severity=Severity.WARNING,
            where=Where(column="kind", value="store"),
        ),
    ),
)
