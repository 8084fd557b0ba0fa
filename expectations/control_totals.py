"""Do lake, deltas, marts and the stores' own totals agree to the cent?

Holds the suite over frame `control_totals`: one row per comparison and what it compares. Does not
query. Called by `expectations.suites`.
"""

from expectations.suite import Control, Equal, OneOf, Suite, Where

LAKE_AND_DELTAS = "lake_and_deltas"
DELTAS_AND_DAILY_SALES = "deltas_and_daily_sales"
DELTAS_AND_PERIOD_BOOKS = "deltas_and_period_books"
UPLOADS_AND_LAKE = "uploads_and_lake"

FROZEN = "period_books_amounts_are_those_of_the_deltas"
"""The control whose result states the figures that freeze; later closes compare with it."""

_REBUILD = "Run `ledgerlake build --full-refresh`; if it stays, `ledgerlake verify`."


def _three(comparison: str, what: str, remedy: str, *, may_be_empty: bool) -> tuple[Control, ...]:
    """Amounts, counts and single days of one comparison."""
    where = Where(column="comparison", value=comparison)
    return (
        Control(
            name=f"{what.replace('?', 'amounts')}",
            question=f"Comparison {comparison}: are the sums of the amounts the same?",
            remedy=remedy,
            check=Equal(expected="expected_amount", found="found_amount"),
            where=where,
            may_be_empty=may_be_empty,
            states=("ledger", "currency", "found_amount", "found_count")
            if comparison == DELTAS_AND_PERIOD_BOOKS
            else (),
        ),
        Control(
            name=f"{what.replace('?', 'counts')}",
            question=f"Comparison {comparison}: are the numbers of events the same?",
            remedy=remedy,
            check=Equal(expected="expected_count", found="found_count"),
            where=where,
            may_be_empty=may_be_empty,
        ),
        Control(
            name=f"{what.replace('?', 'days')}",
            question=f"Comparison {comparison}: do single days agree (no errors that cancel out)?",
            remedy=remedy,
            check=OneOf(column="differing_days", values=(0,)),
            where=where,
            may_be_empty=may_be_empty,
        ),
    )


SUITE = Suite(
    name="control_totals",
    question="Do lake, deltas, marts and the stores' own totals agree to the cent?",
    columns={
        "comparison": "lake_and_deltas, deltas_and_daily_sales, deltas_and_period_books or"
        " uploads_and_lake.",
        "ledger": "sales or accounts.",
        "store_id": "Store; (all) where the comparison is by currency.",
        "currency": "ISO 4217 code; (none) for events without an amount.",
        "expected_amount": "Sum on the side nearer to the source, exact decimal.",
        "found_amount": "Sum on the side nearer to the reader, exact decimal.",
        "expected_count": "Events on the side nearer to the source.",
        "found_count": "Events on the side nearer to the reader.",
        "differing_days": "Business dates on which amount or count differ.",
        "first_differing_day": "The first of them, ISO; null when there is none.",
    },
    key=("comparison", "ledger", "store_id", "currency", "first_differing_day"),
    controls=(
        *_three(
            LAKE_AND_DELTAS,
            "delta_?_are_those_of_the_lake",
            f"The warehouse does not hold what the lake holds. {_REBUILD}",
            may_be_empty=False,
        ),
        *_three(
            DELTAS_AND_DAILY_SALES,
            "daily_sales_?_are_those_of_the_deltas",
            _REBUILD,
            may_be_empty=False,
        ),
        *_three(
            DELTAS_AND_PERIOD_BOOKS,
            "period_books_?_are_those_of_the_deltas",
            _REBUILD,
            may_be_empty=False,
        ),
        *_three(
            UPLOADS_AND_LAKE,
            "event_?_are_those_the_stores_uploaded",
            "Ask the store for its list of the day and send what is missing; a wrong total is"
            " corrected by a new StoreDayUploaded.",
            may_be_empty=True,
        ),
    ),
)
