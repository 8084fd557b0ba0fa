"""The edition readers see, as an asset: made of the models, in one step.

Holds what is shown of an edition. Does not decide what is published (`orchestration.publish`
does, and refuses after a failed build). Called by `definitions`.
"""

from collections.abc import Iterable, Mapping

from dagster import (
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    RetryRequested,
    asset,
)

from orchestration.home import Home
from orchestration.locks import Busy
from orchestration.publish import edition as editions
from orchestration.publish.publisher import Published, publish
from orchestration.queries.edition_reader import open_edition
from orchestration.scheduling import keys
from orchestration.scheduling.assets.models import BUSY_RETRIES, BUSY_SECONDS
from orchestration.scheduling.manifest import Manifest
from orchestration.scheduling.shown.curves import daily_curve
from orchestration.scheduling.shown.tables import table
from orchestration.settings import Settings
from orchestration.status import at

DAYS_DRAWN = 60
"""Two months: last month whole beside this one, still a readable curve."""

CONTROL_TOTALS = """
select currency, count(*) as cells, min(business_date) as first_day,
    max(business_date) as last_day, sum(event_count)::bigint as events, sum(amount) as amount,
    sum(reported_amount) as reported_amount, sum(correction_amount) as corrections
from daily_sales group by currency order by currency
"""

DAILY_SALES = """
select currency, business_date, sum(amount) as amount from daily_sales
where business_date > (select max(business_date) from daily_sales) - $days::integer
group by currency, business_date order by currency, business_date
"""


def edition_asset(manifest: Manifest) -> AssetsDefinition:
    """The edition behind all models that `manifest` publishes."""

    @asset(
        key=keys.EDITION,
        deps=list(_published(manifest)),
        group_name="edition",
        kinds={"duckdb", "parquet"},
        pool=keys.WAREHOUSE_POOL,
        description="The whole, immutable state of the marts that readers open.",
    )
    def edition(settings: ResourceParam[Settings]) -> MaterializeResult[None]:
        try:
            published = publish(settings)
        except Busy as busy:
            raise RetryRequested(BUSY_RETRIES, seconds_to_wait=BUSY_SECONDS) from busy
        return MaterializeResult(metadata=_metadata(Home.of(settings), published))

    return edition


def _published(manifest: Manifest) -> Iterable[AssetKey]:
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and {"publish", "definition"} & {
            *node["config"]["meta"]
        }:
            yield AssetKey(node["name"])


def _metadata(home: Home, done: Published) -> Mapping[str, MetadataValue]:
    manifest = editions.read(home.editions, done.edition)
    with open_edition(home) as reader:
        totals = reader.rows(CONTROL_TOTALS, {})
        days = reader.rows(DAILY_SALES, {"days": DAYS_DRAWN})
    return {
        "edition": MetadataValue.int(done.edition),
        "changed": MetadataValue.bool(done.changed),
        "commit": MetadataValue.int(done.commit_seq),
        "known_as_of": MetadataValue.timestamp(at(manifest.ingest_time_us)),
        "dagster/row_count": MetadataValue.int(done.rows),
        "files_written": MetadataValue.int(done.files_written),
        "bytes_written": MetadataValue.int(done.bytes_written),
        "tables": table([{"table": one.name, "rows": one.rows} for one in manifest.tables]),
        "control_totals": table(totals),
        "daily_sales": daily_curve(days),
    }
