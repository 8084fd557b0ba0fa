"""New commit -> incremental build and publish, once per head of the lake.

Says no while the edition shows the head, while a run that has not started yet will build it, and
after a run for this very head ended: a person or the next commit goes on. Called by Dagster.
"""

from dataclasses import dataclass

from dagster import (
    DagsterRun,
    DagsterRunStatus,
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

from ingestion.lake.commit import Commit
from ingestion.lake.log import CommitLog
from ingestion.lake.store import LocalStore
from orchestration.home import Home
from orchestration.publish import edition as editions
from orchestration.publish.current_file import read_pointer
from orchestration.scheduling import keys
from orchestration.scheduling.assets.lake import observed
from orchestration.scheduling.run_states import NOT_STARTED
from orchestration.scheduling.sensors.cursor import Cursor, read_cursor
from orchestration.settings import Settings
from orchestration.status import head_of

LOOK_SECONDS = 5
"""A look costs about 10 ms; a run takes 10 s to start, so more often gains nothing."""


def new_commits_sensor(job_name: str) -> SensorDefinition:
    """Asks for `job_name`."""

    @sensor(
        name="new_commits",
        job_name=job_name,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="A new commit asks for an incremental build and an edition.",
    )
    def new_commits(
        context: SensorEvaluationContext, settings: ResourceParam[Settings]
    ) -> SensorResult | SkipReason:
        home = Home.of(settings)
        log = CommitLog(LocalStore(home.lake))
        if not log.exists(0):
            return SkipReason(f"No lake in {home.root}: `ledgerlake init` makes one.")
        asked = read_cursor(context.cursor, lake_id=log.read(0).commit.lake_id)
        head = head_of(log, after=asked.commit)
        answer = _answer(_Runs(context, job_name, head), _shown(home), head, asked)
        if isinstance(answer, SkipReason):
            return answer
        return answer._replace(asset_events=[observed(home)])

    return new_commits


@dataclass(frozen=True)
class _Runs:
    """Runs of the job that were asked for because of this lake."""

    context: SensorEvaluationContext
    job_name: str
    head: Commit

    def not_started(self) -> DagsterRun | None:
        return self._newest({}, NOT_STARTED)

    def for_head(self) -> DagsterRun | None:
        return self._newest({keys.COMMIT_TAG: str(self.head.seq)}, None)

    def _newest(
        self, tags: dict[str, str], statuses: list[DagsterRunStatus] | None
    ) -> DagsterRun | None:
        wanted = RunsFilter(
            job_name=self.job_name,
            tags={keys.LAKE_TAG: self.head.lake_id, **tags},
            statuses=statuses,
        )
        return next(iter(self.context.instance.get_runs(wanted, limit=1)), None)


def _answer(runs: _Runs, shown: int, head: Commit, asked: Cursor) -> SensorResult | SkipReason:
    if shown >= head.seq:
        return SkipReason(f"The edition shows commit {shown}, the head of the lake.")
    if asked.commit >= head.seq:
        return SkipReason(_already(runs, head))
    waiting = runs.not_started()
    if waiting:
        return SkipReason(
            f"Run {waiting.run_id[:8]} has not started yet; it will build commit {head.seq} too."
        )
    request = RunRequest(
        run_key=f"{head.lake_id}-commit-{head.seq}",
        tags={keys.LAKE_TAG: head.lake_id, keys.COMMIT_TAG: str(head.seq)},
    )
    return SensorResult(run_requests=[request], cursor=Cursor(head.lake_id, head.seq).written())


def _already(runs: _Runs, head: Commit) -> str:
    asked = f"Commit {head.seq} was asked for"
    run = runs.for_head()
    if run is None:
        return f"{asked}; its run is gone. Start the job by hand, or wait for the next commit."
    if run.is_finished:
        return (
            f"{asked}; run {run.run_id[:8]} ended as {run.status.value} without publishing it."
            " Repair what failed and start the job, or wait for the next commit."
        )
    return f"{asked}; run {run.run_id[:8]} is at it ({run.status.value})."


def _shown(home: Home) -> int:
    """The commit the edition shows, -1 without one."""
    pointer = read_pointer(home)
    return editions.read(home.editions, pointer.number).commit_seq if pointer else -1
