"""A period's figures as readers see them, one partition per period: totals, days, lateness.

Holds the questions asked of the edition. Changes nothing. Made anew for exactly the periods that
late events touch. Called by `definitions`.
"""

from collections.abc import Mapping

from dagster import (
    AssetExecutionContext,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    asset,
)

from ingestion.control.books import load_books
from ledger.calendar import Period
from orchestration.home import Home
from orchestration.queries.edition_reader import EditionReader, open_edition
from orchestration.scheduling import keys
from orchestration.scheduling.partitions import PERIODS
from orchestration.scheduling.shown.curves import COLOURS, daily_curve, lateness_curve
from orchestration.scheduling.shown.tables import table
from orchestration.settings import Settings

STORES_DRAWN = len(COLOURS)
"""Those with the most events; the table holds all."""

CONTROL_TOTALS = """
select currency, store_id, sum(event_count)::bigint as events, sum(amount) as amount,
    sum(reported_amount) as reported_amount, sum(correction_amount) as corrections
from daily_sales
where business_date >= $first_date and business_date < $end_date
group by currency, store_id order by currency, store_id
"""

DAILY_SALES = """
select currency, business_date, sum(amount) as amount
from daily_sales
where business_date >= $first_date and business_date < $end_date
group by currency, business_date order by currency, business_date
"""

EXCEPTIONS = """
select status, currency, count(*) as events, sum(amount) as amount, max(lateness_days) as days_late
from late_event_exceptions
where business_date >= $first_date and business_date < $end_date
group by status, currency order by status, currency
"""

LATENESS = """
with known as (
    select store_id, lateness_days, sum(delta_event_count) as events
    from daily_sales_versions
    where business_date >= $first_date and business_date < $end_date
    group by store_id, lateness_days
)
select
    store_id,
    lateness_days,
    (100 * sum(events) over (partition by store_id order by lateness_days)
        / sum(events) over (partition by store_id))::decimal(7, 3) as known_percent
from known
qualify store_id in (
    select store_id from known group by store_id order by sum(events) desc, store_id limit $stores
)
order by store_id, lateness_days
"""


@asset(
    key=keys.PERIOD_FIGURES,
    deps=[keys.EDITION],
    partitions_def=PERIODS,
    group_name="periods",
    kinds={"duckdb"},
    description="Control totals, days and lateness of one period, as the edition shows them.",
)
def period_figures(
    context: AssetExecutionContext, settings: ResourceParam[Settings]
) -> MaterializeResult[None]:
    """Ask the edition about one period."""
    home = Home.of(settings)
    period = load_books(home.lake).calendar.get(context.partition_key)
    with open_edition(home) as reader:
        return MaterializeResult(metadata=_metadata(reader, period))


def _metadata(reader: EditionReader, period: Period) -> Mapping[str, MetadataValue]:
    days = {"first_date": period.first_date, "end_date": period.end_date}
    totals = reader.rows(CONTROL_TOTALS, days)
    exceptions = reader.rows(EXCEPTIONS, days)
    return {
        "edition": MetadataValue.int(reader.edition.number),
        "commit": MetadataValue.int(reader.edition.commit_seq),
        "dagster/row_count": MetadataValue.int(sum(row["events"] for row in totals)),
        "control_totals": table(totals),
        "exceptions": table(exceptions),
        "daily_sales": daily_curve(reader.rows(DAILY_SALES, days)),
        "lateness": lateness_curve(reader.rows(LATENESS, {**days, "stores": STORES_DRAWN})),
    }
