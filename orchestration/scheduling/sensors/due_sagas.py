"""Sagas with a call that is due -> a run that makes the due calls, one at a time.

Looks at the journal and at no lake. Calls move money of the outside world, so it is off
until somebody turns it on; `ledgerlake saga run --watch` does the same without Dagster. Called by
Dagster.
"""

from dagster import (
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from ingestion.journal import Journal
from ingestion.lake.writer import Clock
from orchestration.home import Home
from orchestration.sagas.desk import due_sagas as count_due
from orchestration.scheduling import keys
from orchestration.scheduling.run_states import UNDER_WAY
from orchestration.settings import Settings

LOOK_SECONDS = 30
"""A look counts what is due in an index: milliseconds. A run takes 10 s to start."""


def due_sagas_sensor(job_name: str) -> SensorDefinition:
    """Asks for `job_name`."""

    @sensor(
        name="due_sagas",
        job_name=job_name,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=DefaultSensorStatus.STOPPED,
        description="Sagas with a call that is due ask for a run that makes it.",
    )
    def due_sagas(
        context: SensorEvaluationContext,
        settings: ResourceParam[Settings],
        now: ResourceParam[Clock],
    ) -> SensorResult | SkipReason:
        home = Home.of(settings)
        if not home.journal_url and not home.journal_file.is_file():
            return SkipReason("No journal yet: the first command makes it.")
        wanted = RunsFilter(job_name=job_name, statuses=UNDER_WAY)
        for run in context.instance.get_runs(wanted, limit=1):
            return SkipReason(f"Run {run.run_id[:8]} is at it ({run.status.value}).")
        now_us = now()
        journal = Journal.open(home.journal, now=now)
        try:
            due = count_due(journal, now_us=now_us)
        finally:
            journal.close()
        if not due:
            return SkipReason("No saga has a call that is due.")
        # A run that failed is asked for again at the next look: its calls are still due.
        request = RunRequest(run_key=f"sagas-{now_us}", tags={keys.DUE_SAGAS_TAG: str(due)})
        return SensorResult(run_requests=[request])

    return due_sagas
