"""The period clock: `close_at` -> soft close and plan, one period at a time, the oldest first.

Says no until the oldest Open period's `close_at`, and while the run for it was asked for already.
Changes the books without a person, so it is off until somebody turns it on. Called by Dagster.
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

from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from ingestion.lake.writer import Clock
from orchestration.desk.clock import next_due
from orchestration.home import Home
from orchestration.scheduling import keys
from orchestration.scheduling.partitions import PERIODS
from orchestration.settings import Settings

LOOK_SECONDS = 300
"""A look reads the commit log; `close_at` is set in hours."""


def period_clock_sensor(job_name: str) -> SensorDefinition:
    """Asks for `job_name`."""

    @sensor(
        name="period_clock",
        job_name=job_name,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=DefaultSensorStatus.STOPPED,
        description="When a period's close_at has passed: close it softly and plan its close.",
    )
    def period_clock(
        context: SensorEvaluationContext,
        settings: ResourceParam[Settings],
        now: ResourceParam[Clock],
    ) -> SensorResult | SkipReason:
        log = CommitLog(LocalStore(Home.of(settings).lake))
        if not log.exists(0):
            return SkipReason("No lake yet: `ledgerlake init` makes one.")
        due = next_due(settings, now_us=now())
        period = due.period_id
        if not due.passed:
            return SkipReason(f"{period} is the oldest Open period; close_at is {due.close_at}.")
        run_key = f"{log.read(0).commit.lake_id}-close-at-{due.calendar_version}-{period}"
        if context.cursor == run_key:
            return SkipReason(f"{period} was asked for and is still Open: see that run.")
        return SensorResult(
            run_requests=[
                RunRequest(
                    run_key=run_key,
                    partition_key=period,
                    tags={keys.PERIOD_TAG: period},
                    run_config={"ops": {"close_plan": {"config": {"soft_close": True}}}},
                )
            ],
            dynamic_partitions_requests=[PERIODS.build_add_request([period])],
            cursor=run_key,
        )

    return period_clock
