"""Has every store sent every day of the period?

Holds the suite over frame `completeness`: one row per store known at the cut and business date of
the period. Does not query. Called by `expectations.suites`.
"""

from expectations.suite import Control, OneOf, Severity, Suite

ARRIVED = "arrived"
CLOSED = "closed"
UPLOAD_MISSING = "upload_missing"
EVENTS_MISSING = "events_missing"
SILENT = "silent"

SUITE = Suite(
    name="completeness",
    question="Has every store sent every day of the period?",
    columns={
        "store_id": "Store; (none) when no store is known at all.",
        "business_date": "Day of the period, ISO.",
        "sends_day_totals": "Whether the store has uploaded a day total in the period or the"
        " eight weeks before it.",
        "is_expected": "Whether the store traded on this weekday in all eight weeks before.",
        "uploaded_count": "Events by the store's own StoreDayUploaded; null when there is none.",
        "event_count": "Events of the store and day in the lake, late ones included.",
        "state": "arrived, closed (nothing sent, nothing expected, or a total of 0 uploaded),"
        " upload_missing, events_missing, silent (nothing sent though expected; store without day"
        " totals).",
    },
    key=("store_id", "business_date"),
    controls=(
        Control(
            name="every_store_day_is_uploaded",
            question="Has every trading day of the stores that send day totals its total?",
            remedy="Ask the store for the day's total; a closed day is a total of 0 events.",
            check=OneOf(column="state", values=(ARRIVED, CLOSED, EVENTS_MISSING, SILENT)),
        ),
        Control(
            name="every_uploaded_day_has_arrived",
            question="Has a day for which the store claims events brought any?",
            remedy="Ask the source to send the day's events again; duplicates do no harm.",
            check=OneOf(column="state", values=(ARRIVED, CLOSED, UPLOAD_MISSING, SILENT)),
        ),
        Control(
            name="no_expected_store_day_is_silent",
            question="Did every store trade on the weekdays it has traded on for eight weeks?",
            remedy="Ask whether the store was closed; if so acknowledge the warning, or upload a"
            " StoreDayUploaded with 0 events.",
            check=OneOf(column="state", values=(ARRIVED, CLOSED, UPLOAD_MISSING, EVENTS_MISSING)),
            severity=Severity.WARNING,
        ),
    ),
)
