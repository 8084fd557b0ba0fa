"""Pending exceptions and failed runs -> people are told, once each.

These ask for no run: a run would need 10 s to say what is known already. A look that could not
tell fails, keeps its cursor and is made again. Says no when there is nothing new to tell.
Called by Dagster.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    ResourceParam,
    RunRecord,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from ingestion.lake.writer import Clock
from orchestration.alerts import Alert, Alerts
from orchestration.home import Home
from orchestration.queries.edition_reader import open_edition
from orchestration.scheduling.sensors.cursor import Cursor, read_cursor
from orchestration.settings import Settings
from orchestration.status import at

LOOK_SECONDS = 30
"""People do not act faster."""

LOOK_BACK = timedelta(hours=1)
"""Runs are looked at again this long after: the clocks of two machines may differ, and telling
again tells nothing. The first look goes as far back."""

PENDING = """
select
    count(*) as pending,
    count(*) filter (commit_seq > $after) as new,
    max(commit_seq) as newest,
    min(business_date) as oldest_day,
    count(distinct store_id) as stores
from late_event_exceptions where status = 'pending'
"""


def pending_exceptions_sensor() -> SensorDefinition:
    """Tells when exceptions wait that were not told of yet."""

    @sensor(
        name="pending_exceptions",
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Late events that wait for a decision: people are told.",
    )
    def pending_exceptions(
        context: SensorEvaluationContext,
        settings: ResourceParam[Settings],
        alerts: ResourceParam[Alerts],
    ) -> SkipReason:
        home = Home.of(settings)
        if not home.current.exists():
            return SkipReason("Nothing is published yet.")
        lake_id = CommitLog(LocalStore(home.lake)).read(0).commit.lake_id
        told = read_cursor(context.cursor, lake_id=lake_id)
        with open_edition(home) as reader:
            found = reader.rows(PENDING, {"after": told.commit})[0]
        if not found["pending"]:
            return SkipReason("No exception is pending.")
        if not found["new"]:
            return SkipReason(f"{found['pending']} pending, all told of before.")
        alerts.tell(
            Alert(
                alert_id=f"{lake_id}-exceptions-{found['newest']}",
                kind="pending_exceptions",
                title=f"{found['pending']} late events wait for a decision, {found['new']} new",
                details={
                    "pending": found["pending"],
                    "new": found["new"],
                    "stores": found["stores"],
                    "oldest_business_date": str(found["oldest_day"]),
                    "newest_commit": found["newest"],
                },
            )
        )
        context.update_cursor(Cursor(lake_id, found["newest"]).written())
        return SkipReason(f"Told: {found['new']} new exceptions of {found['pending']} pending.")

    return pending_exceptions


def failed_runs_sensor() -> SensorDefinition:
    """Tells of every run that failed."""

    @sensor(
        name="failed_runs",
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Runs that failed: people are told.",
    )
    def failed_runs(
        context: SensorEvaluationContext,
        alerts: ResourceParam[Alerts],
        now: ResourceParam[Clock],
    ) -> SkipReason:
        since = _since(context.cursor) or at(now())
        records = list(_failed_since(context.instance, since - LOOK_BACK))
        told = [
            record.dagster_run.run_id[:8]
            for record in records
            if alerts.tell(_alert(context.instance, record))
        ]
        newest = max([since, *(_utc(record.update_timestamp) for record in records)])
        context.update_cursor(json.dumps({"until": newest.isoformat()}))
        if told:
            return SkipReason(f"Told of failed runs {', '.join(told)}.")
        return SkipReason("No run failed that was not told of before.")

    return failed_runs


def _since(cursor: str | None) -> datetime | None:
    return datetime.fromisoformat(json.loads(cursor)["until"]) if cursor else None


def _utc(moment: datetime) -> datetime:
    """Dagster's storage gives instants of UTC without saying so."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _failed_since(instance: DagsterInstance, since: datetime) -> Iterator[RunRecord]:
    """Runs that failed since, oldest first."""
    wanted = RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=since)
    yield from instance.get_run_records(wanted, order_by="update_timestamp", ascending=True)


def _alert(instance: DagsterInstance, record: RunRecord) -> Alert:
    run = record.dagster_run
    reason = _reason(instance, run.run_id)
    return Alert(
        alert_id=f"run-failed-{run.run_id}",
        kind="failed_run",
        title=f"Run {run.run_id[:8]} of {run.job_name} failed",
        details={"run_id": run.run_id, "job": run.job_name, "reason": reason},
    )


def _reason(instance: DagsterInstance, run_id: str) -> str:
    """What the first failed step said, else what the run's last event said."""
    kinds = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}
    for entry in instance.all_logs(run_id, of_type=kinds):
        event = entry.dagster_event
        if event is None:
            continue
        if event.is_step_failure and (error := event.step_failure_data.error) is not None:
            # Dagster wraps what a step raised.
            return (error.cause or error).message.strip()
        return str(event.message)
    return "no reason given"
