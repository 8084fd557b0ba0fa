"""Late arrivals -> a backfill of exactly the periods they touch.

Asks the published edition, so that what is late is decided once, by the models: corrections and
exceptions of commits not looked at yet. Says no until an edition shows newer ones. Adds the periods
that hold figures to the partitions, late or not, so that a person can plan each. Called by Dagster.
"""

from dagster import (
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from ingestion.control.books import load_books
from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from orchestration.home import Home
from orchestration.queries.edition_reader import open_edition
from orchestration.scheduling import keys
from orchestration.scheduling.partitions import PERIODS, period_ids
from orchestration.scheduling.sensors.cursor import Cursor, read_cursor
from orchestration.settings import Settings

LOOK_SECONDS = 10
"""A look at a new edition reads three append-only tables behind a watermark, and the books by
period: some 40 ms."""

LATE_DAYS = """
select business_date from sales_corrections where commit_seq > $after
union
select business_date from account_balance_versions where is_correction and commit_seq > $after
union
select business_date from late_event_exceptions where commit_seq > $after
"""

PERIODS_WITH_FIGURES = """
select charge_period as period_id from period_sales
union
select posting_period from period_sales
union
select posting_period from balance_rollforward
order by period_id
"""


def late_arrivals_sensor(job_name: str) -> SensorDefinition:
    """Asks for `job_name`, one run per period."""

    @sensor(
        name="late_arrivals",
        job_name=job_name,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Corrections and exceptions ask for the periods they touch, and no other.",
    )
    def late_arrivals(
        context: SensorEvaluationContext, settings: ResourceParam[Settings]
    ) -> SensorResult | SkipReason:
        home = Home.of(settings)
        if not home.current.exists():
            return SkipReason("Nothing is published yet.")
        lake_id = CommitLog(LocalStore(home.lake)).read(0).commit.lake_id
        seen = read_cursor(context.cursor, lake_id=lake_id)
        with open_edition(home) as reader:
            shown = reader.edition.commit_seq
            if shown <= seen.commit:
                return SkipReason(f"The edition shows commit {shown}, looked at before.")
            late = [row["business_date"] for row in reader.rows(LATE_DAYS, {"after": seen.commit})]
            held = [row["period_id"] for row in reader.rows(PERIODS_WITH_FIGURES, {})]
        now = Cursor(lake_id, shown)
        touched = period_ids(load_books(home.lake).calendar, late)
        nothing = f"Commits {seen.commit + 1} to {shown} brought nothing late."
        return SensorResult(
            run_requests=[_request(now, seen.commit, period) for period in touched],
            skip_reason=None if touched else nothing,
            dynamic_partitions_requests=[PERIODS.build_add_request(sorted({*held, *touched}))],
            cursor=now.written(),
        )

    return late_arrivals


def _request(now: Cursor, seen: int, period: str) -> RunRequest:
    return RunRequest(
        run_key=f"{now.lake_id}-late-{period}-{now.commit}",
        partition_key=period,
        tags={
            keys.LAKE_TAG: now.lake_id,
            keys.PERIOD_TAG: period,
            keys.COMMIT_TAG: f"{seen + 1}-{now.commit}",
        },
    )
